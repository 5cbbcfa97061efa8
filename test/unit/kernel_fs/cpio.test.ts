// The cpio reader over archives that are whole, cut, and wrong.
import test from 'ava';
import { call, kernel, makeArchive, readFile, readText, seededRandom, statOf } from './kernel.ts';

const members = [
  { name: 'bin', mode: 0o40755 },
  { name: 'bin/tool', data: 'x'.repeat(5000), mode: 0o100755 },
  { name: 'etc/hosts', data: 'localhost' },
];
const archive = makeArchive(members);

/** The last thing the reader said: a problem with its offset, or undefined at a clean end. */
function problemOf(bytes: Uint8Array): [number, string] | undefined {
  const last = kernel.readCpio(bytes).at(-1);
  return Array.isArray(last) ? last : undefined;
}

function changed(offset: number, text: string): Uint8Array {
  const copy = Buffer.from(archive);
  copy.write(text, offset, 'latin1');
  return copy;
}

test('members come in order', (t) => {
  t.deepEqual(kernel.readCpio(archive), ['bin', 'bin/tool', 'etc/hosts']);
});

test('an archive may follow another one, behind NULs; anything else behind the first is left alone', (t) => {
  const second = makeArchive([{ name: 'added', data: 'more' }]);
  for (const gap of [0, 4, 4096]) {
    const both = Buffer.concat([archive, Buffer.alloc(gap), second]);
    t.deepEqual(kernel.readCpio(both), ['bin', 'bin/tool', 'etc/hosts', 'added']);
  }
  const rubbish = Buffer.concat([archive, Buffer.alloc(8), Buffer.from('0707 is no archive')]);
  t.deepEqual(kernel.readCpio(rubbish), ['bin', 'bin/tool', 'etc/hosts']);
  const cut = Buffer.concat([archive, second.subarray(0, 60)]);
  t.regex(problemOf(cut)?.[1] ?? '', /cut short/);
});

test('an archive that is cut anywhere is an error, and nothing beyond its end is read', (t) => {
  const trailer = Buffer.from(archive).indexOf('TRAILER!!!');
  for (let size = 0; size < trailer + 10; size += size > 300 && size < trailer - 300 ? 97 : 1) {
    const problem = problemOf(archive.subarray(0, size));
    t.truthy(problem, `cut to ${size} bytes`);
    t.regex(problem?.[1] ?? '', /cut short|terminating NUL/);
  }
});

test('wrong headers are named with their offset', (t) => {
  t.deepEqual(problemOf(changed(0, '070707')), [
    0,
    'it is a cpio archive, but not of the format "newc"',
  ]);
  t.deepEqual(problemOf(changed(0, '\x1f\x8b')), [
    0,
    'it is compressed; cpio archives are taken uncompressed',
  ]);
  t.deepEqual(problemOf(changed(0, 'ELF')), [0, 'there is no cpio "newc" header (magic 070701)']);
  t.regex(problemOf(changed(14, 'zz'))?.[1] ?? '', /no hexadecimal digit/);
  t.regex(problemOf(changed(94, 'ffffffff'))?.[1] ?? '', /size of a name/);
  t.regex(problemOf(changed(94, '00000000'))?.[1] ?? '', /size of a name/);
  t.regex(problemOf(changed(54, 'ffffffff'))?.[1] ?? '', /cut short/);
  t.deepEqual(problemOf(new Uint8Array(0)), [0, 'it ends without a trailer, so it was cut short']);
});

test('no single wrong byte makes the reader or the loader misbehave', (t) => {
  const random = seededRandom(7);
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(archive);
    for (let i = random(3); i >= 0; i--) {
      // Headers mostly: data may be anything.
      bytes[random(2) ? random(bytes.length) : random(400)] = random(256);
    }
    kernel.readCpio(bytes);
    if (round % 10 === 0) kernel.boot(bytes, null, false);
  }
  t.pass();
});

test('the loader says which archive is wrong, where, why, and what to do', (t) => {
  kernel.takeLog();
  t.is(kernel.boot(archive, archive.subarray(0, 200), false), -22);
  const [line = ''] = kernel.takeLog();
  t.regex(line, /^Cannot use the initrd: at byte \d+ it ends .* cut short\. Build it again with/);
});

test('paths that leave the tree or clash are refused', (t) => {
  const attempt = (...list: Parameters<typeof makeArchive>[0]) => {
    kernel.takeLog();
    const result = kernel.boot(makeArchive(list), null, false);
    return [result, kernel.takeLog().join()] as const;
  };
  const [outside, outsideLog] = attempt({ name: 'a/../../etc/passwd', data: 'x' });
  t.is(outside, -22);
  t.regex(outsideLog, /contains "\.\."/);
  const [clash, clashLog] = attempt({ name: 'a', data: 'x' }, { name: 'a/b', data: 'y' });
  t.is(clash, -22);
  t.regex(clashLog, /both a file and a directory/);
  const [long] = attempt({ name: 'n'.repeat(256), data: 'x' });
  t.is(long, -22);
});

test('a later archive adds to and replaces the earlier one; padding is skipped', (t) => {
  const base = makeArchive([
    { name: '/etc/hosts', data: 'base' },
    { name: './.padding', data: 'p'.repeat(5000) },
    { name: 'keep', data: 'kept' },
  ]);
  const initrd = makeArchive([
    { name: 'etc/hosts', data: 'initrd' },
    { name: 'app/main.mjs', data: 'app' },
    { name: 'proc/fake', data: 'no' },
  ]);
  t.is(kernel.boot(base, initrd, false), 0);
  t.is(readText('/etc/hosts'), 'initrd');
  t.is(readText('/keep'), 'kept');
  t.is(readText('/app/main.mjs'), 'app');
  t.is(readFile('/.padding'), -2);
  t.is(call('access', '/proc/fake', 0), -2);
});

test('hard links of an archive share one inode', (t) => {
  const linked = makeArchive([
    { name: 'first', inode: 50, links: 2 },
    { name: 'second', inode: 50, links: 2, data: 'shared' },
  ]);
  t.is(kernel.boot(linked, null, false), 0);
  t.is(readText('/first'), 'shared');
  t.is(statOf('/first').inode, statOf('/second').inode);
  t.is(statOf('/first').links, 2);
});
