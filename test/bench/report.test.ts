// What the benchmarks make of their samples: rows, goals, tables and the page; and their command line.
import { readFile } from 'node:fs/promises';
import { runInNewContext, Script } from 'node:vm';
import test from 'ava';
import { benchCommand, type Settings, settingsOf } from './options.ts';
import { escapeHtml, renderPage } from './report/page.ts';
import {
  formatNumber,
  groupRows,
  type Report,
  renderFacts,
  renderTables,
} from './report/report.ts';
import { renderTable } from './report/table.ts';
import { type Measure, Recorder, reaches } from './support/recorder.ts';

const requests: Measure = {
  part: 'http',
  group: '1 processor',
  title: 'hello <16>',
  unit: 'requests/s',
  better: 'more',
  goal: { atLeast: 1.6 },
};
const size: Measure = { part: 'boot', group: '', title: 'size', unit: 'MB', better: 'less' };

function record(): Recorder {
  const recorder = new Recorder();
  // The host is slow in the second round: the ratio is the same.
  for (const [ours, slim] of [
    [2000, 1000],
    [1000, 500],
    [2200, 1000],
  ] as const) {
    recorder.record(requests, 'slim', slim);
    recorder.record(requests, 'ours', ours);
  }
  recorder.record(size, 'ours', 120);
  return recorder;
}

function makeReport(): Report {
  const { bench } = settingsOf([], { json: '', html: '', build: true });
  return {
    date: '2026-01-02T03:04:05.000Z',
    seconds: 600,
    host: {
      processor: 'a processor',
      processors: 2,
      memoryMegabytes: 4096,
      system: 'Debian',
      emulator: 'QEMU',
    },
    accelerator: 'tcg',
    node: 'v26.0.0',
    version: 'Runtime.JS 1.0.0',
    systems: { ours: 'this', slim: 'Linux' },
    options: bench,
    load: { before: 0, after: 1 },
    rows: record().rows(),
    failures: [{ part: 'crowd', reason: '</script><b>no memory</b>' }],
  };
}

test('ratios are taken round by round', (t) => {
  const [row, other] = record().rows();
  t.is(row?.systems.ours?.median, 2000);
  t.is(row?.systems.slim?.median, 1000);
  t.deepEqual(row?.ratios.slim?.samples, [2, 2, 2.2]);
  t.is(row?.ratios.slim?.median, 2);
  t.deepEqual(Object.keys(row?.systems ?? {}), ['ours', 'slim']);
  t.true(row?.reached);
  t.deepEqual(other?.ratios, {});
  t.is(other?.reached, undefined);
});

test('goals are at most or at least', (t) => {
  t.true(reaches(0.22, { atMost: 0.22 }));
  t.false(reaches(0.23, { atMost: 0.22 }));
  t.true(reaches(1.6, { atLeast: 1.6 }));
  t.false(reaches(1.59, { atLeast: 1.6 }));
});

test('what was not measured is refused, and a peer of zero has no ratio', (t) => {
  const recorder = new Recorder();
  t.throws(() => recorder.record(size, 'ours', Number.NaN), { message: /size: ours gave NaN MB/ });
  recorder.record(size, 'ours', 3);
  recorder.record(size, 'slim', 0);
  t.deepEqual(recorder.rows()[0]?.ratios, {});
});

test('tables and numbers are set for reading', (t) => {
  t.is(
    renderTable([
      ['a', 'b'],
      ['long', 'c'],
    ]),
    'a     b\nlong  c',
  );
  t.deepEqual([1234.5, 12.34, 1.234, 0.1234, 5].map(formatNumber), [
    '1,235',
    '12.3',
    '1.23',
    '0.123',
    '5',
  ]);
  t.deepEqual([...groupRows(record().rows()).keys()], ['http, 1 processor', 'boot']);
  const text = renderTables(makeReport().rows);
  t.regex(
    text,
    /hello <16> +requests\/s +2,000 \(1,000 to 2,200\) +1,000 \(500 to 1,000\) +2\.00 +at least 1\.6: reached/,
  );
  const facts = renderFacts(makeReport());
  t.regex(facts, /Load average 0\.0 before, 1\.0 after/);
  t.regex(facts, /Failed: crowd\./);
});

