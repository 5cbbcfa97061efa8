// Descriptors: fcntl, locks, vectors, copies between files, devices.
import test from 'ava';
import {
  AT_FDCWD,
  boot,
  call,
  E,
  kernel,
  must,
  O,
  open,
  readLink,
  readText,
  statOf,
  writeFile,
} from './kernel.ts';

test.beforeEach(() => boot([{ name: 'app/main.mjs', data: 'app' }]));

test.serial('the lowest free descriptor is taken', (t) => {
  const [a, b, c] = [open('/tmp'), open('/tmp'), open('/tmp')];
  t.deepEqual([a, b, c], [0, 1, 2]);
  must('close', 1);
  must('close', 0);
  t.is(call('dup', c), 0);
  t.is(call('fcntl', c, 0, 10), 10);
  t.is(call('fcntl', c, 1030, 10), 11);
  t.is(call('fcntl', 11, 1, 0), 1);
  t.is(open('/tmp'), 1);
  t.is(call('dup2', 2, 2), 2);
  t.is(call('dup3', 2, 2, 0), E.INVAL);
  t.is(call('dup2', 2, 70000), E.BADF);
  t.is(call('dup2', 50, 3), E.BADF);
  t.is(call('dup3', 2, 20, O.CLOEXEC), 20);
  t.is(call('fcntl', 20, 1, 0), 1);
  t.is(call('fcntl', 2, 0, 65536), E.INVAL);
  t.is(call('close_range', 10, 4294967295, 4), 0);
  t.is(call('fcntl', 10, 1, 0), 1);
  t.is(call('close_range', 10, 15, 0), 0);
  t.is(call('close', 10), E.BADF);
  t.is(call('close', 20), 0);
  t.is(call('close_range', 5, 4, 0), E.INVAL);
  t.is(call('close', -1), E.BADF);
});

test.serial('status flags', (t) => {
  const file = open('/tmp/f', O.RDWR | O.CREAT | O.APPEND);
  t.is(call('fcntl', file, 3, 0), O.RDWR | O.APPEND | 0o100000);
  must('fcntl', file, 4, O.NONBLOCK | O.WRONLY);
  t.is(call('fcntl', file, 3, 0), O.RDWR | O.NONBLOCK | 0o100000);
  must('ioctl', file, 0x5421, Buffer.from([0, 0, 0, 0]));
  t.is(call('fcntl', file, 3, 0), O.RDWR | 0o100000);
  must('ioctl', file, 0x5451, 0);
  t.is(call('fcntl', file, 1, 0), 1);
  t.is(call('ioctl', file, 0x5401, 0), E.NOTTY);
  t.is(call('fcntl', file, 9999, 0), E.INVAL);
  t.is(call('fcntl', file, 1032, 0), E.BADF);
  t.is(call('read', open('/tmp/f', O.WRONLY), Buffer.alloc(1), 1), E.BADF);
  t.is(call('write', open('/tmp/f'), Buffer.alloc(1), 1), E.BADF);
});

test.serial('vectors', (t) => {
  const file = open('/tmp/v', O.RDWR | O.CREAT);
  const one = Buffer.from('hello ');
  const two = Buffer.from('world');
  const vector = (...parts: Buffer[]) =>
    new BigUint64Array(parts.flatMap((part) => [kernel.addressOf(part), BigInt(part.length)]));
  t.is(call('writev', file, vector(one, two), 2), 11);
  const [first, second] = [Buffer.alloc(4), Buffer.alloc(20)];
  t.is(call('preadv', file, vector(first, second), 2, 0), 11);
  t.is(first.toString() + second.toString('utf8', 0, 7), 'hello world');
  t.is(call('readv', file, vector(first), 1), 0);
  t.is(call('pwritev', file, vector(two), 1, 0), 5);
  t.is(readText('/tmp/v'), 'world world');
  t.is(call('pwritev2', file, vector(two), 1, 0, 0, 16), 5);
  t.is(readText('/tmp/v'), 'world worldworld');
  t.is(call('preadv2', file, vector(first), 1, -1, 0, 0), 4, 'at the position after writev');
  t.is(call('preadv2', file, vector(first), 1, 0, 0, 64), E.OPNOTSUPP);
  t.is(call('writev', file, vector(one), -1), E.INVAL);
  t.is(call('writev', file, vector(one), 1025), E.INVAL);
  t.is(call('writev', file, new BigUint64Array([0n, 1n << 63n]), 1), E.INVAL);
  t.is(call('writev', file, null, 1), E.FAULT);
  t.is(call('readv', file, vector(first), 0), 0);
  t.is(call('pread64', file, first, 1, -1), E.INVAL);
  t.is(call('read', file, first, 1n << 63n), E.FAULT);
});

