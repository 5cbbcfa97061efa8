// Where things lie in memory: at random, unless asked otherwise, and never both writable and
// executable when they come from a file.
import test from 'ava';
import { bootApp } from './support/endings.ts';

interface Mapping {
  readonly start: string;
  readonly protection: string;
  readonly name: string;
}

async function bootLayout(append?: string): Promise<readonly Mapping[]> {
  const { output } = await bootApp(
    { name: 'layout', entry: 'apps/layout.ts' },
    append === undefined ? {} : { append },
  );
  return [...output.matchAll(/^map ([0-9a-f]+)-[0-9a-f]+ (\S{4}) (.*)$/gm)].map(
    ([, start, protection, name]) => ({
      start: start!,
      protection: protection!,
      name: name!.trim(),
    }),
  );
}

/** The first address of a mapping by its name. */
function placeOf(mappings: readonly Mapping[], name: string): string | undefined {
  return mappings.find((mapping) => mapping.name.endsWith(name))?.start;
}

const randomised = ['[stack]', 'libc.so.6', 'ld-linux-x86-64.so.2', 'shim.so'];

test.serial('every boot has another layout', async (t) => {
  const [first, second] = [await bootLayout(), await bootLayout()];
  for (const name of randomised) {
    t.truthy(placeOf(first, name), name);
    t.not(placeOf(first, name), placeOf(second, name), name);
  }
});

test.serial('layout=fixed gives every boot the same layout', async (t) => {
  const [first, second] = [await bootLayout('layout=fixed'), await bootLayout('layout=fixed')];
  for (const name of randomised) t.is(placeOf(first, name), placeOf(second, name), name);
});

test.serial('nothing that comes from a file is both writable and executable', async (t) => {
  const mappings = await bootLayout();
  const files = mappings.filter(({ name }) => name.startsWith('/'));
  t.true(files.length > 20);
  t.deepEqual(
    files.filter(({ protection }) => /w.?x/.test(protection)),
    [],
  );
  t.true(files.some(({ name, protection }) => name === '/bin/node' && protection === 'r-xp'));
  const stack = mappings.find(({ name }) => name === '[stack]');
  t.is(stack?.protection, 'rw-p');
});

test.serial('trace=syscalls names every system call with its arguments and result', async (t) => {
  const { output, code } = await bootApp(
    { name: 'hello', entry: 'apps/hello.ts' },
    { append: 'trace=syscalls' },
  );
  t.is(code, 0);
  t.regex(
    output,
    /\[runtime\] 1 openat\(directory=-100, path="\/app\/main\.mjs", flags=\d+, mode=0x[0-9a-f]+\) = \d+\r?$/m,
  );
  t.regex(output, /\[runtime\] 1 mmap\(\w+=0x0, \w+=0x[0-9a-f]+, .*\) = 0x7f[0-9a-f]+\r?$/m);
  t.regex(output, /\[runtime\] 1 \w+\(.*\) = -1 ENOENT\r?$/m);
  t.regex(output, /\[runtime\] \d+ exit_group\(\w+=0\) = \?\r?$/m);
  t.regex(output, /hello from v26/);
});

test.serial(
  'a system call that is not implemented is named once, with its arguments',
  async (t) => {
    const { output, code } = await bootApp(
      { name: 'hello', entry: 'apps/hello.ts' },
      { append: 'log=debug' },
    );
    t.is(code, 0);
    const named = [...output.matchAll(/system call (\d+) is not implemented \(0x[^)]*\): ENOSYS/g)];
    const numbers = named.map(([, number]) => number);
    t.true(numbers.includes('334'), 'glibc tries rseq(2) in every thread');
    t.is(new Set(numbers).size, numbers.length);
  },
);
