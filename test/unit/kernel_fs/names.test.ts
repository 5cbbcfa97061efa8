// Names: what Linux does with them, checked against Linux itself and by hand.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {
  AT_FDCWD,
  boot,
  call,
  E,
  getEntries,
  kernel,
  list,
  lstat,
  must,
  O,
  open,
  readFile,
  readLink,
  readText,
  seededRandom,
  statOf,
  writeFile,
} from './kernel.ts';

test.beforeEach(() => boot([{ name: 'app/main.mjs', data: 'app' }]));

/** A host call's outcome in the form of `call`: 0 or a negated error number. */
function outcome(action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    const number = (error as NodeJS.ErrnoException).errno;
    if (number === undefined) throw error;
    return number;
  }
}

/** Everything below a folder: names, types, sizes, links and link texts. */
function hostSnapshot(root: string): string[] {
  const lines: string[] = [];
  const visit = (folder: string) => {
    for (const name of fs.readdirSync(path.join(root, folder)).sort()) {
      const at = path.join(folder, name);
      const stat = fs.lstatSync(path.join(root, at));
      const type = (stat.mode >> 12).toString(8);
      const text = stat.isSymbolicLink() ? fs.readlinkSync(path.join(root, at)) : '';
      const size = stat.isDirectory() ? 0 : stat.size;
      lines.push(`${at} ${type} ${stat.mode & 0o7777} ${stat.nlink} ${size} ${text}`);
      if (stat.isDirectory()) visit(at);
    }
  };
  visit('');
  return lines;
}

function kernelSnapshot(root: string): string[] {
  const lines: string[] = [];
  const visit = (folder: string) => {
    const names = list(path.join(root, folder));
    if (typeof names === 'number') throw new Error(`listing ${folder} failed with ${names}`);
    for (const name of names.sort()) {
      const at = path.join(folder, name);
      const stat = statOf(path.join(root, at));
      const type = stat.mode >> 12;
      const text = type === 0o12 ? String(readLink(path.join(root, at))) : '';
      const size = type === 0o4 ? 0 : stat.size;
      lines.push(`${at} ${type.toString(8)} ${stat.mode & 0o7777} ${stat.links} ${size} ${text}`);
      if (type === 0o4) visit(at);
    }
  };
  visit('');
  return lines;
}