test.serial('append', (t) => {
  writeFile('/tmp/log', 'one ');
  const file = open('/tmp/log', O.WRONLY | O.APPEND);
  must('write', file, Buffer.from('two '), 4);
  must('lseek', file, 0, 0);
  must('write', file, Buffer.from('three '), 6);
  must('pwrite64', file, Buffer.from('four'), 4, 0);
  t.is(readText('/tmp/log'), 'one two three four');
});

test.serial('copies between files', (t) => {
  const data = Buffer.alloc(200_000, 'abcdefg');
  writeFile('/tmp/from', data);
  const from = open('/tmp/from');
  const to = open('/tmp/to', O.RDWR | O.CREAT);
  t.is(call('copy_file_range', from, null, to, null, 300_000, 0), 200_000);
  t.is(statOf('/tmp/to').size, 200_000);
  t.is(call('copy_file_range', from, null, to, null, 10, 0), 0);
  const offset = new BigUint64Array([100n]);
  t.is(call('sendfile', to, from, offset, 50), 50);
  t.is(offset[0], 150n);
  t.is(statOf('/tmp/to').size, 200_050);
  const read = Buffer.alloc(50);
  must('pread64', to, read, 50, 200_000);
  t.deepEqual(read, data.subarray(100, 150));
  const [low, high] = [new BigUint64Array([0n]), new BigUint64Array([10n])];
  const same = open('/tmp/to', O.RDWR);
  t.is(call('copy_file_range', to, low, same, high, 20, 0), E.INVAL, 'overlap');
  t.is(call('copy_file_range', to, low, same, high, 10, 0), 10);
  t.is(call('copy_file_range', to, null, to, null, 10, 1), E.INVAL);
  t.is(call('copy_file_range', from, null, open('/tmp'), null, 10, 0), E.BADF);
  const appending = open('/tmp/to', O.WRONLY | O.APPEND);
  t.is(call('copy_file_range', from, null, appending, null, 10, 0), E.BADF);
  t.is(call('sendfile', to, open('/dev/zero'), null, 10), E.INVAL);
});

function lock(type: number, start: number, length: number): Buffer {
  const buffer = Buffer.alloc(32);
  buffer.writeInt16LE(type, 0);
  buffer.writeBigInt64LE(BigInt(start), 8);
  buffer.writeBigInt64LE(BigInt(length), 16);
  return buffer;
}
const [READ, WRITE, UNLOCK] = [0, 1, 2];

test.serial(
  'record locks: of the process never in its way, of descriptions in each other’s',
  (t) => {
    const [get, set, wait] = [5, 6, 7];
    const [getDescription, setDescription, waitDescription] = [36, 37, 38];
    const a = open('/tmp/l', O.RDWR | O.CREAT);
    const b = open('/tmp/l', O.RDWR);
    t.is(call('fcntl', a, set, lock(WRITE, 0, 0)), 0);
    t.is(call('fcntl', b, set, lock(WRITE, 0, 0)), 0);
    const query = lock(WRITE, 0, 0);
    t.is(call('fcntl', b, get, query), 0);
    t.is(query.readInt16LE(0), UNLOCK);
    t.is(call('fcntl', b, setDescription, lock(WRITE, 0, 10)), E.AGAIN);
    must('close', open('/tmp/l'));
    t.is(call('fcntl', b, setDescription, lock(WRITE, 0, 10)), 0, 'closing any descriptor unlocks');
    t.is(call('fcntl', a, setDescription, lock(READ, 5, 1)), E.AGAIN);
    t.is(call('fcntl', a, setDescription, lock(READ, 10, 5)), 0);
    t.is(call('fcntl', a, set, lock(READ, 0, 1)), E.AGAIN);
    t.is(call('fcntl', a, waitDescription, lock(READ, 5, 1)), E.RESTART, 'would wait');
    t.is(call('fcntl', b, setDescription, lock(UNLOCK, 3, 4)), 0, 'splits');
    t.is(call('fcntl', a, setDescription, lock(WRITE, 3, 4)), 0);
    const held = lock(READ, 0, 0);
    t.is(call('fcntl', b, getDescription, held), 0);
    t.is(held.readInt16LE(0), WRITE);
    t.is(Number(held.readBigInt64LE(8)), 3);
    t.is(Number(held.readBigInt64LE(16)), 4);
    t.is(held.readInt32LE(24), -1);
    must('close', a);
    t.is(call('fcntl', b, waitDescription, lock(WRITE, 0, 0)), 0);
    t.is(call('fcntl', b, set, lock(9, 0, 0)), E.INVAL);
    t.is(call('fcntl', b, set, lock(READ, -5, 1)), E.INVAL);
    t.is(call('fcntl', open('/tmp/l'), wait, lock(WRITE, 0, 1)), E.BADF);
  },
);

