/**
 * Writes the files that follow from the declarations in this folder, or with `--check` only
 * compares them with what is committed and fails when they drift. Run it with Node 26: `node
 * native/abi/generate.ts [--check] [--root <folder>]`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bindingGroups } from './bindings.abi.ts';
import { brokerConstants, brokerLayouts } from './broker.abi.ts';
import { checkBindings } from './declare.ts';
import { emitDeclarations } from './emit/declarations.ts';
import { emitAddonGlue, emitSystemGlue } from './emit/glue.ts';
import { emitFunctionList, emitHeader } from './emit/header.ts';
import { emitSharedMemoryHeader, emitSharedMemoryOffsets } from './emit/shared-memory.ts';
import { kernelInterface } from './kernel.abi.ts';
import { terminalLayouts, terminalMemoryConstants } from './terminal.abi.ts';

/** Path in the repository and text of each generated file. */
export function generatedFiles(): ReadonlyMap<string, string> {
  checkBindings(bindingGroups, kernelInterface);
  return new Map([
    ['native/abi/generated/kernel_interface.h', emitHeader(kernelInterface)],
    ['native/abi/generated/kernel_functions.def', emitFunctionList(kernelInterface)],
    ['native/abi/generated/system_bindings.cc', emitSystemGlue(bindingGroups)],
    ['native/abi/generated/addon_bindings.cc', emitAddonGlue(bindingGroups)],
    [
      'lib/system/src/generated/bindings.d.ts',
      emitDeclarations('system', bindingGroups, 'SystemBindings'),
    ],
    [
      'lib/isolate/src/generated/bindings.d.ts',
      emitDeclarations('bare', bindingGroups, 'BareBindings'),
    ],
    [
      'lib/isolate/src/generated/node-bindings.d.ts',
      emitDeclarations('node', bindingGroups, 'NodeBindings'),
    ],
    [
      'native/abi/generated/shared_memory.h',
      emitSharedMemoryHeader(
        [...brokerLayouts, ...terminalLayouts],
        [...brokerConstants, ...terminalMemoryConstants],
      ),
    ],
    [
      'lib/net/src/generated/shared-memory.ts',
      emitSharedMemoryOffsets('broker.abi.ts', brokerLayouts, brokerConstants),
    ],
    [
      'lib/tty/src/generated/shared-memory.ts',
      emitSharedMemoryOffsets('terminal.abi.ts', terminalLayouts, terminalMemoryConstants),
    ],
    ['lib/kernel/src/generated/kernel.d.ts', emitDeclarations('app', bindingGroups, 'KernelAddon')],
  ]);
}

/** Paths whose committed text is not what the declarations say. */
export function driftedFiles(root: string): string[] {
  const committed = (path: string): string | undefined => {
    try {
      return readFileSync(join(root, path), 'utf8');
    } catch {
      return undefined;
    }
  };
  return [...generatedFiles()]
    .filter(([path, text]) => committed(path) !== text)
    .map(([path]) => path);
}

function main(): number {
  const { values } = parseArgs({
    options: { check: { type: 'boolean', default: false }, root: { type: 'string' } },
  });
  const root = values.root ?? fileURLToPath(new URL('../..', import.meta.url));
  const drifted = driftedFiles(root);
  if (values.check) {
    for (const path of drifted) {
      console.error(
        `${path} differs from its declaration in native/abi: run \`node native/abi/generate.ts\`.`,
      );
    }
    return drifted.length === 0 ? 0 : 1;
  }
  const files = generatedFiles();
  for (const path of drifted) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), files.get(path) ?? '');
    console.log(`wrote ${path}`);
  }
  return 0;
}

if (import.meta.main) process.exitCode = main();
