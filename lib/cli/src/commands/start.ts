import type { Command } from 'commander';
import { buildApp } from '../app/build-app.ts';
import { type App, loadApp } from '../config/load.ts';
import { describePort, gdbArguments, inspectorPort, launch } from '../launch.ts';
import { gdbPort } from '../machine-arguments.ts';
import type { PortForward } from '../network.ts';
import {
  addMachineOptions,
  describeMachine,
  images,
  type MachineChoice,
} from './machine-options.ts';

interface StartOptions extends MachineChoice {
  readonly app: string;
  readonly warm?: boolean;
}

/** `runtime start` and `runtime inspect`. */
export function register(program: Command): void {
  addMachineOptions(
    program
      .command('start')
      .description("build what changed, boot it in QEMU, and exit with the app's exit code")
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--app <folder>', 'the app, or its entry module', '.')
    .option('--warm', 'start from a process that was frozen while the image was built')
    .option('--no-warm', "start Node's process anew, whatever the config says")
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  runtime start                         boot this app; Ctrl-C ends it, Ctrl-] twice by force',
        '  runtime start -p 3000 -m 256          port 3000 of this host and the guest, 256 MiB',
        '  runtime start -e LOG=debug -- --fast  a variable and an argument for the app',
        '  runtime start --pcap out.pcap         record the network for Wireshark',
      ].join('\n'),
    )
    .action(async (parameters: string[], options: StartOptions) => {
      const app = await loadApp(options.app, { command: 'start' });
      process.exitCode = await start(app, parameters, options);
    });

  addMachineOptions(
    program
      .command('inspect')
      .description("boot the app with Node's inspector, for Chrome's developer tools or an editor")
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--app <folder>', 'the app, or its entry module', '.')
    .option('--break', 'wait for the debugger before the first line of the app')
    .action(async (parameters: string[], options: StartOptions & { readonly break?: boolean }) => {
      const app = await loadApp(options.app, { command: 'inspect' });
      const wait = options.break
        ? { env: { ...options.env, NODE_OPTIONS: `--inspect-brk=0.0.0.0:${inspectorPort}` } }
        : {};
      const choice = { ...options, ...wait, inspect: true };
      process.exitCode = await start(app, parameters, choice, tellInspector);
    });
}

async function start(
  app: App,
  parameters: readonly string[],
  options: MachineChoice & { readonly warm?: boolean },
  onListening?: (forward: PortForward) => void,
): Promise<number> {
  const isWarm = options.warm ?? (app.warm && !options.inspect);
  const built = await buildApp(app, { isWarm });
  const machine = await describeMachine(options, app, parameters);
  if (options.gdb) {
    const words = gdbArguments(gdbPort, built.runtime.kernel);
    const command = words.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ');
    console.error(`QEMU waits for a debugger. In another terminal: gdb ${command}`);
  }
  const { code } = await launch({
    ...machine,
    ...images(built),
    ...(onListening === undefined ? {} : { onListening }),
  });
  return code;
}

/** Prints the address of Chrome's developer tools for the app, which the inspector knows. */
async function tellInspector(forward: PortForward): Promise<void> {
  if (forward.guest !== inspectorPort) return;
  try {
    const answer = await fetch(`http://${forward.address}:${forward.host}/json/list`, {
      signal: AbortSignal.timeout(10_000),
    });
    const [target] = (await answer.json()) as { devtoolsFrontendUrl?: string }[];
    if (target?.devtoolsFrontendUrl) console.error(`  ${target.devtoolsFrontendUrl}\n`);
  } catch {
    console.error(`  ${describePort(forward)}\n`);
  }
}