test.serial('flock: per description', (t) => {
  const [SH, EX, NB, UN] = [1, 2, 4, 8];
  const a = open('/tmp/f', O.RDWR | O.CREAT);
  const b = open('/tmp/f');
  t.is(call('flock', a, SH), 0);
  t.is(call('flock', b, SH | NB), 0);
  t.is(call('flock', a, EX | NB), E.AGAIN);
  t.is(call('flock', b, UN), 0);
  t.is(call('flock', a, EX | NB), 0);
  t.is(call('flock', b, SH | NB), E.AGAIN);
  const copy = must('dup', a);
  must('close', a);
  t.is(call('flock', b, SH | NB), E.AGAIN, 'a duplicate keeps it');
  must('close', copy);
  t.is(call('flock', b, EX | NB), 0);
  t.is(call('flock', b, 3), E.INVAL);
});

test.serial('memfd and its seals', (t) => {
  const file = must('memfd_create', 'buffer', 3);
  t.is(readLink(`/proc/self/fd/${file}`), '/memfd:buffer (deleted)');
  must('ftruncate', file, 100);
  t.is(call('fcntl', file, 1033, 2), 0);
  t.is(call('ftruncate', file, 50), E.PERM);
  t.is(call('ftruncate', file, 150), 0);
  t.is(call('fcntl', file, 1033, 4 | 8), 0);
  t.is(call('ftruncate', file, 200), E.PERM);
  t.is(call('write', file, Buffer.from('x'), 1), E.PERM);
  t.is(kernel.pokePage(file, 0, 0, 1), E.PERM);
  t.is(call('fcntl', file, 1034, 0), 14);
  t.is(call('fcntl', file, 1033, 1), 0);
  t.is(call('fcntl', file, 1033, 2), E.PERM);
  t.is(call('fcntl', must('memfd_create', 'plain', 0), 1033, 2), E.PERM);
  t.is(call('memfd_create', 'n'.repeat(250), 0), E.INVAL);
});

test.serial('devices', (t) => {
  const bytes = Buffer.alloc(1000, 1);
  const read = (path: string) => call('read', open(path), bytes, 1000);
  t.is(read('/dev/null'), 0);
  t.is(read('/dev/zero'), 1000);
  t.true(bytes.every((byte) => byte === 0));
  t.is(read('/dev/urandom'), 1000);
  t.true(new Set(bytes).size > 100);
  t.is(call('write', open('/dev/null', O.WRONLY), bytes, 1000), 1000);
  t.is(call('write', open('/dev/full', O.WRONLY), bytes, 1000), E.NOSPC);
  t.is(statOf('/dev/null').mode, 0o20666);
  t.is(open('/dev/new', O.CREAT | O.WRONLY), E.ROFS);
  t.is(writeFile('/dev/shm/segment', 'shared'), 0);
  const console = open('/dev/console', O.RDWR | O.NONBLOCK);
  kernel.takeConsole();
  t.is(call('write', console, Buffer.from('hello\n'), 6), 6);
  t.is(kernel.takeConsole(), 'hello\r\n');
  t.is(call('read', console, bytes, 10), E.AGAIN);
  kernel.typeConsole('yes\r');
  t.is(call('read', console, bytes, 10), 4);
  t.is(bytes.toString('latin1', 0, 4), 'yes\n');
  t.is(call('ioctl', console, 0x5401, bytes), 0, 'TCGETS: it is a terminal');
  t.is(call('lseek', console, 0, 0), E.SPIPE);
  t.is(call('read', open('/dev/console'), bytes, 10), E.RESTART, 'would wait');
  must('dup2', console, 1);
  t.is(call('openat', AT_FDCWD, '/dev/stdout', O.WRONLY, 0) >= 0, true);
});