test.serial('thousands of random operations end as they do on Linux', (t) => {
  // A folder in memory on the host, so that link counts are tmpfs's.
  const host = fs.mkdtempSync(
    path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'rt-'),
  );
  t.teardown(() => fs.rmSync(host, { recursive: true, force: true }));
  const oldMask = process.umask(0o022);
  t.teardown(() => process.umask(oldMask));
  const guest = '/tmp/r';
  must('mkdir', guest, 0o700);
  // Links with ".." lead upwards: the paths start deep below the folder, so that what is above looks
  // the same on both sides.
  const depth = '/n'.repeat(12);
  fs.mkdirSync(host + depth, { recursive: true });
  for (let end = 2; end <= depth.length; end += 2) {
    must('mkdir', guest + depth.slice(0, end), 0o777);
  }
  const random = seededRandom(20261121);
  const parts = ['a', 'b', 'c', 'd', '.', '..', 'a/b', 'b/a', 'c/d/a', 'missing', 'a/..'];
  const anyPath = () => {
    let result = parts[random(parts.length)] ?? 'a';
    for (let i = random(3); i > 0; i--) result += `/${parts[random(parts.length)]}`;
    if (random(8) === 0) result += '/';
    return result;
  };
  const targets = ['a', 'b/a', '../b', '.', 'c/', 'self', 'missing/x', '../d/./a'];
  for (let step = 0; step < 12000; step++) {
    const one = anyPath();
    const two = anyPath();
    const [hostOne, hostTwo] = [`${host}${depth}/${one}`, `${host}${depth}/${two}`];
    const [guestOne, guestTwo] = [`${guest}${depth}/${one}`, `${guest}${depth}/${two}`];
    let operation = '';
    let expected = 0;
    let actual = 0;
    const attempt = (name: string, onHost: () => void, inGuest: () => number) => {
      operation = name;
      expected = outcome(onHost);
      actual = Math.min(inGuest(), 0);
    };
    switch (random(12)) {
      case 0:
      case 1:
        attempt(
          'mkdir',
          () => fs.mkdirSync(hostOne, 0o751),
          () => call('mkdir', guestOne, 0o751),
        );
        break;
      case 2:
        attempt(
          'rmdir',
          () => fs.rmdirSync(hostOne),
          () => call('rmdir', guestOne),
        );
        break;
      case 3:
        attempt(
          'unlink',
          () => fs.unlinkSync(hostOne),
          () => call('unlink', guestOne),
        );
        break;
      case 4:
      case 5:
        attempt(
          `rename to ${two}`,
          () => fs.renameSync(hostOne, hostTwo),
          () => call('rename', guestOne, guestTwo),
        );
        break;
      case 6:
        attempt(
          `link to ${two}`,
          () => fs.linkSync(hostOne, hostTwo),
          () => call('link', guestOne, guestTwo),
        );
        break;
      case 7: {
        const target = targets[random(targets.length)] ?? 'a';
        attempt(
          `symlink to ${target}`,
          () => fs.symlinkSync(target, hostOne),
          () => call('symlink', target, guestOne),
        );
        break;
      }
      case 8:
      case 9: {
        const flags =
          random(3) |
          (random(2) ? O.CREAT : 0) |
          (random(4) ? 0 : O.EXCL) |
          (random(4) ? 0 : O.TRUNC) |
          (random(4) ? 0 : O.NOFOLLOW);
        // O_CREAT with O_DIRECTORY changed between versions of Linux.
        const all = flags | (random(6) || flags & O.CREAT ? 0 : O.DIRECTORY);
        attempt(
          `open ${all.toString(8)}`,
          () => {
            const file = fs.openSync(hostOne, all, 0o640);
            if (all & 3) fs.writeSync(file, one);
            fs.closeSync(file);
          },
          () => {
            const file = open(guestOne, all, 0o640);
            if (file < 0) return file;
            if (all & 3) must('write', file, Buffer.from(one), one.length);
            return call('close', file);
          },
        );
        break;
      }
      case 10: {
        const size = random(10000);
        attempt(
          'truncate',
          () => fs.truncateSync(hostOne, size),
          () => {
            const file = open(guestOne, O.RDWR);
            if (file < 0) return file;
            must('ftruncate', file, size);
            return call('close', file);
          },
        );
        break;
      }
      default:
        attempt(
          'readlink',
          () => fs.readlinkSync(hostOne),
          () => call('readlink', guestOne, Buffer.alloc(100), 100),
        );
    }
    if (expected !== actual) {
      const before = hostSnapshot(host).join('\n');
      return t.fail(
        `step ${step}: ${operation} ${one}: Linux ${expected}, kernel ${actual}\n${before}`,
      );
    }
    if (step % 100 === 0) t.deepEqual(kernelSnapshot(guest), hostSnapshot(host), `step ${step}`);
  }
  t.deepEqual(kernelSnapshot(guest), hostSnapshot(host));
});

test.serial('renameat2: no replace, exchange, and what it refuses', (t) => {
  const rename2 = (from: string, to: string, flags: number) =>
    call('renameat2', AT_FDCWD, from, AT_FDCWD, to, flags);
  writeFile('/tmp/a', 'A');
  must('mkdir', '/tmp/d', 0o755);
  writeFile('/tmp/d/b', 'B');
  t.is(rename2('/tmp/a', '/tmp/d/b', 1), E.EXIST);
  t.is(rename2('/tmp/a', '/tmp/c', 1), 0);
  t.is(rename2('/tmp/c', '/tmp/d', 2), 0);
  t.is(readText('/tmp/d'), 'A');
  t.is(readText('/tmp/c/b'), 'B');
  t.is(statOf('/tmp').links, 3);
  t.is(rename2('/tmp/c', '/tmp/c/b', 2), E.INVAL);
  t.is(rename2('/tmp/c', '/tmp/missing', 2), E.NOENT);
  t.is(rename2('/tmp/c', '/tmp/d', 3), E.INVAL);
  t.is(rename2('/tmp/c', '/tmp/x', 4), E.INVAL);
  t.is(rename2('/tmp/c', '/dev/shm/c', 0), E.XDEV);
  t.is(call('rename', '/tmp', '/tmp2'), E.BUSY);
  t.is(call('rmdir', '/dev/shm'), E.ROFS);
});

