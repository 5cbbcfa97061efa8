import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { identifyImage } from '../app/identify.ts';
import { displayPath } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { defaultPort } from '../config/load.ts';
import { launch } from '../launch.ts';
import { loopback } from '../network.ts';
import {
  addMachineOptions,
  describeMachine,
  type MachineChoice,
  type MachineDefaults,
} from './machine-options.ts';

interface RunOptions extends MachineChoice {
  readonly initrd?: string;
}

/** `runtime run IMAGE`. */
export function register(program: Command): void {
  addMachineOptions(
    program
      .command('run')
      .description('boot an image that was built before')
      .argument('<image>', 'a folder with runtime and initrd, such as dist, or an image file')
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--initrd <file>', 'the initrd (default: the one beside the image)')
    .addHelpText(
      'after',
      '\nExamples:\n  runtime run dist\n  runtime run dist/runtime -p 3000 -m 256',
    )
    .action(async (image: string, parameters: string[], options: RunOptions) => {
      process.exitCode = await run(image, parameters, options);
    });
}

async function run(
  image: string,
  parameters: readonly string[],
  options: RunOptions,
): Promise<number> {
  const start = path.resolve(image);
  if (!existsSync(start)) throw new ToolError(`There is no image at ${displayPath(start)}.`);
  const isFolder = statSync(start).isDirectory();
  const file = isFolder ? path.join(start, 'runtime') : start;
  if (!existsSync(file)) {
    throw new ToolError(
      `${displayPath(start)} holds no image: there is no runtime in it. Make one with \`runtime build\`.`,
    );
  }
  await identifyImage(file);
  const initrd = path.resolve(options.initrd ?? path.join(path.dirname(file), 'initrd'));
  if (!existsSync(initrd)) {
    throw new ToolError(
      `There is no ${displayPath(initrd)}, which holds the app. Name it with --initrd, or build the app ` +
        'with `runtime build`.',
    );
  }
  const machine = await describeMachine(options, defaults(path.dirname(file)), parameters);
  const { consoleLog: _, ...rest } = machine;
  return (await launch({ ...rest, runtime: file, initrd })).code;
}

/** What an image is run with when nothing is said: it does not tell what its config said. */
function defaults(folder: string): MachineDefaults {
  return {
    memoryMegabytes: 512,
    cpus: 1,
    ports: [{ protocol: 'tcp', address: loopback, host: defaultPort, guest: defaultPort }],
    portsNamed: false,
    kernelOptions: [],
    qemu: [],
    work: folder,
  };
}
