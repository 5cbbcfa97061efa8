import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { firmwareArguments } from '@runtimejs/deploy/text.ts';
import type { Command } from 'commander';
import { identifyImage } from '../app/identify.ts';
import { displayPath } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { defaultPort } from '../config/load.ts';
import { inspectorOption, launch } from '../launch.ts';
import type { BootDisk } from '../machine.ts';
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
      '\nExamples:\n  runtime run dist\n  runtime run dist/my-app.qcow2 -p 3000 -m 256',
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
  const kind = await identifyImage(file);
  if (kind !== 'kernel') return runDisk(kind, parameters, options);
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

/** Boots a disk or CD. Its kernel's command line is in it, so what is asked for here comes by fw_cfg. */
async function runDisk(
  disk: BootDisk,
  parameters: readonly string[],
  options: RunOptions,
): Promise<number> {
  const impossible = (['initrd', 'append', 'trace', 'gdb'] as const).find((name) => options[name]);
  if (impossible !== undefined) {
    throw new ToolError(
      `--${impossible} needs an image of format kernel: a disk holds its initrd and its kernel's command line. ` +
        'Make one with `runtime build`.',
    );
  }
  if (parameters.some((parameter) => parameter.includes('\n'))) {
    throw new ToolError('An argument for a disk image has to be one line.');
  }
  const environment = {
    ...options.env,
    ...(options.inspect ? { NODE_OPTIONS: inspectorOption } : {}),
  };
  const { env: _, ...choice } = options;
  const machine = await describeMachine(choice, defaults(path.dirname(disk.file)), []);
  const { consoleLog: __, append: ___, extraArguments = [], ...rest } = machine;
  const own = firmwareArguments(environment);
  if (parameters.length > 0) {
    const text = parameters.join('\n').replaceAll(',', ',,');
    own.push('-fw_cfg', `name=opt/runtimejs/arguments,string=${text}`);
  }
  return (await launch({ ...rest, disk, extraArguments: [...extraArguments, ...own] })).code;
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
