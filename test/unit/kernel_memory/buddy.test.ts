// The buddy allocator against a model that knows which frames are taken.
import test, { type ExecutionContext } from 'ava';
import { type Buddy, kernel, randomFor } from './addon.ts';

const LARGEST_ORDER = 10;
const LARGEST = 2 ** LARGEST_ORDER;
const MAXIMUM_RANGES = 80;
const UNMANAGED = 0xffffffff;
const FREE_HEAD = 0x80000000;
const FREE_BODY = 0xc0000000;

type Range = [first: number, count: number];

const buddyWith = (frames: number, ...ranges: Range[]): Buddy => {
  const buddy = new kernel.Buddy(frames);
  for (const [first, count] of ranges) buddy.addRange(first, count);
  return buddy;
};

/** The free blocks that the frames' states describe: "order" by first frame. Fails on nonsense. */
function freeBlocks(t: ExecutionContext, buddy: Buddy): Map<number, number> {
  const states = buddy.states();
  const blocks = new Map<number, number>();
  for (let frame = 0; frame < states.length; ) {
    const state = states[frame]!;
    if (state === UNMANAGED || state < FREE_HEAD) {
      frame++;
      continue;
    }
    const order = state - FREE_HEAD;
    if (order > LARGEST_ORDER || frame % 2 ** order !== 0) t.fail(`frame ${frame}: state ${state}`);
    for (let i = 1; i < 2 ** order; i++) {
      if (states[frame + i] !== FREE_BODY) t.fail(`frame ${frame + i} is not in its free block`);
    }
    blocks.set(frame, order);
    frame += 2 ** order;
  }
  return blocks;
}

/** No two free blocks are halves of a larger one. */
function checkCoalesced(t: ExecutionContext, blocks: Map<number, number>): void {
  for (const [frame, order] of blocks) {
    if (order === LARGEST_ORDER) continue;
    const buddy = (frame ^ (2 ** order)) >>> 0;
    if (blocks.get(buddy) === order) t.fail(`${frame} and ${buddy} of order ${order} stay apart`);
  }
}

/** Takes single frames until there are none. */
function takeAll(buddy: Buddy): number[] {
  const frames: number[] = [];
  for (let frame = buddy.allocate(0); frame !== undefined; frame = buddy.allocate(0)) {
    frames.push(frame);
  }
  return frames;
}

const framesOf = (...ranges: Range[]) =>
  ranges.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i));

const ascending = (a: number, b: number) => a - b;

test('nothing is managed before a range is added', (t) => {
  const buddy = new kernel.Buddy(16);
  t.deepEqual(buddy.counts(), { free: 0, managed: 0 });
  t.is(buddy.allocate(0), undefined);
  t.false(buddy.isManaged(3n));
  t.false(buddy.isManaged(16n));
  t.false(buddy.isManaged(1n << 40n));
});

test('odd ranges: every frame of theirs is given out once, and no other', (t) => {
  const ranges: Range[] = [
    [1, 1],
    [3, 5],
    [17, 1030],
    [2047, 2],
    [3000, 2500],
    [6143, 1],
  ];
  const buddy = buddyWith(6144, ...ranges);
  const expected = framesOf(...ranges);
  t.deepEqual(buddy.counts(), { free: expected.length, managed: expected.length });
  t.deepEqual(takeAll(buddy).sort(ascending), expected);
  t.deepEqual(buddy.counts(), { free: 0, managed: expected.length });
});

test('an empty range adds nothing', (t) => {
  const buddy = buddyWith(64, [8, 0], [16, 4]);
  t.deepEqual(takeAll(buddy).sort(ascending), [16, 17, 18, 19]);
});

test('ranges that touch grow together into the largest blocks', (t) => {
  const buddy = buddyWith(2 * LARGEST, [0, 700], [700, 324], [LARGEST, LARGEST]);
  for (const frame of takeAll(buddy)) buddy.free(frame, 0);
  t.deepEqual(
    [...freeBlocks(t, buddy)],
    [
      [0, LARGEST_ORDER],
      [LARGEST, LARGEST_ORDER],
    ],
  );
});

test('blocks are aligned to their size and hold one reference in each frame', (t) => {
  const buddy = buddyWith(4 * LARGEST, [5, 4 * LARGEST - 5]);
  for (let order = 0; order <= LARGEST_ORDER; order++) {
    const frame = buddy.allocate(order)!;
    t.is(frame % 2 ** order, 0);
    t.true(buddy.isManaged(BigInt(frame)));
    t.false(buddy.isFree(frame));
    t.true(
      buddy
        .states()
        .subarray(frame, frame + 2 ** order)
        .every((state) => state === 1),
    );
    buddy.free(frame, order);
    t.true(buddy.isFree(frame));
  }
});

test('free memory stays untouched until it is needed', (t) => {
  const buddy = buddyWith(64 * LARGEST, [0, 32 * LARGEST], [40 * LARGEST, 24 * LARGEST]);
  t.deepEqual(buddy.touched(), [], 'adding ranges');
  for (let i = 0; i < LARGEST; i++) buddy.allocate(0);
  t.true(
    buddy.touched().every((frame) => frame < LARGEST),
    'the first block serves the first frames',
  );
  t.is(buddy.allocate(0), LARGEST);
  const touched = buddy.touched();
  t.true(touched.every((frame) => frame < 2 * LARGEST));
  t.false(buddy.isManaged(BigInt(2 * LARGEST)), 'not yet in any list');
  t.true(buddy.isManaged(BigInt(LARGEST)));
});

