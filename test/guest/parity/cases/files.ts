import fs, { constants } from 'node:fs';
import { join } from 'node:path';
import { digest, errorOf, type Group, inTemporaryFolder, patternBytes } from '../collector.ts';

/** What fs tells of a path, as far as it is the same everywhere. */
function kindOf(path: string): string {
  const stats = fs.lstatSync(path);
  const mode = (stats.mode & 0o777).toString(8);
  if (stats.isSymbolicLink()) return `link ${fs.readlinkSync(path)}`;
  return stats.isDirectory() ? `directory ${mode}` : `file ${mode} ${stats.size}`;
}

export const files: Group = {
  name: 'files',
  cases: {
    'the app reads its own files': (log) => {
      const text = fs.readFileSync(new URL('../data/poem.txt', import.meta.url), 'utf8');
      log(digest(text), text.length);
      const bytes = fs.readFileSync(new URL('../data/pages.bin', import.meta.url));
      log(digest(bytes), bytes.length);
      const descriptor = fs.openSync(new URL('../data/poem.txt', import.meta.url), 'r');
      const middle = Buffer.alloc(20);
      log(fs.readSync(descriptor, middle, 0, 20, 11), middle.toString());
      log(fs.readSync(descriptor, middle, 0, 20, 1_000_000));
      fs.closeSync(descriptor);
    },

    'write, read, append': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'file');
        fs.writeFileSync(path, 'first ');
        fs.appendFileSync(path, 'second');
        log(fs.readFileSync(path, 'utf8'), kindOf(path));
        fs.writeFileSync(path, 'third', { mode: 0o600 });
        log(fs.readFileSync(path, 'utf8'), kindOf(path));
        fs.writeFileSync(join(folder, 'private'), 'x', { mode: 0o640 });
        log(kindOf(join(folder, 'private')));
      }),

    'positions and sparse files': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'file');
        const descriptor = fs.openSync(path, 'w+');
        log(fs.writeSync(descriptor, Buffer.from('0123456789'), 0, 10, 5000));
        log(fs.writeSync(descriptor, 'abc'), fs.fstatSync(descriptor).size);
        const all = Buffer.alloc(6000, 0xff);
        log(fs.readSync(descriptor, all, 0, 6000, 0), digest(all.subarray(0, 5010)));
        const parts = [Buffer.alloc(2), Buffer.alloc(4)];
        log(fs.readvSync(descriptor, parts, 5001), parts.map(String));
        log(fs.writevSync(descriptor, [Buffer.from('XY'), Buffer.from('Z')], 0));
        log(fs.readFileSync(path, 'latin1').slice(0, 4));
        fs.closeSync(descriptor);
      }),

    'truncate shrinks, grows and gives zeroes': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'file');
        fs.writeFileSync(path, patternBytes(20_000));
        fs.truncateSync(path, 5000);
        log(kindOf(path), digest(fs.readFileSync(path)));
        fs.truncateSync(path, 12_000);
        const grown = fs.readFileSync(path);
        log(
          grown.length,
          digest(grown),
          grown.subarray(5000).every((byte) => byte === 0),
        );
        const descriptor = fs.openSync(path, 'r+');
        fs.ftruncateSync(descriptor, 3);
        fs.fsyncSync(descriptor);
        fs.fdatasyncSync(descriptor);
        log(fs.fstatSync(descriptor).size);
        fs.closeSync(descriptor);
      }),

    'open flags': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'file');
        log(await errorOf(() => fs.openSync(path, 'r')));
        fs.closeSync(fs.openSync(path, 'wx'));
        log(await errorOf(() => fs.openSync(path, 'wx')));
        const appending = fs.openSync(path, 'a+');
        fs.writeSync(appending, 'one');
        fs.writeSync(appending, 'two', 0); // The position does not count when appending.
        log(fs.readFileSync(path, 'utf8'));
        fs.closeSync(appending);
        const reading = fs.openSync(path, 'r');
        log(await errorOf(() => fs.writeSync(reading, 'x')));
        fs.closeSync(reading);
        log(await errorOf(() => fs.closeSync(reading)));
        log(await errorOf(() => fs.openSync(folder, 'w')));
        log(await errorOf(() => fs.readFileSync(folder)));
        log(await errorOf(() => fs.openSync(join(path, 'below'), 'r')));
        log(await errorOf(() => fs.openSync(path, constants.O_DIRECTORY)));
        log(await errorOf(() => fs.openSync(join(folder, 'n'.repeat(256)), 'w')));
        log(await errorOf(() => fs.openSync(`/${'d/'.repeat(2100)}`, 'r')));
      }),

    directories: async (log) =>
      inTemporaryFolder(async (folder) => {
        const deep = join(folder, 'a/b/c/d');
        log(fs.mkdirSync(deep, { recursive: true }) === join(folder, 'a'));
        log(fs.mkdirSync(deep, { recursive: true }));
        log(await errorOf(() => fs.mkdirSync(deep)));
        log(await errorOf(() => fs.mkdirSync(join(folder, 'x/y'))));
        log(await errorOf(() => fs.rmdirSync(join(folder, 'a'))));
        fs.mkdirSync(join(folder, 'mode'), { mode: 0o700 });
        log(kindOf(join(folder, 'mode')));
        for (const name of ['z', 'é', '文', 'a b', '.hidden'])
          fs.writeFileSync(join(deep, name), name);
        log(fs.readdirSync(deep).sort());
        log(fs.readdirSync(folder, { recursive: true }).sort());
        const types = fs.readdirSync(folder, { withFileTypes: true, recursive: true });
        log(types.map((item) => `${item.name}:${item.isDirectory()}`).sort());
        fs.rmdirSync(join(folder, 'mode'));
        fs.rmSync(join(folder, 'a'), { recursive: true });
        log(fs.readdirSync(folder));
        log(await errorOf(() => fs.readdirSync(join(folder, 'a'))));
      }),

    'a directory with thousands of files': async (log) =>
      inTemporaryFolder((folder) => {
        for (let index = 0; index < 3000; index++)
          fs.writeFileSync(join(folder, `f${index}`), `${index}`);
        const names = fs.readdirSync(folder);
        log(names.length, new Set(names).size);
        const directory = fs.opendirSync(folder, { bufferSize: 7 });
        let seen = 0;
        for (let item = directory.readSync(); item !== null; item = directory.readSync()) seen++;
        directory.closeSync();
        log(seen);
        for (let index = 0; index < 3000; index += 2) fs.unlinkSync(join(folder, `f${index}`));
        log(fs.readdirSync(folder).length, fs.readFileSync(join(folder, 'f2999'), 'utf8'));
      }),

    'rename and its errors': async (log) =>
      inTemporaryFolder(async (folder) => {
        const at = (name: string) => join(folder, name);
        fs.writeFileSync(at('a'), 'a');
        fs.writeFileSync(at('b'), 'b');
        fs.renameSync(at('a'), at('c'));
        fs.renameSync(at('c'), at('b'));
        log(fs.readdirSync(folder), fs.readFileSync(at('b'), 'utf8'));
        fs.mkdirSync(at('d/e'), { recursive: true });
        fs.writeFileSync(at('d/e/f'), 'deep');
        fs.renameSync(at('d/e'), at('g'));
        log(fs.readFileSync(at('g/f'), 'utf8'), fs.readdirSync(at('d')));
        log(await errorOf(() => fs.renameSync(at('b'), at('g'))));
        log(await errorOf(() => fs.renameSync(at('d'), at('b'))));
        log(await errorOf(() => fs.renameSync(at('d'), at('g'))));
        log(await errorOf(() => fs.renameSync(at('g'), at('g/inside'))));
        log(await errorOf(() => fs.renameSync(at('none'), at('x'))));
        const open = fs.openSync(at('b'), 'r');
        fs.renameSync(at('b'), at('moved'));
        log(fs.readFileSync(open, 'utf8'));
        fs.closeSync(open);
      }),

    'links and real paths': async (log) =>
      inTemporaryFolder(async (folder) => {
        const at = (name: string) => join(folder, name);
        fs.writeFileSync(at('file'), 'content');
        fs.linkSync(at('file'), at('hard'));
        log(
          fs.statSync(at('file')).nlink,
          fs.statSync(at('file')).ino === fs.statSync(at('hard')).ino,
        );
        fs.unlinkSync(at('file'));
        log(fs.readFileSync(at('hard'), 'utf8'), fs.statSync(at('hard')).nlink);
        fs.symlinkSync('hard', at('soft'));
        fs.mkdirSync(at('dir'));
        fs.symlinkSync('../dir', at('dir/self'));
        log(kindOf(at('soft')), fs.readFileSync(at('soft'), 'utf8'));
        log(fs.realpathSync(at('dir/self/self')).slice(folder.length));
        log(fs.realpathSync.native(`${at('dir/self/self')}/../soft`).slice(folder.length));
        fs.symlinkSync('loop', at('loop'));
        fs.symlinkSync('nowhere', at('dangling'));
        log(await errorOf(() => fs.readFileSync(at('loop'))));
        log(await errorOf(() => fs.readFileSync(at('dangling'))), fs.existsSync(at('dangling')));
        log(await errorOf(() => fs.readlinkSync(at('hard'))));
        fs.unlinkSync(at('soft'));
        log(fs.existsSync(at('hard')));
      }),

    'modes, times and access': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'file');
        fs.writeFileSync(path, 'x');
        fs.chmodSync(path, 0o751);
        log(kindOf(path));
        fs.utimesSync(path, 1_000_000_000, 1_234_567_890.5);
        const { atimeMs, mtimeMs } = fs.statSync(path);
        log(atimeMs, mtimeMs);
        const before = fs.statSync(path).mtimeMs;
        fs.appendFileSync(path, 'y');
        log(fs.statSync(path).mtimeMs > before);
        fs.accessSync(path, constants.R_OK | constants.W_OK);
        log(await errorOf(() => fs.accessSync(join(folder, 'none'))));
        const big = fs.statSync(path, { bigint: true });
        log(typeof big.mtimeNs, big.size, fs.statSync(path).blksize > 0);
        log(fs.statSync(path, { throwIfNoEntry: false })?.isFile());
        log(fs.statSync(join(folder, 'none'), { throwIfNoEntry: false }));
      }),

    'an open file outlives its name': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'file');
        fs.writeFileSync(path, patternBytes(10_000));
        const descriptor = fs.openSync(path, 'r+');
        fs.unlinkSync(path);
        log(fs.existsSync(path), fs.fstatSync(descriptor).nlink);
        fs.writeSync(descriptor, 'still here', 9990);
        const tail = Buffer.alloc(10);
        fs.readSync(descriptor, tail, 0, 10, 9990);
        log(tail.toString());
        fs.closeSync(descriptor);
      }),

    'copies and whole trees': async (log) =>
      inTemporaryFolder(async (folder) => {
        const at = (name: string) => join(folder, name);
        fs.mkdirSync(at('from/sub'), { recursive: true });
        fs.writeFileSync(at('from/big'), patternBytes(300_000));
        fs.writeFileSync(at('from/sub/small'), 'small');
        fs.copyFileSync(at('from/big'), at('copy'));
        log(digest(fs.readFileSync(at('copy'))));
        log(
          await errorOf(() => fs.copyFileSync(at('from/big'), at('copy'), constants.COPYFILE_EXCL)),
        );
        fs.cpSync(at('from'), at('to'), { recursive: true });
        log(
          fs.readdirSync(at('to'), { recursive: true }).sort(),
          digest(fs.readFileSync(at('to/big'))),
        );
      }),

    'a file of 64 MiB': async (log) =>
      inTemporaryFolder((folder) => {
        const path = join(folder, 'big');
        const block = patternBytes(1 << 20);
        const descriptor = fs.openSync(path, 'w+');
        for (let index = 0; index < 64; index++) {
          block.writeUInt32LE(index);
          fs.writeSync(descriptor, block);
        }
        log(fs.fstatSync(descriptor).size);
        const read = Buffer.alloc(1 << 20);
        let right = 0;
        for (const index of [63, 0, 31, 62, 1]) {
          fs.readSync(descriptor, read, 0, read.length, index << 20);
          block.writeUInt32LE(index);
          if (read.equals(block)) right++;
        }
        log(right);
        fs.closeSync(descriptor);
        log(digest(fs.readFileSync(path)));
      }),

    'devices of the system': (log) => {
      log(fs.readFileSync('/dev/null').length);
      fs.writeFileSync('/dev/null', 'gone');
      for (const name of ['zero', 'urandom', 'random']) {
        const descriptor = fs.openSync(`/dev/${name}`, 'r');
        const bytes = Buffer.alloc(4096, 1);
        log(name, fs.readSync(descriptor, bytes), new Set(bytes).size > 200);
        fs.closeSync(descriptor);
      }
      try {
        fs.writeFileSync('/dev/full', 'x');
      } catch (error) {
        log((error as NodeJS.ErrnoException).code);
      }
      log(fs.statSync('/dev/null').isCharacterDevice());
    },

    'space on the file system': (log) => {
      const { bsize, blocks, bfree, bavail } = fs.statfsSync('/tmp');
      log(bsize > 0, blocks > 0, bfree > 0, bavail <= blocks);
    },
  },
};
