// The set of areas against a model that knows each page.
import test, { type ExecutionContext } from 'ava';
import { type Area, type Areas, kernel, NO_MEMORY, PAGE, randomFor } from './addon.ts';

const area = (start: number, end: number, more: Partial<Area> = {}): Area => ({
  start: start * PAGE,
  end: end * PAGE,
  protection: 3,
  isShared: false,
  name: 0,
  object: 0,
  offset: 0,
  ...more,
});

const areasWith = (...list: Area[]): Areas => {
  const areas = new kernel.Areas();
  for (const each of list) areas.insert(each);
  return areas;
};

/** Borders in pages. */
const borders = (list: Area[]) => list.map((each) => [each.start / PAGE, each.end / PAGE]);

test('areas are kept in order of address, however they arrive', (t) => {
  const areas = areasWith(area(30, 40), area(10, 20), area(50, 60), area(20, 30));
  t.deepEqual(borders(areas.list()), [
    [10, 20],
    [20, 30],
    [30, 40],
    [50, 60],
  ]);
  t.is(areas.mappedBytes(), 40 * PAGE);
  t.is(areas.firstEndingAfter(20 * PAGE), 1);
  t.is(areas.firstEndingAfter(40 * PAGE), 3);
  t.is(areas.firstEndingAfter(60 * PAGE), 4);
});

test('find looks at both borders', (t) => {
  const areas = areasWith(area(10, 20), area(30, 40));
  t.is(areas.find(10 * PAGE - 1), undefined);
  t.is(areas.find(10 * PAGE)?.start, 10 * PAGE);
  t.is(areas.find(20 * PAGE - 1)?.start, 10 * PAGE);
  t.is(areas.find(20 * PAGE), undefined);
  t.is(areas.find(40 * PAGE), undefined);
});

test('covers and isFree see a single page', (t) => {
  const areas = areasWith(area(10, 20), area(20, 25), area(26, 30));
  t.true(areas.covers(12 * PAGE, 25 * PAGE));
  t.false(areas.covers(12 * PAGE, 26 * PAGE));
  t.false(areas.covers(9 * PAGE, 11 * PAGE));
  t.false(areas.covers(29 * PAGE, 31 * PAGE));
  t.true(areas.isFree(25 * PAGE, 26 * PAGE));
  t.true(areas.isFree(0, 10 * PAGE));
  t.true(areas.isFree(30 * PAGE, 99 * PAGE));
  t.false(areas.isFree(24 * PAGE, 26 * PAGE));
  t.false(areas.isFree(25 * PAGE, 27 * PAGE));
  t.false(areas.isFree(0, 99 * PAGE));
});

test('a split keeps everything, and moves the offset into the object', (t) => {
  const whole = area(10, 20, { object: 1, offset: 3 * PAGE, isShared: true, protection: 5 });
  const areas = areasWith(whole);
  t.is(areas.splitAtBorders(12 * PAGE, 15 * PAGE), 0);
  t.deepEqual(areas.list(), [
    { ...whole, end: 12 * PAGE },
    { ...whole, start: 12 * PAGE, end: 15 * PAGE, offset: 5 * PAGE },
    { ...whole, start: 15 * PAGE, offset: 8 * PAGE },
  ]);
  t.is(areas.references(1), 3);
  t.is(areas.splitAtBorders(12 * PAGE, 15 * PAGE), 0);
  t.is(areas.splitAtBorders(10 * PAGE, 20 * PAGE), 0);
  t.is(areas.list().length, 3, 'borders that are there need no split');
  areas.mergeAround(10 * PAGE, 20 * PAGE);
  t.deepEqual(areas.list(), [whole]);
  areas.removeRange(10 * PAGE, 20 * PAGE);
  t.is(areas.references(1), 0);
});

test('a split that fails for want of memory changes nothing that can be seen', (t) => {
  const whole = area(10, 20, { object: 2 });
  const areas = areasWith(whole, area(30, 31), area(32, 33), area(34, 35));
  // The new area, then the list that grows for it (its first four places are taken).
  for (const which of [1, 2]) {
    kernel.failAllocation(which);
    t.is(areas.splitAtBorders(12 * PAGE, 40 * PAGE), NO_MEMORY);
    t.deepEqual(areas.list()[0], whole);
    t.is(areas.list().length, 4);
    t.is(areas.references(2), 1);
  }
  t.is(areas.splitAtBorders(12 * PAGE, 40 * PAGE), 0);
  kernel.failAllocation(1);
  t.is(areas.splitAtBorders(11 * PAGE, 14 * PAGE), NO_MEMORY);
  t.true(areas.covers(10 * PAGE, 20 * PAGE));
  kernel.failAllocation(0);
  areas.mergeAround(10 * PAGE, 20 * PAGE);
  t.deepEqual(areas.list()[0], whole);
});

