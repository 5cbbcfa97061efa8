/** The memory of a placed driver, which its pages come from. */
import { DmaArena } from '@runtimejs/placement/dma-arena.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

const page = 4096;

test('pages are whole, apart from each other, and inside', (t) => {
  const random = seededRandom(20_261_130);
  const [start, end] = [3 * page, 300 * page];
  const arena = new DmaArena(start, end);
  const taken: { offset: number; size: number }[] = [];
  let refusals = 0;
  for (let step = 0; step < 5000; step++) {
    if (random.chance(0.55)) {
      const size = random.pick([1, page, page + 1, random.integer(1, 40 * page)]);
      const got = arena.allocate(size);
      if (got === undefined) {
        refusals++;
        continue;
      }
      t.is(got.size, Math.ceil(size / page) * page);
      t.is(got.offset % page, 0);
      t.true(got.offset >= start && got.offset + got.size <= end);
      t.true(
        taken.every(
          ({ offset, size: bytes }) =>
            got.offset + got.size <= offset || offset + bytes <= got.offset,
        ),
      );
      taken.push(got);
    } else if (taken.length > 0) {
      const [gone] = taken.splice(random.integer(0, taken.length - 1), 1);
      arena.free(gone?.offset as number);
    }
  }
  t.true(refusals > 0);
  for (const { offset } of taken) arena.free(offset);
  t.deepEqual(
    arena.allocate(end - start),
    { offset: start, size: end - start },
    'all in one piece',
  );
});

test('what makes no sense is refused', (t) => {
  const arena = new DmaArena(0, 4 * page);
  for (const size of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 4 * page + 1, 2 ** 53]) {
    t.is(arena.allocate(size), undefined, String(size));
  }
  const got = arena.allocate(page);
  t.throws(() => arena.free(1), { instanceOf: RangeError });
  t.throws(() => arena.free(page), { instanceOf: RangeError });
  arena.free(got?.offset as number);
  t.throws(() => arena.free(got?.offset as number), { instanceOf: RangeError });
  t.is(arena.allocate(4 * page)?.offset, 0, 'nothing is lost');
  t.is(arena.allocate(1), undefined);
});