test.serial('a directory can be emptied while it is read', (t) => {
  must('mkdir', '/tmp/many', 0o755);
  const names = Array.from({ length: 3000 }, (_, index) => `file-${index}`);
  for (const name of names) t.is(writeFile(`/tmp/many/${name}`, ''), 0);
  const directory = open('/tmp/many', O.DIRECTORY);
  const seen: string[] = [];
  for (;;) {
    const entries = getEntries(directory, 1000);
    if (typeof entries === 'number') return t.fail();
    if (entries.length === 0) break;
    for (const { name } of entries) {
      if (name === '.' || name === '..') continue;
      seen.push(name);
      must('unlink', `/tmp/many/${name}`);
    }
  }
  t.deepEqual(seen, names);
  must('rmdir', '/tmp/many');
  t.is(getEntries(directory), E.NOENT);
});

test.serial('positions of a directory hold while names come and go', (t) => {
  must('mkdir', '/tmp/p', 0o755);
  for (let i = 0; i < 40; i++) writeFile(`/tmp/p/${i}`, '');
  const directory = open('/tmp/p', O.DIRECTORY);
  const entries = getEntries(directory);
  if (typeof entries === 'number') return t.fail();
  const tenth = entries.findIndex((entry) => entry.name === '10');
  for (let i = 0; i < 36; i++) if (i !== 20) must('unlink', `/tmp/p/${i}`);
  writeFile('/tmp/p/new', '');
  must('lseek', directory, entries[tenth]?.next ?? 0n, 0);
  const rest = getEntries(directory);
  if (typeof rest === 'number') return t.fail();
  t.deepEqual(
    rest.map((entry) => entry.name),
    ['20', '36', '37', '38', '39', 'new'],
  );
  t.deepEqual(getEntries(directory), []);
  must('lseek', directory, 0, 0);
  t.is(getEntries(directory, 20), E.INVAL);
});

test.serial('links that loop, names that are too long, paths that are empty', (t) => {
  must('symlink', 'loop', '/tmp/loop');
  t.is(open('/tmp/loop'), E.LOOP);
  t.is(open('/tmp/loop', O.PATH | O.NOFOLLOW) >= 0, true);
  for (let i = 0; i < 45; i++) must('symlink', i ? `l${i - 1}` : '/app', `/tmp/l${i}`);
  t.is(call('chdir', '/tmp/l39'), 0);
  t.is(call('chdir', '/tmp/l40'), E.LOOP);
  must('chdir', '/');
  t.is(call('mkdir', `/tmp/${'n'.repeat(255)}`, 0o755), 0);
  t.is(call('mkdir', `/tmp/${'n'.repeat(256)}`, 0o755), E.NAMETOOLONG);
  t.is(call('mkdir', `/tmp/${'x/'.repeat(2100)}`, 0o755), E.NAMETOOLONG);
  t.is(call('chdir', `/tmp/${'./'.repeat(2040)}`), 0);
  must('chdir', '/');
  t.is(open(''), E.NOENT);
  t.is(call('symlink', '', '/tmp/empty'), E.NOENT);
  t.is(call('mkdir', '/', 0o755), E.EXIST);
  t.is(call('rmdir', '/tmp/.'), E.INVAL);
  t.is(call('rmdir', '/'), E.BUSY);
});