test('an insertion that fails for want of memory leaves the set as it was', (t) => {
  const areas = new kernel.Areas();
  kernel.failAllocation(1);
  t.is(areas.insert(area(10, 20, { object: 3 })), NO_MEMORY);
  t.deepEqual(areas.list(), []);
  t.is(areas.references(3), 0);
  t.is(areas.insert(area(10, 20)), 0);
});

test('removing a range hands out exactly what lies in it', (t) => {
  const areas = areasWith(area(10, 20), area(25, 30), area(30, 40));
  areas.splitAtBorders(15 * PAGE, 35 * PAGE);
  t.deepEqual(borders(areas.removeRange(15 * PAGE, 35 * PAGE)), [
    [15, 20],
    [25, 30],
    [30, 35],
  ]);
  t.deepEqual(borders(areas.list()), [
    [10, 15],
    [35, 40],
  ]);
  t.deepEqual(areas.removeRange(15 * PAGE, 35 * PAGE), []);
});

const mergeCases: [title: string, low: Partial<Area>, high: Partial<Area>, merges: boolean][] = [
  ['the same anonymous memory', {}, {}, true],
  ['anonymous memory with other offsets', { offset: 7 * PAGE }, { offset: PAGE }, true],
  ['other protection', {}, { protection: 1 }, false],
  ['shared and private', {}, { isShared: true }, false],
  ['other names', {}, { name: 2 }, false],
  ['other objects', { object: 1 }, { object: 2, offset: 10 * PAGE }, false],
  ['an object and anonymous memory', { object: 1 }, { offset: 10 * PAGE }, false],
  [
    'an object that goes on',
    { object: 1, offset: 5 * PAGE },
    { object: 1, offset: 15 * PAGE },
    true,
  ],
  ['an object with a gap', { object: 1 }, { object: 1, offset: 11 * PAGE }, false],
  ['the same pages of an object twice', { object: 1 }, { object: 1 }, false],
];

for (const [title, low, high, merges] of mergeCases) {
  test(`neighbours merge only when nothing differs: ${title}`, (t) => {
    const areas = areasWith(area(10, 20, low), area(20, 30, high));
    t.is(areas.mergeAround(20 * PAGE, 30 * PAGE).length, merges ? 1 : 0);
    t.is(areas.list().length, merges ? 1 : 2);
    if (merges) t.deepEqual(areas.list()[0], area(10, 30, low));
  });
}

test('a hole keeps areas apart', (t) => {
  const areas = areasWith(area(10, 20), area(21, 30));
  t.deepEqual(areas.mergeAround(0, 40 * PAGE), []);
});

test('merging joins both sides of a range, and leaves what is far away', (t) => {
  const areas = areasWith(area(1, 2), area(2, 3), area(10, 20), area(20, 30), area(30, 40));
  t.is(areas.mergeAround(20 * PAGE, 30 * PAGE).length, 2);
  t.deepEqual(borders(areas.list()), [
    [1, 2],
    [2, 3],
    [10, 40],
  ]);
});

test('the highest free range is found, aligned and within bounds', (t) => {
  const areas = areasWith(area(10, 20), area(30, 40), area(45, 60));
  const find = (size: number, alignment: number, bottom: number, top: number) =>
    areas.findFree(size * PAGE, alignment * PAGE, bottom * PAGE, top * PAGE) / PAGE;
  t.is(find(5, 1, 1, 100), 95);
  t.is(find(5, 1, 1, 62), 40, 'two pages above the last area are too few');
  t.is(find(5, 1, 1, 60), 40, 'a hole of the very size');
  t.is(find(6, 1, 1, 60), 24);
  t.is(find(10, 1, 1, 60), 20);
  t.is(find(11, 1, 1, 60), 0);
  t.is(find(9, 1, 1, 60), 21);
  t.is(find(9, 1, 1, 28), 1, 'below everything, at the bottom itself');
  t.is(find(9, 1, 2, 28), 0);
  t.is(find(4, 1, 1, 35), 26, 'the top lies in an area');
  t.is(find(4, 8, 1, 60), 40);
  t.is(find(5, 8, 1, 60), 40);
  t.is(find(5, 16, 1, 60), 0, 'no aligned place is large enough');
  t.is(find(8, 16, 1, 80), 64);
  t.is(find(3, 1, 25, 30), 27);
  t.is(find(6, 1, 25, 30), 0, 'the bottom cuts the hole');
  t.is(find(1, 1, 10, 20), 0);
  t.is(new kernel.Areas().findFree(PAGE, PAGE, 0x10000, 0x20000), 0x1f000);
});

