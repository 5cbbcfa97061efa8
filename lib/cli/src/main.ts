// The command line of the tools, run by bootstrap.mjs under Node 26.
import { rm } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { UserError } from '../../base/src/errors.ts';
import { build } from './build.ts';
import { BundleError } from './bundle/errors.ts';
import { ToolError } from './command.ts';
import { gdbPort, runOnTerminal } from './machine.ts';
import {
  checkForwards,
  checkTap,
  findFreePort,
  loopback,
  type NetworkDeviceName,
  type NetworkOptions,
  networkDevices,
  type PortForward,
  parseForward,
} from './network.ts';
import { buildFolder, distFolder, kernelElf } from './paths.ts';

/** The guest's port that is forwarded unless told otherwise: examples/http listens there. */
const defaultPort = 8080;
/** Node's own port for its inspector. */
const inspectorPort = 9229;

function parseMegabytes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of MiB, such as 512.');
  }
  return value;
}

function parseProcessors(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 255) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 255.');
  }
  return value;
}

/** Collects the values of an option that may be given several times. */
function collectForwards(text: string, before: readonly PortForward[] = []): PortForward[] {
  return [...before, parseForward(text)];
}

/** Quotes a word for the kernel's command line, where double quotes group. */
function quoteWord(word: string): string {
  if (word.includes('"')) {
    throw new ToolError(`The kernel's command line cannot hold a double quote: ${word}`);
  }
  return /\s/.test(word) || word === '' ? `"${word}"` : word;
}

/** Where the kernel, linked at 0, runs with layout=fixed (native/kernel/boot/relocate.cpp). */
const fixedKernelBase = '0xffffffff80000000';

interface StartOptions {
  readonly memory: number;
  readonly cpus: number;
  readonly app?: string;
  readonly asset?: string[];
  readonly append?: string;
  readonly gdb?: boolean;
  readonly inspect?: boolean;
  readonly network: boolean;
  readonly port?: readonly PortForward[];
  readonly netDevice: NetworkDeviceName;
  readonly tap?: string;
  readonly pcap?: string;
}

/** Works out the ports to forward: those that were named, or the default's, wherever it is free. */
async function chooseForwards({ port, inspect }: StartOptions): Promise<PortForward[]> {
  const local = { protocol: 'tcp', address: loopback } as const;
  const isNamed = (guest: number) => port?.some((forward) => forward.guest === guest) ?? false;
  if (port) await checkForwards(port);
  const forwards: PortForward[] = [...(port ?? [])];
  const guests = [...(port ? [] : [defaultPort]), ...(inspect ? [inspectorPort] : [])];
  for (const guest of guests.filter((number) => !isNamed(number))) {
    const host = await findFreePort(guest);
    if (host !== guest) {
      console.error(`Port ${guest} of this host is taken, so the guest's port is ${host} here.`);
    }
    forwards.push({ ...local, host, guest });
  }
  return forwards;
}

/** Works out the machine's network. */
async function chooseNetwork(options: StartOptions): Promise<NetworkOptions | undefined> {
  const { tap, port, pcap, netDevice: device } = options;
  if (!options.network) {
    if (tap || port || pcap) {
      throw new ToolError('--no-network leaves nothing for --tap, --port and --pcap: drop one.');
    }
    return undefined;
  }
  if (tap !== undefined) {
    if (port) {
      throw new ToolError(
        '--port forwards ports of the user network. On a TAP device the guest has an address of ' +
          'its own, and every port of it can be reached.',
      );
    }
    await checkTap(tap);
    return { device, tap, pcap };
  }
  return { device, forward: await chooseForwards(options), pcap };
}

/** What a user does with a port of the guest that something listens on. */
function describePort({ address, host, guest }: PortForward): string {
  const name = address === loopback || address === '0.0.0.0' ? 'localhost' : address;
  if (guest === inspectorPort) return `Inspector on ${name}:${host} (open chrome://inspect)`;
  return `${guest === 443 || guest === 8443 ? 'https' : 'http'}://${name}:${host}`;
}

