// `npm run gdb`: gdb on the machine that `npm start -- --gdb` has started, with the symbols of kernel, Node,
// shim and shared libraries.
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ElfFile, segmentType } from '@runtimejs/base/elf.ts';
import { execa } from 'execa';
import { fixedKernelBase } from './launch.ts';
import { gdbPort } from './machine-arguments.ts';
import { inRepository, kernelElf, nodeBinary, shimLibrary } from './paths.ts';

/** How gdb is to be run. */
export interface GdbSession {
  readonly parameters: readonly string[];
  /** Variables that gdb-symbols.py needs. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Puts together how gdb is run for a machine that waits for it. */
export function gdbSession(): GdbSession {
  using node = new ElfFile(nodeBinary);
  const dynamic = node.segments.find(({ type }) => type === segmentType.dynamic);
  const commands = [
    'set confirm off',
    'set pagination off',
    'set architecture i386:x86-64',
    `directory ${inRepository('native/kernel')}`,
    `file ${nodeBinary}`,
    `add-symbol-file ${kernelElf} -o ${fixedKernelBase}`,
    `source ${inRepository('lib/cli/src/gdb-symbols.py')}`,
    `target remote localhost:${gdbPort}`,
  ];
  return {
    parameters: ['-q', ...commands.flatMap((command) => ['-ex', command])],
    environment: {
      RUNTIMEJS_SHIM: shimLibrary,
      RUNTIMEJS_DYNAMIC: `0x${(dynamic?.virtualAddress ?? 0).toString(16)}`,
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(
    'runtime-start goes on until Node begins; help runtime-start, help runtime-symbols\n',
  );
  const { parameters, environment } = gdbSession();
  const result = await execa('gdb', [...parameters, ...process.argv.slice(2)], {
    stdio: 'inherit',
    reject: false,
    env: environment,
  });
  if (result.code === 'ENOENT') {
    console.error('gdb is not installed. On Debian: apt-get install gdb');
  }
  process.exitCode = result.exitCode ?? 1;
}
