// `npm run matrix`: boots the app of the matrix on many machines, and says how each went.
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import {
  allCells,
  type Cell,
  type CellResult,
  describeCell,
  pairedCells,
  runCell,
} from './support/matrix.ts';

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be 1 or more.');
  return number;
}

const program = new Command('npm run matrix --')
  .description(
    'Boots a test app on machines of all types, firmwares, CPU models, numbers of CPUs and sizes of memory. By ' +
      'default every two values of different kinds come together once, which takes about an hour without KVM.',
  )
  .option('--all', 'every machine: thousands')
  .option('--only <text>', 'machines whose description has this text, such as "UEFI" or "EPYC"')
  .option('--limit <count>', 'so many machines at most', wholeNumber)
  .option('--seed <number>', 'which pairs come together', wholeNumber, 1)
  .parse();
const options = program.opts<{ all?: boolean; only?: string; limit?: number; seed: number }>();

const wanted = (cell: Cell): boolean =>
  options.only === undefined || describeCell(cell).includes(options.only);
const cells = (options.all === true ? allCells() : pairedCells(options.seed))
  .filter(wanted)
  .slice(0, options.limit);
if (cells.length === 0) {
  console.error(`No machine's description has "${options.only}".`);
  process.exit(2);
}
console.log(`${cells.length} machines, on ${availableParallelism()} CPUs of this host`);

const results: CellResult[] = [];
for (const cell of cells) {
  const result = await runCell(cell);
  results.push(result);
  const seconds = (result.milliseconds / 1000).toFixed(1);
  console.log(`${result.outcome.padEnd(8)} ${seconds.padStart(6)} s  ${describeCell(cell)}`);
  if (result.outcome === 'failed') console.log(result.detail);
}

const count = (outcome: CellResult['outcome']): number =>
  results.filter((result) => result.outcome === outcome).length;
for (const outcome of ['refused', 'absent'] as const) {
  const details = new Map<string, string>();
  for (const { cell, detail } of results.filter((result) => result.outcome === outcome)) {
    details.set(cell.model, detail);
  }
  for (const [model, detail] of details) console.log(`${outcome}: ${model}: ${detail}`);
}
console.log(
  `${count('ran')} ran, ${count('refused')} refused, ${count('absent')} absent, ${count('failed')} failed`,
);
process.exitCode = count('failed') === 0 ? 0 : 1;
