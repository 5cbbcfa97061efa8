// The command line of the `runtime` command; bin/runtime runs it under the pinned Node.
import { Command } from 'commander';
import colors from 'picocolors';
import { register as registerBuild } from './commands/build.ts';
import { register as registerComplete } from './commands/complete.ts';
import { register as registerDebug } from './commands/debug.ts';
import { register as registerDeploy } from './commands/deploy.ts';
import { register as registerDev } from './commands/dev.ts';
import { register as registerHost } from './commands/host.ts';
import { register as registerLogs } from './commands/logs.ts';
import { register as registerRun } from './commands/run.ts';
import { register as registerStart } from './commands/start.ts';
import { register as registerTest } from './commands/test.ts';
import { explain } from './errors.ts';
import { version } from './version.ts';

/** Each adds its commands to the program; the order is that of the help. */
const commands = [
  registerDev,
  registerStart,
  registerRun,
  registerBuild,
  registerDeploy,
  registerTest,
  registerDebug,
  registerLogs,
  registerHost,
];

/** Builds the parser of the command line. */
export function createProgram(): Command {
  const program = new Command()
    .name('runtime')
    .description('Builds a TypeScript app into a bootable image, boots, tests and ships it.')
    .version(version, '-V, --version')
    .showHelpAfterError('Run it with --help to see what there is.')
    .configureHelp({ showGlobalOptions: false });
  for (const register of commands) register(program);
  registerComplete(program);
  return program;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    console.error(`${colors.red('error:')} ${explain(error)}`);
    process.exitCode = 1;
  }
}
