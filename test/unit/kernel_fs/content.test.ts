// Content of regular files: the image in place, copy-up, holes, growth, and the end of memory.
import test from 'ava';
import {
  boot,
  call,
  E,
  kernel,
  must,
  O,
  open,
  readFile,
  readText,
  seededRandom,
  statOf,
  writeFile,
} from './kernel.ts';

const page = 4096;
const big = Buffer.alloc(3 * page + 100);
for (let i = 0; i < big.length; i++) big[i] = (i * 7) & 255;
const image = [
  { name: 'lib/big.so', data: big, mode: 0o100755 },
  { name: 'etc/small', data: 'small file' },
];

test.beforeEach(() => boot(image));

test.serial('image files are read and mapped in place, their last page with a clean tail', (t) => {
  t.deepEqual(readFile('/lib/big.so'), big);
  const file = open('/lib/big.so');
  const before = kernel.framesInUse();
  const first = kernel.mapPage(file, 0, false);
  const second = kernel.mapPage(file, 1, false);
  t.is(kernel.framesInUse(), before, 'whole pages take no memory');
  if (typeof first !== 'object' || typeof second !== 'object' || !first || !second) {
    return t.fail();
  }
  t.is(second.address - first.address, 4096n);
  t.deepEqual(first.bytes, big.subarray(0, page));
  const last = kernel.mapPage(file, 3, false);
  if (typeof last !== 'object' || !last) return t.fail();
  t.deepEqual(last.bytes.subarray(0, 100), big.subarray(3 * page));
  t.true(last.bytes.subarray(100).every((byte) => byte === 0));
  t.is(kernel.mapPage(file, 4, false), E.RANGE);
  t.is(kernel.contiguousPages(file, 0, 3), first.address);
  t.is(kernel.contiguousPages(file, 0, 4), 0n, 'not over the partial page');
  t.deepEqual(readFile('/lib/big.so'), big);
  t.is(statOf('/lib/big.so').blocks, 32);
});

test.serial('a small unaligned file is copied to be mapped', (t) => {
  const file = open('/etc/small');
  const mapped = kernel.mapPage(file, 0, false);
  if (typeof mapped !== 'object' || !mapped) return t.fail();
  t.is(mapped.address % 4096n, 0n);
  t.is(mapped.bytes.toString('latin1', 0, 10), 'small file');
  t.true(mapped.bytes.subarray(10).every((byte) => byte === 0));
});

test.serial('the root is read-only unless asked otherwise', (t) => {
  t.is(open('/etc/small', O.RDWR), E.ROFS);
  t.is(open('/etc/small', O.RDONLY | O.TRUNC), E.ROFS);
  t.is(open('/etc/new', O.WRONLY | O.CREAT), E.ROFS);
  t.is(call('truncate', '/etc/small', 0), E.ROFS);
  t.is(call('access', '/etc/small', 2), E.ROFS);
  t.is(call('chmod', '/etc/small', 0o600), E.ROFS);
  t.is(call('mkdir', '/new', 0o755), E.ROFS);
  t.is(call('unlink', '/etc/small'), E.ROFS);
  t.is(call('rename', '/etc/small', '/etc/other'), E.ROFS);
  t.is(call('access', '/dev/null', 2), 0);
});

test.serial('a writable root copies up page by page', (t) => {
  boot(image, { writable: true });
  const file = open('/lib/big.so', O.RDWR);
  const before = kernel.framesInUse();
  must('pwrite64', file, Buffer.from('changed'), 7, page + 10);
  t.is(kernel.framesInUse(), before + 1);
  const expected = Buffer.from(big);
  expected.write('changed', page + 10);
  t.deepEqual(readFile('/lib/big.so'), expected);
  must('ftruncate', file, 2 * page + 5);
  t.deepEqual(readFile('/lib/big.so'), expected.subarray(0, 2 * page + 5));
  must('ftruncate', file, 3 * page);
  const grown = Buffer.concat([expected.subarray(0, 2 * page + 5)], 3 * page);
  t.deepEqual(readFile('/lib/big.so'), grown, 'what was cut off reads as zeroes');
  t.is(kernel.contiguousPages(file, 0, 1), 0n, 'content that can change is not for large pages');
  t.is(open('/lib/big.so', O.WRONLY | O.TRUNC) >= 0, true);
  t.is(readText('/lib/big.so'), '');
});

test.serial('a page that is copied up is taken out of mappings that show the image', (t) => {
  boot(image, { writable: true });
  const file = open('/lib/big.so', O.RDWR);
  kernel.takeUnmapped();
  must('pwrite64', file, Buffer.from('part of a page'), 14, page + 10);
  t.deepEqual(kernel.takeUnmapped(), ['1']);
  must('pwrite64', file, Buffer.alloc(page, 1), page, 2 * page);
  t.deepEqual(kernel.takeUnmapped(), ['2'], 'also when the whole page is written');
  must('pwrite64', file, Buffer.from('again'), 5, page);
  t.deepEqual(kernel.takeUnmapped(), [], 'the copy is what mappings show by then');
});