test.serial('the working directory follows renames and survives removal', (t) => {
  const cwd = () => {
    const buffer = Buffer.alloc(4096);
    const size = call('getcwd', buffer, buffer.length);
    return size < 0 ? size : buffer.toString('utf8', 0, size - 1);
  };
  t.is(cwd(), '/');
  must('mkdir', '/tmp/a', 0o755);
  must('mkdir', '/tmp/a/b', 0o755);
  must('chdir', '/tmp/a/b');
  must('rename', '/tmp/a', '/tmp/z');
  t.is(cwd(), '/tmp/z/b');
  t.is(call('getcwd', Buffer.alloc(5), 5), E.RANGE);
  must('rmdir', '../b');
  t.is(cwd(), E.NOENT);
  t.is(open('new', O.CREAT | O.WRONLY), E.NOENT);
  t.is(readLink('/proc/self/cwd'), '/tmp/z/b (deleted)');
  must('chdir', '/');
});

test.serial('O_TMPFILE files get a name later, or never', (t) => {
  const file = open('/tmp', O.TMPFILE | O.RDWR);
  must('write', file, Buffer.from('late'), 4);
  t.is(call('linkat', AT_FDCWD, `/proc/self/fd/${file}`, AT_FDCWD, '/tmp/named', 0x400), 0);
  t.is(readText('/tmp/named'), 'late');
  t.is(statOf('/tmp/named').links, 1);
  const hidden = open('/tmp', O.TMPFILE | O.RDWR | O.EXCL);
  t.is(call('linkat', hidden, '', AT_FDCWD, '/tmp/no', 0x1000), E.NOENT);
  t.is(open('/tmp', O.TMPFILE), E.INVAL);
  t.is(open('/tmp/named', O.TMPFILE | O.RDWR), E.NOTDIR);
  must('unlink', '/tmp/named');
  t.is(call('linkat', file, '', AT_FDCWD, '/tmp/again', 0x1000) <= 0, true);
});

test.serial('O_PATH descriptors name a place and nothing else', (t) => {
  writeFile('/tmp/f', 'content');
  must('symlink', 'f', '/tmp/s');
  const file = open('/tmp/f', O.PATH);
  t.is(call('read', file, Buffer.alloc(1), 1), E.BADF);
  t.is(call('lseek', file, 0, 0), E.BADF);
  t.is(call('ftruncate', file, 0), E.BADF);
  t.is(call('fchmod', file, 0o600), E.BADF);
  t.is(call('fcntl', file, 3, 0), O.PATH);
  t.is(call('fstat', file, Buffer.alloc(144)), 0);
  t.is(call('openat', AT_FDCWD, `/proc/self/fd/${file}`, O.RDONLY, 0) >= 0, true);
  const link = open('/tmp/s', O.PATH | O.NOFOLLOW);
  const text = Buffer.alloc(10);
  t.is(call('readlinkat', link, '', text, 10), 1);
  t.is(call('readlinkat', file, '', text, 10), E.NOENT);
  const directory = open('/tmp', O.PATH | O.DIRECTORY);
  t.is(call('openat', directory, 'f', O.RDONLY, 0) >= 0, true);
  t.is(call('openat', file, 'f', O.RDONLY, 0), E.NOTDIR);
  t.is(call('getdents64', directory, Buffer.alloc(100), 100), E.BADF);
});

test.serial('openat2 keeps a walk inside what it may cross', (t) => {
  const openIn = (directory: number, path: string, resolve: number, flags = 0) => {
    const how = new BigUint64Array([BigInt(flags), 0n, BigInt(resolve)]);
    return call('openat2', directory, path, how, 24);
  };
  must('mkdir', '/tmp/jail', 0o755);
  writeFile('/tmp/jail/in', 'in');
  writeFile('/tmp/out', 'out');
  must('symlink', '../out', '/tmp/jail/escape');
  must('symlink', '/out', '/tmp/jail/absolute');
  const jail = open('/tmp/jail', O.DIRECTORY);
  t.true(openIn(jail, 'in', 8) >= 0);
  t.is(openIn(jail, '../out', 8), E.XDEV);
  t.is(openIn(jail, 'escape', 8), E.XDEV);
  t.is(openIn(jail, '/tmp/out', 8), E.XDEV);
  t.is(openIn(jail, 'escape', 0x10), E.NOENT);
  t.is(openIn(jail, 'absolute', 0x10), E.NOENT);
  t.is(openIn(jail, 'escape', 4), E.LOOP);
  t.is(openIn(AT_FDCWD, '/proc/self/fd/0', 2), E.LOOP);
  t.is(openIn(AT_FDCWD, '/tmp/out', 1), E.XDEV);
  t.is(openIn(jail, 'in', 0x100), E.INVAL);
  t.is(call('openat2', jail, 'in', new BigUint64Array(2), 16), E.INVAL);
});