/** What one page of the model is: everything but its place. */
interface Page {
  protection: number;
  isShared: boolean;
  object: number;
  offset: number;
}

class Model {
  readonly pages: (Page | undefined)[];

  constructor(count: number) {
    this.pages = Array(count).fill(undefined);
  }
  isFree(start: number, end: number): boolean {
    return this.pages.slice(start, end).every((page) => page === undefined);
  }
  covers(start: number, end: number): boolean {
    return this.pages.slice(start, end).every((page) => page !== undefined);
  }
  /** The highest place from `bottom` up to `top`; 0 when there is none. */
  findFree(size: number, alignment: number, bottom: number, top: number): number {
    for (let start = top - size; start >= bottom; start--) {
      if (start % alignment === 0 && this.isFree(start, start + size)) return start;
    }
    return 0;
  }
  /** How many areas the pages make when all neighbours that can be joined are. */
  areaCount(): number {
    let count = 0;
    this.pages.forEach((page, index) => {
      const before = this.pages[index - 1];
      const joins =
        page &&
        before &&
        page.protection === before.protection &&
        page.isShared === before.isShared &&
        page.object === before.object &&
        (page.object === 0 || page.offset === before.offset + PAGE);
      if (page && !joins) count++;
    });
    return count;
  }
}

function compare(t: ExecutionContext, areas: Areas, model: Model): void {
  const seen: (Page | undefined)[] = Array(model.pages.length).fill(undefined);
  let last = 0;
  for (const { start, end, protection, isShared, object, offset } of areas.list()) {
    if (start < last || start >= end) t.fail(`area ${start} to ${end} after ${last}`);
    last = end;
    for (let at = start; at < end; at += PAGE) {
      seen[at / PAGE] = { protection, isShared, object, offset: object && offset + at - start };
    }
  }
  t.deepEqual(seen, model.pages);
  t.is(areas.list().length, model.areaCount(), 'neighbours that can be joined are');
}

test('random mmap, munmap and mprotect leave what a page-by-page model says', (t) => {
  const random = randomFor(t);
  const count = 160;
  for (let run = 0; run < 10; run++) {
    const areas = new kernel.Areas();
    const model = new Model(count);
    for (let step = 0; step < 400; step++) {
      const start = 1 + random(count - 1);
      const end = Math.min(count, start + 1 + random(20));
      const protection = random(4);
      switch (random(5)) {
        case 0:
        case 1: {
          // mmap with MAP_FIXED
          const object = random(3);
          const isShared = random(4) === 0;
          const offset = object && random(4) * PAGE;
          areas.splitAtBorders(start * PAGE, end * PAGE);
          areas.removeRange(start * PAGE, end * PAGE);
          areas.insert(area(start, end, { protection, isShared, object, offset }));
          areas.mergeAround(start * PAGE, end * PAGE);
          for (let i = start; i < end; i++) {
            const at = object && offset + (i - start) * PAGE;
            model.pages[i] = { protection, isShared, object, offset: at };
          }
          break;
        }
        case 2:
          areas.splitAtBorders(start * PAGE, end * PAGE);
          areas.removeRange(start * PAGE, end * PAGE);
          model.pages.fill(undefined, start, end);
          break;
        case 3: {
          const covers = areas.covers(start * PAGE, end * PAGE);
          if (covers !== model.covers(start, end)) t.fail(`covers(${start}, ${end}): ${covers}`);
          if (!covers) break;
          areas.splitAtBorders(start * PAGE, end * PAGE);
          areas.protect(start * PAGE, end * PAGE, protection);
          areas.mergeAround(start * PAGE, end * PAGE);
          for (let i = start; i < end; i++) model.pages[i] = { ...model.pages[i]!, protection };
          break;
        }
        default: {
          const size = 1 + random(12);
          const alignment = 2 ** random(4);
          const found = areas.findFree(size * PAGE, alignment * PAGE, start * PAGE, end * PAGE);
          t.is(found / PAGE, model.findFree(size, alignment, start, end));
          t.is(areas.isFree(start * PAGE, end * PAGE), model.isFree(start, end));
          t.is(areas.find(start * PAGE) !== undefined, model.pages[start] !== undefined);
        }
      }
      if (step % 20 === 19) compare(t, areas, model);
    }
    areas.removeRange(0, count * PAGE);
    t.is(areas.mappedBytes(), 0);
    t.deepEqual([areas.references(1), areas.references(2)], [0, 0]);
  }
});
