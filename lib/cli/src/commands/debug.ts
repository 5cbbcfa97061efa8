import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Command } from 'commander';
import { buildApp } from '../app/build-app.ts';
import { displayPath } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { loadApp } from '../config/load.ts';
import { findProgram, installCommand } from '../host.ts';
import { gdbArguments } from '../launch.ts';
import { startMachine } from '../machine.ts';
import { gdbPort } from '../machine-arguments.ts';
import { whyNotFree } from '../network.ts';
import {
  addMachineOptions,
  consoleLog,
  describeMachine,
  images,
  type MachineChoice,
} from './machine-options.ts';

/** `runtime debug`. */
export function register(program: Command): void {
  addMachineOptions(
    program
      .command('debug')
      .description('boot the app under gdb, stopped before the first instruction of the kernel')
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--app <folder>', 'the app, or its entry module', '.')
    .action(async (parameters: string[], options: MachineChoice & { readonly app: string }) => {
      process.exitCode = await debug(parameters, options);
    });
}

async function debug(
  parameters: readonly string[],
  options: MachineChoice & { readonly app: string },
): Promise<number> {
  if (findProgram('gdb') === undefined) {
    const command = installCommand('gdb') ?? 'install it with the package manager of this system';
    throw new ToolError(
      `gdb is not installed: ${command}. (To debug the app itself, use \`runtime inspect\`.)`,
    );
  }
  if ((await whyNotFree(gdbPort)) !== undefined) {
    throw new ToolError(`Port ${gdbPort} is taken: another machine waits for gdb. End it first.`);
  }
  const app = await loadApp(options.app, { command: 'debug' });
  const built = await buildApp(app);
  const log = createWriteStream(consoleLog(app));
  const machine = await startMachine({
    ...(await describeMachine({ ...options, gdb: true }, app, parameters)),
    ...images(built),
    consoleLog: undefined,
    timeoutMilliseconds: 0,
    onOutput: (text) => log.write(text),
  });
  console.error(
    `The console is in ${displayPath(consoleLog(app))}: \`runtime logs --follow\` shows it.`,
  );
  const ignore = () => {}; // Ctrl-C is for gdb.
  process.on('SIGINT', ignore);
  try {
    const gdb = spawn('gdb', gdbArguments(gdbPort, built.runtime.kernel), { stdio: 'inherit' });
    const [code] = (await once(gdb, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    process.off('SIGINT', ignore);
    machine.kill();
    await machine.end;
    log.end();
  }
}
