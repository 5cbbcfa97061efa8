// Page tables in pretended memory, against a map from page to entry.
import test, { type ExecutionContext } from 'ava';
import { kernel, type Leaf, NO_MEMORY, type PageTable, randomFor } from './addon.ts';

const PRESENT = 1n;
const WRITE = 1n << 1n;
const USER = 1n << 2n;
const LARGE = 1n << 7n;
const PARKED = 1n << 11n;
const NO_EXECUTE = 1n << 63n;

const PAGE = 4096n;
const LARGE_PAGE = 512n * PAGE;
const GIGABYTE = 512n * LARGE_PAGE;
const ROOT_SPAN = 512n * GIGABYTE;
const USER_END = 1n << 47n;

/** Addresses of leaves that nobody looks into: far beyond the pretended memory. */
const frame = (index: number | bigint) => (1n << 40n) + BigInt(index) * PAGE;

/** A fresh machine with an empty tree. */
function freshTables(frames = 1024): PageTable {
  kernel.resetFrames(frames);
  return new kernel.PageTable();
}

/** Frames that tables take, without the root. */
const tableFrames = () => kernel.framesInUse() - 1;

/** All leaves as pages of 4 KiB. */
function translations({ leaves }: { leaves: Leaf[] }): Map<bigint, bigint> {
  const pages = new Map<bigint, bigint>();
  for (const [page, entry, size] of leaves) {
    for (let at = 0n; at < size; at += PAGE) pages.set(page + at, (entry & ~LARGE) + at);
  }
  return pages;
}

const all = (tables: PageTable) => tables.walk(0n, USER_END);

test('an empty tree holds nothing', (t) => {
  const tables = freshTables();
  t.is(tables.find(0n), undefined);
  t.is(tables.find(0xffff_8000_0000_0000n), undefined);
  t.deepEqual(all(tables), { error: 0, leaves: [] });
  t.is(tables.tableBytes(), 0);
  tables.freeTables(0n, USER_END);
  t.is(tableFrames(), 0);
});

test('addresses are told apart that can be read without a fault', (t) => {
  const tables = freshTables();
  const high = 0xffff_8000_0000_0000n;
  t.is(tables.map(PAGE, frame(0) | PRESENT), 0);
  t.is(tables.map(2n * PAGE, frame(1) | PARKED), 0);
  t.is(tables.mapLarge(GIGABYTE, frame(512) | PRESENT), 0);
  t.is(tables.map(high, frame(2) | PRESENT), 0);
  const readable = [PAGE, 2n * PAGE - 1n, GIGABYTE, GIGABYTE + LARGE_PAGE - 1n, high, high + 4095n];
  for (const address of readable) t.true(tables.translates(address), address.toString(16));
  const unreadable = [
    ...[0n, PAGE - 1n, 2n * PAGE, 3n * PAGE, GIGABYTE + LARGE_PAGE, ROOT_SPAN, high + PAGE],
    ...[USER_END, USER_END + PAGE, (1n << 63n) + PAGE, high - PAGE, (1n << 64n) - 1n],
  ];
  for (const address of unreadable) t.false(tables.translates(address), address.toString(16));
});

test('a page is found under its address and nowhere else', (t) => {
  const tables = freshTables();
  const pages = [0n, PAGE, LARGE_PAGE, GIGABYTE, ROOT_SPAN, USER_END - PAGE];
  pages.forEach((page, index) => {
    t.is(tables.map(page, frame(index) | PRESENT | NO_EXECUTE), 0);
  });
  pages.forEach((page, index) => {
    t.is(tables.find(page), frame(index) | PRESENT | NO_EXECUTE);
    t.is(tables.find(page + 4095n), frame(index) | PRESENT | NO_EXECUTE);
  });
  t.is(tables.find(2n * PAGE), 0n, 'the table is there, the page is not');
  t.is(tables.find(2n * LARGE_PAGE), undefined);
  t.deepEqual(
    all(tables).leaves.map(([page]) => page),
    pages,
  );
});

test('tables are made once and counted', (t) => {
  const tables = freshTables();
  tables.map(0n, frame(0) | PRESENT);
  t.is(tableFrames(), 3);
  tables.map(LARGE_PAGE - PAGE, frame(1) | PRESENT);
  t.is(tableFrames(), 3);
  tables.map(LARGE_PAGE, frame(2) | PRESENT);
  t.is(tableFrames(), 4);
  tables.map(0xffff_ffff_ffff_f000n, frame(3) | PRESENT);
  t.is(tableFrames(), 7);
  t.is(tables.find(0xffff_ffff_ffff_ffffn), frame(3) | PRESENT);
  t.is(tables.tableBytes(), 7 * 4096);
});

