// Small programs that only compute, one for each thing that an engine does: they show whether a system slows
// JavaScript itself. Each takes some milliseconds, and checks its result.

function expect(name: string, found: number | string, wanted: number | string): void {
  if (found !== wanted) throw new Error(`${name} computed ${found} instead of ${wanted}`);
}

/** 32-bit integers in a loop that allocates nothing. */
function integers(): void {
  let sum = 0;
  for (let number = 1; number < 200_000; number++) sum = (sum * 31 + (number ^ (sum >>> 7))) | 0;
  expect('integers', sum, 48247694);
}

/** Floating point: the Mandelbrot set. */
function floats(): void {
  let inside = 0;
  for (let row = 0; row < 40; row++) {
    for (let column = 0; column < 40; column++) {
      const real = column / 16 - 2;
      const imaginary = row / 16 - 1.25;
      let [x, y, step] = [0, 0, 0];
      for (; step < 60 && x * x + y * y <= 4; step++) {
        [x, y] = [x * x - y * y + real, 2 * x * y + imaginary];
      }
      if (step === 60) inside++;
    }
  }
  expect('floats', inside, 421);
}

interface Tree {
  readonly left?: Tree;
  readonly right?: Tree;
}

function grow(depth: number): Tree {
  return depth === 0 ? {} : { left: grow(depth - 1), right: grow(depth - 1) };
}

function count({ left, right }: Tree): number {
  return 1 + (left ? count(left) : 0) + (right ? count(right) : 0);
}

/** Many small objects that soon die: allocation and garbage collection. */
function objects(): void {
  expect('objects', count(grow(13)), 16_383);
}

/** Text: JSON, splitting, regular expressions. */
function text(): void {
  const rows = Array.from({ length: 150 }, (_, id) => ({
    id,
    name: `row ${id}`,
    tags: ['a', 'b'],
  }));
  const copy = JSON.parse(JSON.stringify(rows)) as typeof rows;
  const words = copy
    .map(({ name }) => name.replace(/(\w+) (\d+)/, '$2-$1'))
    .join(' ')
    .split(' ');
  expect('text', words.join('').length, 940);
}

/** Sorting, and hash tables. */
function collections(): void {
  const values = Array.from({ length: 3000 }, (_, index) => (index * 7919) % 3001);
  const seen = new Map<number, number>();
  for (const value of values) seen.set(value % 500, (seen.get(value % 500) ?? 0) + value);
  const sorted = values.toSorted((a, b) => a - b);
  expect('collections', (sorted[1500] ?? 0) + seen.size, 2001);
}

/** Bytes in typed arrays: a checksum and a copy. */
function bytes(): void {
  const data = new Uint8Array(65_536).map((_, index) => index * 31);
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  expect('bytes', new Uint8Array(data.buffer.slice(0)).length + a + b, 164032);
}

/** The programs by name. */
export const kernels: Readonly<Record<string, () => void>> = {
  integers,
  floats,
  objects,
  text,
  collections,
  bytes,
};