test.serial('random writes, truncates and holes match a plain buffer', (t) => {
  const random = seededRandom(99);
  for (const start of [Buffer.alloc(0), big]) {
    boot(image, { writable: true });
    const path = start.length ? '/lib/big.so' : '/tmp/file';
    const file = open(path, O.RDWR | O.CREAT);
    let model = Buffer.from(start);
    for (let step = 0; step < 600; step++) {
      const offset = random(40 * page);
      const size = random(3 * page) + 1;
      switch (random(6)) {
        case 0:
        case 1: {
          const data = Buffer.alloc(size, random(255) + 1);
          t.is(call('pwrite64', file, data, size, offset), size);
          if (model.length < offset + size) model = Buffer.concat([model], offset + size);
          data.copy(model, offset);
          break;
        }
        case 2:
          must('ftruncate', file, offset);
          model = Buffer.concat([model.subarray(0, offset)], offset);
          break;
        case 3:
          must('fallocate', file, 3, offset, size);
          model.fill(0, Math.min(offset, model.length), Math.min(offset + size, model.length));
          break;
        case 4:
          must('fallocate', file, random(2), offset, size);
          if (statOf(path).size > model.length) model = Buffer.concat([model], offset + size);
          break;
        default: {
          if (model.length === 0) break;
          const at = random(Math.ceil(model.length / page));
          const mapped = kernel.mapPage(file, at, random(2) === 0);
          if (typeof mapped !== 'object' || !mapped) return t.fail();
          const expected = Buffer.concat([model.subarray(at * page, (at + 1) * page)], page);
          t.true(mapped.bytes.equals(expected), `page ${at} at step ${step}`);
        }
      }
      t.is(statOf(path).size, model.length);
      const read = Buffer.alloc(size);
      const count = call('pread64', file, read, size, offset);
      t.true(read.subarray(0, count).equals(model.subarray(offset, offset + size)), `${step}`);
    }
    t.true(model.equals(readFile(path) as Buffer));
  }
});

test.serial('64 MiB written and read in order', (t) => {
  const file = open('/tmp/large', O.RDWR | O.CREAT);
  const chunk = Buffer.alloc(1 << 20);
  for (let i = 0; i < 64; i++) {
    chunk.fill(i);
    t.is(call('write', file, chunk, chunk.length), chunk.length);
  }
  t.is(statOf('/tmp/large').size, 64 << 20);
  t.is(statOf('/tmp/large').blocks, (64 << 20) / 512);
  must('lseek', file, 0, 0);
  for (let i = 0; i < 64; i++) {
    t.is(call('read', file, chunk, chunk.length), chunk.length);
    t.true(chunk.every((byte) => byte === i));
  }
  t.is(call('read', file, chunk, 1), 0);
});

test.serial('memory comes back: truncate, unlink, close', (t) => {
  const before = kernel.framesInUse();
  const file = open('/tmp/gone', O.RDWR | O.CREAT);
  must('write', file, Buffer.alloc(100 * page, 1), 100 * page);
  t.is(kernel.framesInUse(), before + 100);
  must('ftruncate', file, 10 * page);
  t.is(kernel.framesInUse(), before + 10);
  t.deepEqual(kernel.takeUnmapped().slice(-1), ['10']);
  must('unlink', '/tmp/gone');
  t.is(kernel.framesInUse(), before + 10, 'an open file lives on');
  t.is(call('pread64', file, Buffer.alloc(1), 1, 0), 1);
  must('close', file);
  t.is(kernel.framesInUse(), before);
});

test.serial('files stop growing before memory is gone', (t) => {
  boot(image, { memory: 16 << 20 });
  const file = open('/tmp/filler', O.WRONLY | O.CREAT);
  const chunk = Buffer.alloc(1 << 20, 1);
  let total = 0;
  let result = call('write', file, chunk, chunk.length);
  while (result > 0) {
    total += result;
    result = call('write', file, chunk, chunk.length);
  }
  t.is(result, E.NOSPC);
  t.is(total, 12 << 20, 'all but the reserve of 4 MiB');
  t.is(statOf('/tmp/filler').size, total);
  const figures = Buffer.alloc(120);
  must('statfs', '/tmp', figures);
  t.is(Number(figures.readBigUInt64LE(24)), 0, 'no free blocks');
  t.is(Number(figures.readBigUInt64LE(16)) * page, total);
  t.is(call('fallocate', file, 0, 0, 2 ** 40), E.NOSPC);
  must('ftruncate', file, 0);
  must('fstatfs', file, figures);
  t.is(Number(figures.readBigUInt64LE(24)) * page, 12 << 20);
});

