// Memory that the kernel takes for an app's sake comes back. Each case was a bug once.
import test from 'ava';
import { bootApp } from './support/endings.ts';

interface Figures {
  readonly when: string;
  readonly kernelHeap: number;
  readonly pageTables: number;
  readonly tmpfs: number;
}

let figures: ReadonlyMap<string, Figures>;

test.before(async (t) => {
  const result = await bootApp({ name: 'memory', entry: 'apps/memory.ts' });
  const lines = result.output.split('\n').filter((line) => line.startsWith('{"when"'));
  figures = new Map(
    lines.map((line) => JSON.parse(line) as Figures).map((entry) => [entry.when, entry]),
  );
  if (!figures.has('end')) t.log(result.output);
  t.is(result.code, 0);
});

test('page tables of heaps that were given back piece by piece are freed', (t) => {
  const [warm, workers] = [figures.get('warm'), figures.get('workers')];
  t.true(workers!.pageTables < warm!.pageTables * 1.5, JSON.stringify([warm, workers]));
});

test('the kernel heap gives empty pages back', (t) => {
  const [workers, files, end] = ['workers', 'files', 'end'].map((when) => figures.get(when)!);
  t.true(files!.kernelHeap > workers!.kernelHeap + 500_000, 'the files take kernel memory');
  t.true(end!.kernelHeap < workers!.kernelHeap + 500_000, JSON.stringify([workers, files, end]));
  t.true(end!.tmpfs < 200_000, 'the files are gone');
});
