// The command line of the tools, run by bootstrap.mjs under Node 26.
import { rm } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { UserError } from '../../base/src/errors.ts';
import { build } from './build.ts';
import { BundleError } from './bundle/errors.ts';
import { ToolError } from './command.ts';
import { gdbPort, runOnTerminal } from './machine.ts';
import { buildFolder, distFolder, kernelElf } from './paths.ts';

function parseMegabytes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of MiB, such as 512.');
  }
  return value;
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
  readonly app?: string;
  readonly asset?: string[];
  readonly append?: string;
  readonly gdb?: boolean;
}

async function start(parameters: readonly string[], options: StartOptions): Promise<number> {
  const { runtime, initrd } = await build({ app: options.app, assets: options.asset });
  const append = [
    options.gdb ? 'layout=fixed' : '',
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
    append: append.filter(Boolean).join(' '),
    gdb: options.gdb ?? false,
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
  .option(
    '--app <entry>',
    'TypeScript or JavaScript file to run, or its folder (default: examples/hello)',
  )
  .option('--asset <pattern...>', 'files that the app reads by path')
  .option('--append <options>', "the kernel's command line")
  .option('--gdb', `wait for gdb on port ${gdbPort}`)
  .action(async (parameters: string[], options: StartOptions) => {
    process.exitCode = await start(parameters, options);
  });

program
  .command('build')
  .description('build dist/runtime and dist/initrd')
  .option('--app <entry>', 'app to bundle instead of examples/hello, into build/app/initrd')
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
