/** The declarations in native/abi, and what is generated from them. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { nodeBinary, repository } from '../../lib/cli/src/paths.ts';
import { bindingGroups } from '../../native/abi/bindings.abi.ts';
import {
  argument,
  binding,
  bindingGroup,
  checkBindings,
  field,
  kernelFunction,
  layout,
  structure,
} from '../../native/abi/declare.ts';
import { emitHeader } from '../../native/abi/emit/header.ts';
import { driftedFiles, generatedFiles } from '../../native/abi/generate.ts';
import { kernelInterface } from '../../native/abi/kernel.abi.ts';

const run = promisify(execFile);
const generator = path.join(repository, 'native/abi/generate.ts');

/** Copies the committed generated files to a folder of their own. */
async function withCopy(use: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'abi-test-'));
  try {
    for (const file of generatedFiles().keys()) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await cp(path.join(repository, file), path.join(root, file));
    }
    await use(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('what is committed is what the declarations say', async (t) => {
  t.deepEqual(driftedFiles(repository), []);
  await t.notThrowsAsync(run(nodeBinary, [generator, '--check']));
});

test('a drift in any generated file is noticed and named', async (t) => {
  for (const file of generatedFiles().keys()) {
    await withCopy(async (root) => {
      const changed = path.join(root, file);
      await writeFile(changed, `${await readFile(changed, 'utf8')} `);
      const error = await t.throwsAsync<Error & { code: number; stderr: string }>(
        run(nodeBinary, [generator, '--check', '--root', root]),
      );
      t.is(error?.code, 1);
      t.true(error?.stderr.includes(file), error?.stderr);
    });
  }
});

test('a generated file that is missing is noticed, and made again', async (t) => {
  await withCopy(async (root) => {
    const [first] = generatedFiles().keys();
    await rm(path.join(root, first ?? ''));
    await t.throwsAsync(run(nodeBinary, [generator, '--check', '--root', root]));
    await run(nodeBinary, [generator, '--root', root]);
    t.deepEqual(driftedFiles(root), []);
  });
});

test('a change of a declaration changes what is generated', (t) => {
  const [first, ...others] = kernelInterface.functions;
  const reordered = { ...kernelInterface, functions: [...others, first!] };
  t.not(emitHeader(reordered), emitHeader(kernelInterface));
});

test('the header is C++11 and freestanding', async (t) => {
  const header = path.join(repository, 'native/abi/generated/kernel_interface.h');
  const flags = ['-std=c++11', '-ffreestanding', '-fno-exceptions', '-fno-rtti', '-fsyntax-only'];
  await t.notThrowsAsync(
    run('g++', [...flags, '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-x', 'c++', header]),
  );
});

test('fields are laid out as C lays them out', (t) => {
  const declared = structure('S', '', [
    field('a', 'u32', ''),
    field('b', 'u64', ''),
    field('c', 'i32', ''),
    field('d', 'u32', ''),
    field('e', 'u32', ''),
  ]);
  t.deepEqual(layout(declared), { offsets: [0, 8, 16, 20, 24], size: 32 });
  t.deepEqual(layout(structure('E', '', [])), { offsets: [], size: 0 });
});

test('a binding that does not fit the function it calls is refused by name', (t) => {
  const kernel = {
    ...kernelInterface,
    functions: [kernelFunction({ name: 'f', doc: '', parameters: [], returns: 'u64' })],
  };
  const call = (
    calls: { kernel: string },
    given: Partial<Parameters<typeof binding>[0]> = {},
  ): void =>
    checkBindings(
      [
        bindingGroup('group', '', [
          binding({
            name: 'call',
            doc: '',
            isolates: ['system'],
            calls,
            arguments: [],
            returns: { kind: 'scalar', type: 'u64', shown: 'bigint', doc: '' },
            ...given,
          }),
        ]),
      ],
      kernel,
    );
  t.notThrows(() => call({ kernel: 'f' }));
  t.throws(() => call({ kernel: 'g' }), { message: /group\.call calls g, which/ });
  t.throws(() => call({ kernel: 'f' }, { arguments: [argument('a', { kind: 'text' }, '')] }), {
    message: /group\.call passes other arguments than f takes/,
  });
  t.throws(() => call({ kernel: 'f' }, { returns: { kind: 'nothing' } }), {
    message: /group\.call returns nothing, f returns u64/,
  });
});

test('every function, field and binding is documented', (t) => {
  const undocumented = [
    ...kernelInterface.functions.filter(({ doc }) => doc === '').map(({ name }) => name),
    ...kernelInterface.structures.flatMap(({ fields }) =>
      fields.filter(({ doc }) => doc === '').map(({ name }) => name),
    ),
    ...bindingGroups.flatMap(({ bindings }) =>
      bindings.filter(({ doc }) => doc === '').map(({ name }) => name),
    ),
  ];
  t.deepEqual(undocumented, []);
});