test('a walk visits the pages of its range only, in order', (t) => {
  const tables = freshTables();
  for (let i = 0; i < 2048; i += 3) tables.map(BigInt(i) * PAGE, frame(i) | PRESENT);
  for (const [from, to] of [
    [0, 2048],
    [1, 4],
    [3, 3],
    [3, 4],
    [510, 514],
    [1535, 1537],
    [2046, 99999],
  ] as const) {
    const { leaves } = tables.walk(BigInt(from) * PAGE, BigInt(to) * PAGE);
    const expected = [];
    for (let i = Math.ceil(from / 3) * 3; i < Math.min(to, 2048); i += 3) expected.push(i);
    t.deepEqual(
      leaves.map(([page]) => Number(page / PAGE)),
      expected,
    );
  }
});

test('a page that is parked, kept but out of reach, is visited like any other', (t) => {
  const tables = freshTables();
  tables.map(0n, frame(0) | PRESENT);
  tables.map(PAGE, frame(1) | PARKED);
  t.deepEqual(tables.clear(0n, LARGE_PAGE).leaves, [
    [0n, frame(0) | PRESENT, 4096],
    [PAGE, frame(1) | PARKED, 4096],
  ]);
  t.is(tables.find(PAGE), 0n);
});

test('a large page inside of the range is visited whole', (t) => {
  const tables = freshTables();
  tables.mapLarge(LARGE_PAGE, frame(0) | PRESENT);
  tables.map(0n, frame(9999) | PRESENT);
  t.deepEqual(tables.walk(0n, 2n * LARGE_PAGE).leaves, [
    [0n, frame(9999) | PRESENT, 4096],
    [LARGE_PAGE, frame(0) | PRESENT | LARGE, 2 * 1024 * 1024],
  ]);
  t.is(tables.find(LARGE_PAGE), undefined, 'there is no small page to find');
  t.is(tableFrames(), 3);
});

test('large pages split exactly where the range cuts', (t) => {
  const tables = freshTables();
  const flags = PRESENT | USER | NO_EXECUTE;
  for (let i = 0n; i < 4n; i++) tables.mapLarge(i * LARGE_PAGE, frame(i * 512n) | flags);
  const before = translations(all(tables));
  const { error, leaves } = tables.walk(LARGE_PAGE - PAGE, 2n * LARGE_PAGE + PAGE);
  t.is(error, 0);
  t.deepEqual(leaves, [
    [LARGE_PAGE - PAGE, frame(511) | flags, 4096],
    [LARGE_PAGE, frame(512) | flags | LARGE, 2 * 1024 * 1024],
    [2n * LARGE_PAGE, frame(1024) | flags, 4096],
  ]);
  t.is(tableFrames(), 2 + 2, 'one table for each of the two that were cut');
  t.deepEqual(translations(all(tables)), before, 'every page still leads where it led');
  t.is(all(tables).leaves.length, 512 + 1 + 512 + 1);
});

test('a small page in a large one splits it', (t) => {
  const tables = freshTables();
  tables.mapLarge(0n, frame(0) | PRESENT);
  t.is(tables.map(5n * PAGE, frame(7777) | PRESENT | WRITE), 0);
  const pages = translations(all(tables));
  t.is(pages.size, 512);
  t.is(pages.get(4n * PAGE), frame(4) | PRESENT);
  t.is(pages.get(5n * PAGE), frame(7777) | PRESENT | WRITE);
  t.is(pages.get(6n * PAGE), frame(6) | PRESENT);
});

test('a range that touches a large page only at its border leaves it whole', (t) => {
  const tables = freshTables();
  tables.mapLarge(LARGE_PAGE, frame(0) | PRESENT);
  t.deepEqual(tables.walk(0n, LARGE_PAGE).leaves, []);
  t.deepEqual(tables.walk(2n * LARGE_PAGE, 3n * LARGE_PAGE).leaves, []);
  t.is(all(tables).leaves.length, 1);
});

test('freeing tables gives every table back', (t) => {
  const tables = freshTables();
  for (const page of [0n, GIGABYTE, ROOT_SPAN, USER_END - PAGE]) tables.map(page, PRESENT);
  tables.clear(0n, USER_END);
  tables.freeTables(0n, USER_END);
  t.is(tableFrames(), 0);
  t.is(tables.tableBytes(), 0);
  t.is(tables.map(GIGABYTE, frame(1) | PRESENT), 0, 'and the tree can grow again');
});

test('freeing tables leaves those that reach out of the range', (t) => {
  const tables = freshTables();
  tables.map(0n, frame(0) | PRESENT);
  for (const page of [LARGE_PAGE, 2n * LARGE_PAGE, 3n * LARGE_PAGE]) tables.map(page, PRESENT);
  tables.clear(LARGE_PAGE, 4n * LARGE_PAGE);
  tables.freeTables(LARGE_PAGE + PAGE, 4n * LARGE_PAGE - PAGE);
  t.is(tableFrames(), 2 + 3, 'only the one in the middle lies wholly inside');
  t.is(tables.find(0n), frame(0) | PRESENT);
  t.is(tables.find(2n * LARGE_PAGE), undefined);
  tables.freeTables(LARGE_PAGE, 4n * LARGE_PAGE);
  t.is(tableFrames(), 3);
  t.is(tables.find(0n), frame(0) | PRESENT);
});