test.serial('times, modes and owners', (t) => {
  writeFile('/tmp/f', 'x');
  const before = statOf('/tmp/f');
  must('chmod', '/tmp/f', 0o4755);
  t.is(statOf('/tmp/f').mode, 0o104755);
  t.true(statOf('/tmp/f').changeTime > before.changeTime);
  t.is(statOf('/tmp/f').modifyTime, before.modifyTime);
  must('chown', '/tmp/f', 5, -1);
  t.is(statOf('/tmp/f').mode, 0o100755, 'set-user-id goes');
  const times = new BigUint64Array([1000n, 5n, 2000n, 0x3ffffffen]);
  must('utimensat', AT_FDCWD, '/tmp/f', times, 0);
  t.is(statOf('/tmp/f').accessTime, 1_000_000_000_005n);
  t.is(statOf('/tmp/f').modifyTime, before.modifyTime);
  t.is(
    call('utimensat', AT_FDCWD, '/tmp/f', new BigUint64Array([0n, 1000000000n, 0n, 0n]), 0),
    -22,
  );
  const read = statOf('/tmp/f').accessTime;
  readFile('/tmp/f');
  t.true(statOf('/tmp/f').accessTime > read, 'relatime: older than the change');
  const second = statOf('/tmp/f').accessTime;
  readFile('/tmp/f');
  t.is(statOf('/tmp/f').accessTime, second);
  t.is(call('access', '/tmp/f', 1), 0);
  must('chmod', '/tmp/f', 0o644);
  t.is(call('access', '/tmp/f', 1), E.ACCES);
  t.is(call('access', '/tmp', 7), 0);
  t.is(call('umask', 0o077), 0o022);
  writeFile('/tmp/masked', '');
  t.is(statOf('/tmp/masked').mode, 0o100600);
  t.is(call('umask', 0o022), 0o077);
});

test.serial('sockets have names', (t) => {
  t.is(kernel.bindSocket('/tmp/socket'), 0);
  t.is(kernel.bindSocket('/tmp/socket'), E.ADDRINUSE);
  t.is(statOf('/tmp/socket').mode, 0o140755);
  t.is(open('/tmp/socket'), E.NXIO);
  t.is(kernel.findSocket('/tmp/socket'), 0);
  t.is(kernel.findSocket('/tmp'), E.CONNREFUSED);
  must('unlink', '/tmp/socket');
  t.is(kernel.findSocket('/tmp/socket'), E.NOENT);
});

test.serial('observers hear what happens', (t) => {
  const hear = kernel.watch('/tmp') as number;
  writeFile('/tmp/f', 'x');
  t.deepEqual(kernel.heard(hear), ['256 0 f', '32 0 f', '2 0 f', '8 0 f']);
  const self = kernel.watch('/tmp/f');
  must('rename', '/tmp/f', '/tmp/g');
  t.deepEqual(kernel.heard(hear), ['64 1 f', '128 1 g']);
  t.deepEqual(kernel.heard(self), ['2048 0 ']);
  must('mkdir', '/tmp/d', 0o755);
  must('chmod', '/tmp/g', 0o600);
  must('unlink', '/tmp/g');
  t.deepEqual(kernel.heard(hear), [`${0x40000100} 0 d`, '4 0 g', '512 0 g']);
  t.deepEqual(kernel.heard(self), ['4 0 ', '4 0 ', '1024 0 ', 'gone']);
  kernel.unwatch(hear);
  must('rmdir', '/tmp/d');
  t.deepEqual(kernel.heard(hear), []);
  t.is(lstat('/tmp/d'), E.NOENT);
});