async function start(parameters: readonly string[], options: StartOptions): Promise<number> {
  const { runtime, initrd } = await build({ app: options.app, assets: options.asset });
  const network = await chooseNetwork(options);
  const append = [
    options.gdb ? 'layout=fixed' : '',
    options.inspect ? `env.NODE_OPTIONS=--inspect=0.0.0.0:${inspectorPort}` : '',
    options.append ?? '',
    ...(parameters.length > 0 ? ['--', ...parameters.map(quoteWord)] : []),
  ];
  if (options.gdb) {
    console.error(
      `QEMU waits for a debugger. In another terminal: gdb -ex 'add-symbol-file ${kernelElf} -o ${fixedKernelBase}' -ex 'target remote :${gdbPort}'`,
    );
  }
  const { code, reason } = await runOnTerminal({
    runtime,
    initrd,
    memoryMegabytes: options.memory,
    processors: options.cpus,
    network,
    append: append.filter(Boolean).join(' '),
    gdb: options.gdb ?? false,
    onListening: (forward, milliseconds) => {
      const time = `${(milliseconds / 1000).toFixed(1)} s after the start`;
      console.error(`\n  ➜  ${describePort(forward)}   (${time}; Ctrl-C ends the machine)\n`);
    },
  });
  if (code !== 0)
    console.error(`The machine ended with code ${code}${reason ? `: ${reason}` : ''}`);
  return code;
}

const program = new Command()
  .name('runtimejs')
  .description(packageJson.description)
  .version(packageJson.version)
  .showHelpAfterError('Run it with --help to see what there is.');

program
  .command('start')
  .description('build what changed, boot it in QEMU and exit with the exit code of the app')
  .argument('[arguments...]', "the app's arguments")
  .option('--memory <MiB>', 'memory of the machine', parseMegabytes, 512)
  .option('--cpus <number>', 'processors of the machine', parseProcessors, 1)
  .option(
    '--app <entry>',
    'TypeScript or JavaScript file to run, or its folder (default: examples/http)',
  )
  .option('--asset <pattern...>', 'files that the app reads by path')
  .option('--append <options>', "the kernel's command line")
  .option(
    '--port <host:guest>',
    `port of this host that leads to one of the guest; repeatable (default: ${defaultPort}:${defaultPort})`,
    collectForwards,
  )
  .option('--tap <name>', 'plug the network device into this TAP device')
  .addOption(
    new Option('--net-device <name>', 'network device of the machine')
      .choices(networkDevices)
      .default('virtio-net-pci' satisfies NetworkDeviceName),
  )
  .option('--no-network', 'leave the network device out')
  .option('--pcap <file>', 'capture all frames into this file, for Wireshark')
  .option('--inspect', `start Node's inspector, on port ${inspectorPort}`)
  .option('--gdb', `wait for gdb on port ${gdbPort}`)
  .action(async (parameters: string[], options: StartOptions) => {
    process.exitCode = await start(parameters, options);
  });

program
  .command('build')
  .description('build dist/runtime and dist/initrd')
  .option('--app <entry>', 'app to bundle instead of examples/http, into build/app/initrd')
  .option('--asset <pattern...>', 'files that the app reads by path')
  .action(async (options: { app?: string; asset?: string[] }) => {
    const { runtime, initrd } = await build({ app: options.app, assets: options.asset });
    console.log(`${runtime}\n${initrd}`);
  });

program
  .command('test')
  .description('build, lint and run every test')
  .argument('[files...]', 'test files or patterns')
  .option('--no-build', 'take what is built')
  .option('--no-lint', 'run the tests only')
  .action(async (files: string[], options: { build: boolean; lint: boolean }) => {
    const { test } = await import('./test.ts');
    process.exitCode = await test({ files, ...options });
  });

program
  .command('lint')
  .description('check formatting, rules and types of TypeScript and C++')
  .action(async () => {
    const { lint } = await import('./lint.ts');
    process.exitCode = (await lint()) ? 0 : 1;
  });

program
  .command('format')
  .description('format every source in place')
  .action(async () => {
    const { format } = await import('./lint.ts');
    await format();
  });

program
  .command('clean')
  .description('remove everything that was built')
  .action(async () => {
    await Promise.all(
      [buildFolder, distFolder].map((folder) => rm(folder, { recursive: true, force: true })),
    );
  });

try {
  await program.parseAsync();
} catch (error) {
  const isTold = error instanceof UserError || error instanceof BundleError;
  console.error(isTold ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