test('without memory for a table nothing is mapped, and the tree stays whole', (t) => {
  for (let available = 0; available < 3; available++) {
    const tables = freshTables();
    tables.map(ROOT_SPAN, frame(1) | PRESENT);
    kernel.limitFrames(available);
    t.is(tables.map(0n, frame(2) | PRESENT), NO_MEMORY);
    t.is(tables.find(0n), undefined);
    t.is(tables.tableBytes(), tableFrames() * 4096);
    t.deepEqual(all(tables).leaves, [[ROOT_SPAN, frame(1) | PRESENT, 4096]]);
    kernel.limitFrames(-1);
    t.is(tables.map(0n, frame(2) | PRESENT), 0);
    t.is(tableFrames(), 6, 'tables of the failed attempt are used');
    tables.clear(0n, USER_END);
    tables.freeTables(0n, USER_END);
    t.is(tableFrames(), 0);
  }
});

test('without memory to split, a walk stops and nothing is lost', (t) => {
  const tables = freshTables();
  for (let i = 0n; i < 3n; i++) tables.mapLarge(i * LARGE_PAGE, frame(i * 512n) | PRESENT);
  const before = translations(all(tables));
  kernel.limitFrames(0);
  t.deepEqual(tables.clear(PAGE, 3n * LARGE_PAGE), { error: NO_MEMORY, leaves: [] });
  t.deepEqual(translations(all(tables)), before);
  t.is(tables.map(PAGE, PRESENT), NO_MEMORY);
  t.deepEqual(translations(all(tables)), before);
  const cut = tables.clear(0n, 2n * LARGE_PAGE + PAGE);
  t.is(cut.error, NO_MEMORY);
  t.is(cut.leaves.length, 2, 'what comes before the cut was visited');
  t.deepEqual(
    translations(all(tables)),
    translations({
      leaves: [[...before].slice(1024)].flatMap((list) =>
        list.map(([page, entry]): Leaf => [page, entry, 4096]),
      ),
    }),
  );
  kernel.limitFrames(-1);
  t.is(tables.clear(PAGE, 3n * LARGE_PAGE).error, 0);
});

/** What a random run works on: a few clusters, so that tables are shared and borders are met. */
const clusters = [
  0n,
  GIGABYTE - LARGE_PAGE,
  ROOT_SPAN - 2n * LARGE_PAGE,
  USER_END - 4n * LARGE_PAGE,
];

function checkTree(t: ExecutionContext, tables: PageTable, model: Map<bigint, bigint>): void {
  const pages = translations(all(tables));
  if (pages.size !== model.size) t.fail(`${pages.size} pages, not ${model.size}`);
  for (const [page, entry] of model) {
    if (pages.get(page) !== entry) t.fail(`page ${page}: ${pages.get(page)}, not ${entry}`);
  }
  if (tables.tableBytes() !== tableFrames() * 4096) t.fail('tables are miscounted');
}

test('random mapping and unmapping, short of memory at times, matches a map of pages', (t) => {
  const random = randomFor(t);
  for (let run = 0; run < 3; run++) {
    const tables = freshTables(64);
    const model = new Map<bigint, bigint>();
    const anyPage = () => clusters[random(clusters.length)]! + BigInt(random(2048)) * PAGE;
    for (let step = 0; step < 600; step++) {
      kernel.limitFrames(random(4) ? -1 : random(3));
      const start = anyPage();
      switch (random(5)) {
        case 0:
        case 1: {
          const entry = frame(random(1 << 20)) | PRESENT | (random(2) ? WRITE : 0n);
          if (tables.map(start, entry) === 0) model.set(start, entry);
          break;
        }
        case 2: {
          const block = start & ~(LARGE_PAGE - 1n);
          // As the kernel does: only where nothing was mapped, and no table is in the way.
          if (tables.clear(block, block + LARGE_PAGE).error) break;
          tables.freeTables(block, block + LARGE_PAGE);
          for (let at = 0n; at < LARGE_PAGE; at += PAGE) model.delete(block + at);
          const entry = frame(random(1000) * 512) | PRESENT;
          if (tables.mapLarge(block, entry)) break;
          for (let at = 0n; at < LARGE_PAGE; at += PAGE) model.set(block + at, entry + at);
          break;
        }
        default: {
          const end = start + BigInt(1 + random(1500)) * PAGE;
          const { error, leaves } = tables.clear(start, end);
          const cleared = translations({ leaves });
          for (const [page, entry] of cleared) {
            if (model.get(page) !== entry) t.fail(`page ${page} was not ${entry}`);
            model.delete(page);
          }
          if (error) break;
          for (let page = start; page < end; page += PAGE) {
            if (model.has(page)) t.fail(`page ${page} was not visited`);
          }
          tables.freeTables(start, end);
        }
      }
      if (step % 20 === 19) checkTree(t, tables, model);
    }
    kernel.limitFrames(-1);
    tables.clear(0n, USER_END);
    tables.freeTables(0n, USER_END);
    t.is(tableFrames(), 0);
  }
});