test.serial('holes take no memory and are found by lseek', (t) => {
  const file = open('/tmp/sparse', O.RDWR | O.CREAT);
  const before = kernel.framesInUse();
  must('ftruncate', file, 2 ** 40);
  must('pwrite64', file, Buffer.from('data'), 4, 2 ** 30);
  t.is(kernel.framesInUse(), before + 1);
  t.is(call('lseek', file, 0, 3), 2 ** 30);
  t.is(call('lseek', file, 2 ** 30 + 2, 3), 2 ** 30 + 2);
  t.is(call('lseek', file, 2 ** 30, 4), 2 ** 30 + page);
  t.is(call('lseek', file, 2 ** 30 + page, 3), E.NXIO);
  t.is(call('lseek', file, 5, 4), 5);
  t.is(call('lseek', file, 2 ** 40, 4), E.NXIO);
  t.is(call('lseek', file, -1, 0), E.INVAL);
  t.is(call('lseek', file, 0x7fffffffffffffffn, 2), E.OVERFLOW);
});

test.serial('a file that a shared mapping wrote past its end grows with zeroes', (t) => {
  const file = open('/tmp/mapped', O.RDWR | O.CREAT);
  must('write', file, Buffer.from('abc'), 3);
  t.is(kernel.pokePage(file, 0, 1, 0x58), 0);
  t.is(kernel.pokePage(file, 0, 5, 0x59), 0);
  t.is(readText('/tmp/mapped'), 'aXc');
  must('ftruncate', file, 8);
  t.is(readText('/tmp/mapped'), 'aXc\0\0\0\0\0');
});

test.serial('memory that cannot be reached gives EFAULT or a short count', (t) => {
  // At a page's start: how much is copied before the fault goes by the pages of the memory.
  const room = Buffer.alloc(4 * page);
  const offset = Number(-kernel.addressOf(room) & BigInt(page - 1));
  const memory = room.subarray(offset, offset + 3 * page);
  const start = kernel.addressOf(memory);
  must('close', must('creat', '/tmp/fault', 0o644));
  const file = open('/tmp/fault', O.RDWR);
  // Not beyond it: memory of the kernel's own may follow.
  kernel.forbidRange(start + 5000n, start + BigInt(3 * page));
  t.is(call('write', file, memory, 3 * page), page, 'whole pages before the fault count');
  t.is(call('pwrite64', file, memory.subarray(5000), 10, 0), E.FAULT);
  t.is(call('pread64', file, memory.subarray(5000), 10, 0), E.FAULT);
  t.is(call('write', file, null, 10), E.FAULT);
  t.is(call('newfstatat', -100, null, memory, 0), E.FAULT);
  t.is(call('newfstatat', -100, '/tmp', memory.subarray(6000), 0), E.FAULT);
  kernel.forbidRange(0n, 0n);
  t.is(statOf('/tmp/fault').size, page);
});

test.serial('no failed allocation leaves anything behind or half done', (t) => {
  for (let which = 1; which < 60; which++) {
    boot(image, { writable: true });
    const frames = kernel.framesInUse();
    kernel.failAllocation(which);
    const results = [
      writeFile('/tmp/a', Buffer.alloc(70 * page, 1)),
      call('mkdir', '/tmp/d', 0o755),
      call('symlink', 'x'.repeat(300), '/tmp/l'),
      call('link', '/tmp/a', '/tmp/b'),
      call('rename', '/tmp/b', '/tmp/d/c'),
      writeFile('/lib/big.so', 'new'),
    ];
    kernel.failAllocation(0);
    for (const result of results) t.true(result <= 0);
    boot(image, { writable: true });
    t.is(kernel.framesInUse(), frames, `allocation ${which}`);
  }
});

test.serial('a fresh start gives everything back', (t) => {
  boot(image);
  const frames = kernel.framesInUse();
  const allocations = kernel.allocationsInUse();
  writeFile('/tmp/x', Buffer.alloc(50 * page, 1));
  call('mkdir', '/tmp/d', 0o755);
  writeFile('/tmp/d/y', 'y');
  boot(image);
  t.is(kernel.framesInUse(), frames);
  t.is(kernel.allocationsInUse(), allocations);
});

test('the page tree behaves as a map', (t) => {
  const random = seededRandom(3);
  const tree = new kernel.PageTree();
  const model = new Map<bigint, bigint>();
  const index = () => BigInt(random(64)) << BigInt(random(7) * 6);
  for (let step = 0; step < 20000; step++) {
    const at = index();
    if (random(3)) {
      t.true(tree.set(at, BigInt(step + 2)));
      model.set(at, BigInt(step + 2));
    } else {
      tree.clear(at);
      model.delete(at);
    }
    const probe = index();
    if (tree.get(probe) !== (model.get(probe) ?? 0n)) return t.fail(`get ${probe} at ${step}`);
    if (step % 50 === 0) {
      const following = [...model.keys()].filter((key) => key >= probe);
      const expected = following.sort((a, b) => Number(a - b))[0] ?? null;
      if (tree.next(probe) !== expected) return t.fail(`next ${probe} at ${step}`);
    }
  }
  return t.pass();
});
