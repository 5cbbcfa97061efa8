import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { CpioError, CpioWriter, readCpio } from '../../lib/base/src/cpio.ts';
import { temporaryFolder } from './tools-fixtures.ts';

async function writeArchive(
  file: string,
  fill: (archive: CpioWriter) => Promise<void>,
): Promise<Buffer> {
  const archive = await CpioWriter.create(file);
  await fill(archive);
  const size = await archive.finish();
  const bytes = await readFile(file);
  if (bytes.length !== size) throw new Error(`finish() said ${size}, the file has ${bytes.length}`);
  return bytes;
}

test('what is written is read back, with directories before their content', async (t) => {
  const folder = await temporaryFolder(t);
  const streamed = path.join(folder, 'streamed');
  await writeFile(streamed, Buffer.alloc(3 << 20, 7));
  const bytes = await writeArchive(path.join(folder, 'archive'), async (archive) => {
    await archive.addFile('/etc/hosts', 'localhost\n', { mode: 0o600 });
    await archive.addSymlink('etc/link', '../etc/hosts');
    await archive.addDirectory('tmp', 0o1777);
    await archive.addFile('etc/ünicode', new Uint8Array([1, 2, 3]));
    await archive.addFile('big/file', { file: streamed });
    await archive.addFile('empty', '');
  });
  const entries = readCpio(bytes);
  t.deepEqual(
    entries.map(({ path, kind, mode }) => [path, kind, mode.toString(8)]),
    [
      ['etc', 'directory', '755'],
      ['etc/hosts', 'file', '600'],
      ['etc/link', 'symlink', '777'],
      ['tmp', 'directory', '1777'],
      ['etc/ünicode', 'file', '644'],
      ['big', 'directory', '755'],
      ['big/file', 'file', '644'],
      ['empty', 'file', '644'],
    ],
  );
  const text = (index: number) => Buffer.from(entries[index]?.data ?? []).toString();
  t.is(text(1), 'localhost\n');
  t.is(text(2), '../etc/hosts');
  t.deepEqual([...(entries[4]?.data ?? [])], [1, 2, 3]);
  t.true(Buffer.alloc(3 << 20, 7).equals(entries[6]?.data ?? Buffer.alloc(0)));
  t.true(entries.every(({ modificationTime }) => modificationTime === 0));
});

test('files of a page or more start on a page, whatever precedes them', async (t) => {
  const folder = await temporaryFolder(t);
  for (let length = 1; length <= 200; length += 7) {
    const bytes = await writeArchive(path.join(folder, 'archive'), async (archive) => {
      await archive.addFile('before', 'x'.repeat(length * 41));
      await archive.addFile('n'.repeat(length), Buffer.alloc(4096, 1));
      await archive.addFile('small', Buffer.alloc(4095, 1));
    });
    const entries = readCpio(bytes);
    t.is((entries[1]?.dataOffset ?? -1) % 4096, 0, `name of ${length} characters`);
    t.is(entries[1]?.path, 'n'.repeat(length));
    t.is(entries[2]?.data.length, 4095);
  }
});

test('a big alignment is reached with the filler entry, not with an endless name', async (t) => {
  const folder = await temporaryFolder(t);
  const boundary = 2 << 20;
  for (let before = 0; before < 40; before++) {
    const bytes = await writeArchive(path.join(folder, 'archive'), async (archive) => {
      await archive.addFile('before', 'x'.repeat(before));
      await archive.addFile('bin/node', Buffer.alloc(5000, 9), { alignment: boundary });
    });
    const entries = readCpio(bytes);
    t.deepEqual(
      entries.map((entry) => entry.path),
      ['before', 'bin', 'bin/node'],
    );
    const dataOffset = entries[2]?.dataOffset ?? -1;
    t.is(dataOffset % boundary, 0);
    t.true(bytes.subarray(0, dataOffset).includes('.padding'));
    t.true(bytes.lastIndexOf('070701', dataOffset) >= dataOffset - 110 - 'bin/node'.length - 4);
  }
});

test('a file that would just miss the big boundary still reaches it', async (t) => {
  const folder = await temporaryFolder(t);
  const boundary = 2 << 20;
  for (const slack of [0, 4, 116, 120, 124, 200, 236, 240, 4090, 4096, 4300]) {
    const bytes = await writeArchive(path.join(folder, 'archive'), async (archive) => {
      await archive.addFile('f', Buffer.alloc(boundary - 4096 - slack, 1));
      await archive.addFile('g', Buffer.alloc(10, 2), { alignment: boundary });
    });
    const last = readCpio(bytes).at(-1);
    t.is(last?.path, 'g');
    t.is((last?.dataOffset ?? -1) % boundary, 0, `slack ${slack}`);
  }
});

test('the same entries give the same bytes', async (t) => {
  const folder = await temporaryFolder(t);
  const make = (name: string) =>
    writeArchive(path.join(folder, name), async (archive) => {
      await archive.addFile('a/b/c', 'content');
      await archive.addFile('a/d', Buffer.alloc(9000));
    });
  t.deepEqual(await make('first'), await make('second'));
});

test('GNU cpio reads the archive', async (t) => {
  const folder = await temporaryFolder(t);
  const available = await execa('cpio', ['--version'], { reject: false });
  if (available.failed) {
    t.pass('There is no cpio here to compare with.');
    return;
  }
  const bytes = await writeArchive(path.join(folder, 'archive'), async (archive) => {
    await archive.addFile('a/one', Buffer.alloc(5000, 1));
    await archive.addFile('a/two', 'two');
  });
  const { stdout } = await execa('cpio', ['-t', '--quiet'], { input: bytes });
  t.deepEqual(stdout.split('\n'), ['a', 'a/one', 'a/two']);
});

test('a path cannot be used twice, be empty, or leave the archive', async (t) => {
  const folder = await temporaryFolder(t);
  const archive = await CpioWriter.create(path.join(folder, 'archive'));
  await archive.addFile('a', '1');
  await t.throwsAsync(archive.addFile('/a', '2'), { instanceOf: CpioError, message: /twice/ });
  await t.throwsAsync(archive.addFile('../a', '2'), { instanceOf: CpioError, message: /"\.\."/ });
  await t.throwsAsync(archive.addFile('/', '2'), { instanceOf: CpioError, message: /empty/ });
  await archive.abandon();
});

test('damaged archives are refused with the reason', async (t) => {
  const folder = await temporaryFolder(t);
  const bytes = await writeArchive(path.join(folder, 'archive'), (archive) =>
    archive.addFile('file', 'x'.repeat(1000)),
  );
  const refuse = (archive: Uint8Array, message: RegExp) =>
    t.throws(() => readCpio(archive), { instanceOf: CpioError, message });
  refuse(new Uint8Array(0), /ends at byte 0/);
  refuse(bytes.subarray(0, 500), /ends before them/);
  refuse(bytes.subarray(0, 1120), /before its trailer/);
  refuse(Buffer.from('not an archive'.repeat(20)), /No cpio header at byte 0/);
  const broken = Buffer.from(bytes);
  broken.write('zzzzzzzz', 6 + 8 * 6);
  refuse(broken, /"zzzzzzzz" is no number/);
});
