/** Reports of isolates: from places in scripts to places in TypeScript. */
import { ReportMaps } from '@runtimejs/isolate/report.ts';
import test from 'ava';

/** A map of a script whose first line is the first line of a source. */
const mapOf = (source: string): string =>
  `data:application/json,${encodeURIComponent(JSON.stringify({ version: 3, sources: [source], mappings: 'AAAA' }))}`;

const report = 'Error: no\n    at run (/isolates/a.js:1:1)';

test('places are named, also those of a script that has been replaced', (t) => {
  const maps = new ReportMaps();
  const describe = (url: string | undefined) => maps.describe(report, '/isolates/a.js', () => url);
  t.is(describe(mapOf('a.ts')), 'Error: no\n    at run (a.ts:1:1)');
  t.is(describe(mapOf('a.ts')), 'Error: no\n    at run (a.ts:1:1)');
  t.is(describe(mapOf('new.ts')), 'Error: no\n    at run (new.ts:1:1)');
  t.is(describe(undefined), report);
});

test('a map that is damaged hides nothing', (t) => {
  const maps = new ReportMaps();
  t.is(
    maps.describe(report, '/isolates/a.js', () => 'data:application/json,{'),
    report,
  );
});

test('an isolate that has finished needs no map', (t) => {
  t.is(
    new ReportMaps().describe('', '/isolates/a.js', () => t.fail() as never),
    '',
  );
});

test('many scripts take turns', (t) => {
  const maps = new ReportMaps();
  for (let round = 0; round < 2; round++) {
    for (let each = 0; each < 20; each++) {
      const script = `/isolates/${each}.js`;
      const text = maps.describe(`    at ${script}:1:1`, script, () => mapOf(`${each}.ts`));
      t.is(text, `    at ${each}.ts:1:1`);
    }
  }
});