test('what was given back is used before untouched memory', (t) => {
  const buddy = buddyWith(64 * LARGEST, [0, 64 * LARGEST]);
  for (let round = 0; round < 100; round++) {
    const frames = Array.from({ length: LARGEST }, () => buddy.allocate(0)!);
    for (const frame of frames) buddy.free(frame, 0);
  }
  t.true(buddy.touched().every((frame) => frame < LARGEST));
});

test('when memory is exhausted, a smaller block may still be there', (t) => {
  const buddy = buddyWith(2 * LARGEST, [0, LARGEST + 8]);
  t.is(buddy.allocate(LARGEST_ORDER), 0);
  t.is(buddy.allocate(LARGEST_ORDER), undefined);
  t.is(buddy.allocate(4), undefined);
  t.is(buddy.allocate(3), LARGEST);
  t.is(buddy.allocate(0), undefined);
  t.is(buddy.counts().free, 0);
  buddy.free(LARGEST, 3);
  t.is(buddy.allocate(3), LARGEST, 'and is there again after a refusal');
});

test('frames that are free but apart do not make a block', (t) => {
  const buddy = buddyWith(64, [0, 64]);
  const frames = takeAll(buddy);
  for (const frame of frames) if (frame % 2 === 0) buddy.free(frame, 0);
  t.is(buddy.counts().free, 32);
  t.is(buddy.allocate(1), undefined);
  buddy.free(33, 0);
  t.is(buddy.allocate(1), 32);
});

test('there is room for a fixed count of ranges', (t) => {
  const buddy = new kernel.Buddy(1024);
  for (let i = 0; i < MAXIMUM_RANGES; i++) t.true(buddy.addRange(i * 2, 1));
  t.false(buddy.addRange(1000, 1));
  t.deepEqual(buddy.counts(), { free: MAXIMUM_RANGES, managed: MAXIMUM_RANGES });
  t.is(takeAll(buddy).length, MAXIMUM_RANGES);
  t.false(buddy.isManaged(1000n));
});

test('random requests never overlap, and everything given back coalesces', (t) => {
  const random = randomFor(t);
  for (let run = 0; run < 8; run++) {
    const frames = 6 * LARGEST;
    const ranges: Range[] = [];
    for (let at = random(50); at < frames - 1; ) {
      const count = Math.min(1 + random(run % 2 ? 3000 : 300), frames - at);
      ranges.push([at, count]);
      at += count + random(200);
      if (ranges.length === MAXIMUM_RANGES) break;
    }
    const buddy = buddyWith(frames, ...ranges);
    const managed = new Set(framesOf(...ranges));
    const taken = new Uint8Array(frames);
    const blocks: [frame: number, order: number][] = [];
    let free = managed.size;
    for (let step = 0; step < 4000; step++) {
      // Long phases of growing and of shrinking reach both ends.
      const grows = Math.floor(step / 500) % 2 === 0;
      if (random(10) < (grows ? 7 : 3)) {
        const order = random(4) ? random(3) : random(LARGEST_ORDER + 1);
        const frame = buddy.allocate(order);
        if (frame === undefined) continue;
        if (frame % 2 ** order) t.fail(`${frame} is not aligned to order ${order}`);
        for (let i = frame; i < frame + 2 ** order; i++) {
          if (taken[i] || !managed.has(i)) t.fail(`frame ${i} was not there to give`);
          taken[i] = 1;
        }
        blocks.push([frame, order]);
        free -= 2 ** order;
      } else if (blocks.length) {
        const [[frame, order]] = blocks.splice(random(blocks.length), 1) as [[number, number]];
        taken.fill(0, frame, frame + 2 ** order);
        buddy.free(frame, order);
        free += 2 ** order;
      }
      if (buddy.counts().free !== free) t.fail(`step ${step}: ${buddy.counts().free} are free`);
      if (step % 500 === 499) checkCoalesced(t, freeBlocks(t, buddy));
    }
    for (const [frame, order] of blocks) buddy.free(frame, order);
    for (const frame of takeAll(buddy)) buddy.free(frame, 0);
    const rest = freeBlocks(t, buddy);
    checkCoalesced(t, rest);
    const covered = [...rest].flatMap(([frame, order]) => framesOf([frame, 2 ** order]));
    t.deepEqual(covered, [...managed]);
  }
});

test('a block of the largest size is found in the middle of a large range', (t) => {
  const buddy = buddyWith(8 * LARGEST, [100, 5 * LARGEST]);
  const found = Array.from({ length: 5 }, () => buddy.allocate(LARGEST_ORDER));
  t.deepEqual(found.filter((frame) => frame !== undefined).sort(ascending), [
    LARGEST,
    2 * LARGEST,
    3 * LARGEST,
    4 * LARGEST,
  ]);
});
