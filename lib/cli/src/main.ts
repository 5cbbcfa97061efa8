// The command line of the tools, run by bootstrap.mjs under Node 26.
import { rm } from 'node:fs/promises';
import { Command, Option } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { build } from './build.ts';
import { defaultPort } from './config/load.ts';
import { isTold } from './errors.ts';
import { chooseNetwork, commandLine, inspectorPort, launch } from './launch.ts';
import { gdbPort } from './machine-arguments.ts';
import { type NetworkDeviceName, networkDevices, type PortForward } from './network.ts';
import { collectForwards, parseMegabytes, parseProcessors } from './options.ts';
import { buildFolder, distFolder } from './paths.ts';

interface StartOptions {
  readonly memory: number;
  readonly cpus: number;
  readonly shareBase?: boolean;
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

async function start(parameters: readonly string[], options: StartOptions): Promise<number> {
  const { runtime, initrd } = await build({ app: options.app, assets: options.asset });
  const network = await chooseNetwork({ ...options, defaultPorts: [defaultPort] });
  if (options.gdb) {
    console.error('QEMU waits for a debugger. In another terminal: npm run gdb');
  }
  const { code } = await launch({
    runtime,
    initrd,
    memoryMegabytes: options.memory,
    processors: options.cpus,
    sharesBase: options.shareBase ?? false,
    network,
    append: commandLine({
      gdb: options.gdb,
      inspect: options.inspect,
      options: [options.append ?? ''],
      arguments: parameters,
    }),
    gdb: options.gdb ?? false,
  });
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
  .option('--share-base', 'map Node from a file that all machines share (NVDIMM)')
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
  .command('pack')
  .description('make npm packages of the workspaces, in build/tarballs')
  .option('--publish <registry>', 'publish them to this registry instead')
  .option('--tag <name>', 'tag of what is published', 'latest')
  .action(async (options: { publish?: string; tag: string }) => {
    const { makeTarballs, pack, publish } = await import('./publish/pack.ts');
    const packages = await pack();
    if (options.publish !== undefined) await publish(packages, options.publish, options.tag);
    else for (const file of await makeTarballs(packages)) console.log(file);
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
  console.error(isTold(error) ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
