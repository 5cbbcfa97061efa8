// A short row of the matrix of machines; `npm run matrix` boots many more.
import test from 'ava';
import { type Cell, describeCell, pairedCells, runCell } from './support/matrix.ts';

const cells: readonly (Cell & { readonly expected: 'ran' | 'refused' })[] = [
  { platform: 'pc direct', model: 'Nehalem', processors: 2, memory: 'least', expected: 'ran' },
  { platform: 'q35 UEFI', model: 'EPYC', processors: 4, memory: '2048 NUMA', expected: 'ran' },
  { platform: 'pc BIOS', model: 'Skylake-Server', processors: 1, memory: '5120', expected: 'ran' },
  { platform: 'microvm direct', model: 'Haswell', processors: 4, memory: '512', expected: 'ran' },
  { platform: 'q35 direct', model: 'qemu64', processors: 2, memory: '65536', expected: 'ran' },
];

for (const { expected, ...cell } of cells) {
  test.serial(describeCell(cell), async (t) => {
    const { outcome, detail } = await runCell(cell);
    if (outcome !== expected) t.log(detail);
    t.is(outcome, expected);
  });
}

test('every two values of different kinds come together', (t) => {
  const cells = pairedCells(1);
  const pairs = new Set<string>();
  for (const cell of cells) {
    const values = Object.values(cell);
    values.forEach((value, axis) => {
      for (const other of values.slice(axis + 1)) pairs.add(`${axis} ${value} ${other}`);
    });
  }
  t.is(pairs.size, 7 * (20 + 4 + 6) + 20 * (4 + 6) + 4 * 6);
});
