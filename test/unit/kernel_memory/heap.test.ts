// The kernel heap in pretended frames. The heap lives as long as the process, so tests give back what
// they take.
import test, { type ExecutionContext } from 'ava';
import { kernel, PAGE, randomFor } from './addon.ts';

const LARGEST_SMALL = 1008;
const HEADER = 32;
const LARGEST_BLOCK = 4 * 1024 * 1024 - HEADER;
const CLASSES = [32, 48, 64, 96, 128, 192, 256, 336, 496, 672, 1008];

kernel.resetFrames(4096);

const take = (t: ExecutionContext, size: number): number => {
  const address = kernel.heapAllocate(size);
  if (address === undefined) return t.fail(`no ${size} bytes`) as never;
  return address;
};

test.serial('a page serves as many objects of a class as fit', (t) => {
  for (const size of CLASSES) {
    const fits = Math.floor((PAGE - HEADER) / size);
    // The first block may come from a page that waits for it.
    const first = take(t, size);
    const frames = kernel.framesInUse();
    const blocks = Array.from({ length: fits - 1 }, () => take(t, size));
    t.is(kernel.framesInUse(), frames, `${size} bytes`);
    const page = Math.floor(first / PAGE);
    t.true(blocks.every((address) => Math.floor(address / PAGE) === page));
    const next = take(t, size);
    t.is(kernel.framesInUse(), frames + 1);
    for (const address of [first, next, ...blocks]) kernel.heapFree(address);
  }
});

test.serial('blocks are aligned to 16 and apart, at every size up to 2 pages', (t) => {
  const blocks: [address: number, size: number][] = [];
  for (let size = 0; size <= 2 * PAGE; size += size < 1100 ? 1 : 97) {
    const address = take(t, size);
    if (address % 16 !== 0) t.fail(`${size} bytes are at ${address}`);
    kernel.fill(address, size, size & 0xff);
    blocks.push([address, size]);
  }
  for (const [address, size] of blocks) {
    if (!kernel.holds(address, size, size & 0xff)) t.fail(`${size} bytes were overwritten`);
    kernel.heapFree(address);
  }
  t.is(kernel.heapBytes(), kernel.framesInUse() * PAGE);
});

test.serial('no memory is nothing to give back', (t) => {
  const before = kernel.heapBytes();
  kernel.heapFree(undefined);
  t.is(kernel.heapBytes(), before);
});

test.serial('what was given back is used again, the last first', (t) => {
  const blocks = [1, 2, 3].map(() => take(t, 100));
  for (const address of blocks) kernel.heapFree(address);
  const again = [1, 2, 3].map(() => take(t, 100));
  t.deepEqual(again, blocks.toReversed());
  for (const address of again) kernel.heapFree(address);
});

test.serial('a large block takes a power of two of pages and gives all of them back', (t) => {
  for (const [size, pages] of [
    [LARGEST_SMALL + 1, 1],
    [PAGE - HEADER, 1],
    [PAGE - HEADER + 1, 2],
    [5 * PAGE, 8],
    [LARGEST_BLOCK, 1024],
  ] as const) {
    const [frames, bytes] = [kernel.framesInUse(), kernel.heapBytes()];
    const address = take(t, size);
    t.is(kernel.framesInUse(), frames + pages);
    t.is(kernel.heapBytes(), bytes + pages * PAGE);
    kernel.fill(address, size, 0x77);
    kernel.heapFree(address);
    t.is(kernel.framesInUse(), frames);
    t.is(kernel.heapBytes(), bytes);
  }
  t.is(kernel.heapAllocate(LARGEST_BLOCK + 1), undefined);
});

test.serial('without frames there is no memory, and none is lost', (t) => {
  const blocks: number[] = [];
  const frames = kernel.framesInUse();
  kernel.limitFrames(3);
  for (;;) {
    const address = kernel.heapAllocate(600);
    if (address === undefined) break;
    blocks.push(address);
  }
  t.true(blocks.length >= 3 * 6);
  t.is(kernel.heapAllocate(PAGE), undefined);
  t.is(kernel.framesInUse(), frames + 3);
  kernel.heapFree(blocks[4]);
  t.is(kernel.heapAllocate(600), blocks[4]);
  kernel.limitFrames(-1);
  for (const address of blocks) kernel.heapFree(address);
});

test.serial('random allocations never overlap, and their pages come back', (t) => {
  const random = randomFor(t);
  const blocks: [address: number, size: number, byte: number][] = [];
  const giveBack = (index: number) => {
    const [[address, size, byte]] = blocks.splice(index, 1) as [[number, number, number]];
    if (!kernel.holds(address, size, byte)) t.fail(`${size} bytes at ${address} were overwritten`);
    kernel.heapFree(address);
  };
  for (let step = 0; step < 30_000; step++) {
    const grows = Math.floor(step / 3000) % 2 === 0;
    if (random(10) < (grows ? 7 : 3)) {
      const size = random(20) ? random(LARGEST_SMALL + 1) : random(8 * PAGE);
      const address = kernel.heapAllocate(size);
      if (address === undefined) continue;
      if (address % 16) t.fail(`${address} is not aligned`);
      kernel.fill(address, size, step & 0xff);
      blocks.push([address, size, step & 0xff]);
    } else if (blocks.length) {
      giveBack(random(blocks.length));
    }
  }
  while (blocks.length) giveBack(random(blocks.length));
  t.is(kernel.heapBytes(), kernel.framesInUse() * PAGE);
});

test.serial('pages without objects go back, but for one of each class', (t) => {
  for (const size of CLASSES) {
    const blocks = Array.from({ length: 300 }, () => take(t, size));
    for (const address of blocks) kernel.heapFree(address);
  }
  t.true(kernel.framesInUse() <= CLASSES.length, `${kernel.framesInUse()} frames are kept`);
});

test.serial('a size near the end of the address space is refused', (t) => {
  t.is(kernel.heapAllocate(Number.MAX_SAFE_INTEGER), undefined);
  t.is(kernel.heapAllocate(-1), undefined); // as the kernel sees it: 2^64 - 1
});