test('the page needs nothing else, and what it quotes stays text', async (t) => {
  const page = await renderPage(makeReport());
  t.notRegex(page, /<(script|link|img)[^>]+(src|href)=/);
  t.false(page.includes('<b>no memory'));
  t.true(page.includes('&lt;b&gt;no memory'));
  t.is(escapeHtml('<a href="x">&'), '&lt;a href=&quot;x&quot;&gt;&amp;');
  const embedded = [...page.matchAll(/<script type="application\/json">(.*?)<\/script>/g)];
  // Ratios to slim, requests, sizes.
  t.is(embedded.length, 3);
  const [ratios, chart] = embedded.map(([, text = '']) => JSON.parse(text));
  t.deepEqual(ratios.ratios, [2]);
  t.deepEqual(ratios.isBetter, [true]);
  t.deepEqual(chart.labels, ['hello <16>']);
  t.deepEqual(chart.series[1].spreads, [[500, 1000]]);
  for (const [, text = ''] of page.matchAll(/<script>(.*?)<\/script>/gs)) {
    t.notThrows(() => new Script(text)); // it is whole
  }
});

/** A chart, as the page asks Chart.js for it. */
interface Config {
  readonly data: { readonly labels: readonly string[]; readonly datasets: readonly object[] };
  readonly plugins?: readonly { afterDatasetsDraw(chart: object): void }[];
}

test('the page draws each of its charts, with least and greatest over the bars', async (t) => {
  const page = await renderPage(makeReport());
  const embedded = [...page.matchAll(/<script type="application\/json">(.*?)<\/script>/g)];
  const charts: Config[] = [];
  class Chart {
    static readonly defaults = { font: {} };
    constructor(_canvas: object, config: Config) {
      charts.push(config);
    }
  }
  const chart = ([, textContent]: RegExpExecArray) => ({
    querySelector: (name: string) => (name === 'script' ? { textContent } : {}),
  });
  const style = { getPropertyValue: () => ' black ' };
  const script = await readFile(new URL('report/page-script.js', import.meta.url), 'utf8');
  runInNewContext(script, {
    Chart,
    document: { documentElement: {}, querySelectorAll: () => embedded.map(chart) },
    getComputedStyle: () => style,
  });
  t.is(charts.length, 3);
  const [, requestsChart] = charts;
  t.deepEqual([...(requestsChart?.data.labels ?? [])], ['hello <16>']);

  const lines: number[] = [];
  const context = {
    ...{ save() {}, restore() {}, beginPath() {}, stroke() {} },
    moveTo: () => {},
    lineTo: (x: number) => lines.push(x),
  };
  requestsChart?.plugins?.[0]?.afterDatasetsDraw({
    ctx: context,
    data: requestsChart.data,
    scales: { x: { getPixelForValue: (value: number) => value / 10 } },
    getDatasetMeta: () => ({ data: [{ y: 5 }] }),
  });
  // The line and its two ends, of ours and of the peer.
  t.deepEqual(lines, [220, 100, 220, 100, 50, 100]);
});

/** What a command line asks for. */
async function parse(...words: string[]): Promise<Settings> {
  let found: Settings | undefined;
  const command = benchCommand(async (settings) => {
    found = settings;
  });
  command.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync(words, { from: 'user' });
  if (!found) throw new Error('nothing was run');
  return found;
}

test('the command line has parts, peers and sizes', async (t) => {
  const usual = await parse();
  t.deepEqual(usual.systems, ['ours', 'slim', 'cloud', 'host']);
  t.true(usual.parts.length >= 10);
  t.is(usual.bench.rounds, 5);
  t.true(usual.build);

  const some = await parse('cpu', 'boot', '--quick', '--rounds', '3', '--no-build');
  t.deepEqual(
    some.parts.map(({ name }) => name),
    ['boot', 'cpu'],
  );
  t.deepEqual(some.systems, ['ours', 'slim']);
  t.like(some.bench, { rounds: 3, seconds: 2 });
  t.false(some.build);

  const named = await parse(
    'http',
    '--peers',
    'host,cloud',
    '--connections',
    '8,16',
    '--processors',
    '2',
  );
  t.deepEqual(named.systems, ['ours', 'cloud', 'host']);
  t.like(named.bench, { connections: [8, 16], processors: [2] });
  t.deepEqual((await parse('--against', 'old/runtime', '--peers', 'slim')).systems, [
    'ours',
    'slim',
    'other',
  ]);
});

test('what the command line cannot mean is refused', async (t) => {
  await t.throwsAsync(parse('disk'), { message: /Allowed choices/ });
  await t.throwsAsync(parse('--peers', 'windows'), { message: /none of slim, cloud/ });
  await t.throwsAsync(parse('--rounds', '0'), { message: /whole number/ });
  await t.throwsAsync(parse('--peers', 'other'), { message: /--against FILE/ });
});
