// The result as one page that needs nothing else: Chart.js, the figures and the styles are in it.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Row } from '../support/recorder.ts';
import { type SystemName, titles } from '../support/subjects.ts';
import {
  describeRun,
  formatNumber,
  formatSummary,
  formatVerdict,
  groupRows,
  type Report,
  systemsOf,
} from './report.ts';

/** What page-script.js draws: bars of each system, with their least and greatest. */
interface ChartData {
  readonly unit: string;
  readonly labels: readonly string[];
  readonly series: readonly {
    readonly system: string;
    readonly title: string;
    readonly medians: readonly (number | null)[];
    readonly spreads: readonly (readonly [number, number] | null)[];
  }[];
}

/** And an overview of ratios. */
interface RatioData {
  readonly title: string;
  readonly labels: readonly string[];
  readonly ratios: readonly number[];
  readonly isBetter: readonly boolean[];
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Makes text safe between tags and in attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
}

/** JSON that no tag in it can end. */
function embedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** Measures of the same unit share a scale, so they share a chart. */
function chartsOf(rows: readonly Row[]): ChartData[] {
  const byUnit = Map.groupBy(rows, ({ measure }) => measure.unit);
  return [...byUnit].map(([unit, some]) => ({
    unit,
    labels: some.map(({ measure }) => measure.title),
    series: systemsOf(some).map((system) => ({
      system,
      title: titles[system],
      medians: some.map((row) => row.systems[system]?.median ?? null),
      spreads: some.map(({ systems }) => {
        const summary = systems[system];
        return summary ? ([summary.min, summary.max] as const) : null;
      }),
    })),
  }));
}

function overviewOf(rows: readonly Row[], peer: SystemName): RatioData {
  const compared = rows.filter(({ ratios }) => (ratios[peer]?.median ?? 0) > 0);
  return {
    title: `Runtime.JS divided by ${titles[peer]}`,
    labels: compared.map(({ measure: { part, group, title } }) =>
      [part, group, title].filter(Boolean).join(', '),
    ),
    ratios: compared.map(({ ratios }) => ratios[peer]?.median ?? 1),
    isBetter: compared.map(({ measure, ratios }) => {
      const ratio = ratios[peer]?.median ?? 1;
      return measure.better === 'more' ? ratio >= 1 : ratio <= 1;
    }),
  };
}

function tableOf(rows: readonly Row[]): string {
  const systems = systemsOf(rows);
  const peers = systems.filter((system) => system !== 'ours');
  const cell = (text: string, tag = 'td') => `<${tag}>${escapeHtml(text)}</${tag}>`;
  const head = [
    '',
    'unit',
    ...systems.map((system) => titles[system]),
    ...peers.map((peer) => `to ${peer}`),
    'goal',
  ];
  const body = rows.map((row) => {
    const ratios = peers.map((peer) => {
      const ratio = row.ratios[peer];
      return ratio ? formatNumber(ratio.median) : '';
    });
    const figures = systems.map((system) => {
      const summary = row.systems[system];
      return summary ? formatSummary(summary) : '';
    });
    const verdict = formatVerdict(row);
    const mark = verdict ? ` class="${row.reached ? 'reached' : 'missed'}"` : '';
    const cells = [row.measure.title, row.measure.unit, ...figures, ...ratios];
    return `<tr>${cells.map((text) => cell(text)).join('')}<td${mark}>${escapeHtml(verdict)}</td></tr>`;
  });
  const heading = `<tr>${head.map((text) => cell(text, 'th')).join('')}</tr>`;
  return `<table><thead>${heading}</thead><tbody>${body.join('\n')}</tbody></table>`;
}

/** Height of a chart in pixels: each bar has its room. */
const barHeight = 16;
const chartMargin = 70;

function canvas(bars: number, data: ChartData | RatioData): string {
  const height = bars * barHeight + chartMargin;
  return (
    `<div class="chart" style="height:${height}px"><canvas></canvas>` +
    `<script type="application/json">${embedJson(data)}</script></div>`
  );
}

function sectionOf(title: string, rows: readonly Row[]): string {
  const charts = chartsOf(rows).map((data) =>
    canvas(data.labels.length * (data.series.length + 1), data),
  );
  return `<section><h2>${escapeHtml(title)}</h2>${charts.join('\n')}${tableOf(rows)}</section>`;
}

/**
 * Makes the page.
 * @param report what was found
 * @returns HTML
 */
export async function renderPage(report: Report): Promise<string> {
  const require = createRequire(import.meta.url);
  // The package exports its modules only; this file is for pages without a bundler.
  const library = path.join(path.dirname(require.resolve('chart.js')), 'chart.umd.min.js');
  const read = (name: string) => readFile(path.join(import.meta.dirname, name), 'utf8');
  const [chart, script, style] = await Promise.all([
    readFile(library, 'utf8'),
    read('page-script.js'),
    read('page.css'),
  ]);
  const peers = systemsOf(report.rows).filter((system) => system !== 'ours');
  const overviews = peers
    .map((peer) => overviewOf(report.rows, peer))
    .filter(({ labels }) => labels.length > 0)
    .map((data) => `<h3>${escapeHtml(data.title)}</h3>${canvas(data.labels.length, data)}`);
  const failures = report.failures.map(
    ({ part, reason }) =>
      `<p class="missed">Failed: ${escapeHtml(part)}. ${escapeHtml(reason)}</p>`,
  );
  const facts = describeRun(report).map((fact) => `<li>${escapeHtml(fact)}</li>`);
  const inline = (text: string) => text.replaceAll('</script', '<\\/script');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Runtime.JS beside its peers, ${escapeHtml(report.date.slice(0, 10))}</title>
<style>${style}</style>
</head>
<body>
<h1>Runtime.JS beside its peers</h1>
<ul>${facts.join('\n')}</ul>
${failures.join('\n')}
<section>
<h2>Ratios</h2>
<p>On a logarithmic scale. Green is better than the peer, red is worse; whether more or less is better, the
measure says.</p>
${overviews.join('\n')}
</section>
${[...groupRows(report.rows)].map(([title, rows]) => sectionOf(title, rows)).join('\n')}
<script>${inline(chart)}</script>
<script>${inline(script)}</script>
</body>
</html>
`;
}
