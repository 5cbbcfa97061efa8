// The result of a run: JSON for machines, tables for people. page.ts makes a page of it.
import type { BenchOptions } from '../parts/part.ts';
import type { Host } from '../support/host.ts';
import type { Goal, Row } from '../support/recorder.ts';
import type { Summary } from '../support/statistics.ts';
import { type SystemName, titles } from '../support/subjects.ts';
import { renderTable } from './table.ts';

/** Everything that a run found. */
export interface Report {
  /** Start of the run, ISO 8601. */
  readonly date: string;
  /** Seconds that the run took. */
  readonly seconds: number;
  readonly host: Host;
  readonly accelerator: string;
  readonly node: string;
  /** Version and commit of this repository; a `+` says that files differ from it. */
  readonly version: string;
  /** What was compared, and what it is made of. */
  readonly systems: Partial<Readonly<Record<SystemName, string>>>;
  readonly options: BenchOptions;
  /** Load average over a minute, before and after; each machine that is loaded adds 1 or more itself. */
  readonly load: { readonly before: number; readonly after: number };
  readonly rows: readonly Row[];
  /** Parts that could not be measured to their end, and why. */
  readonly failures: readonly { readonly part: string; readonly reason: string }[];
}

/** Writes a number with three significant digits at least. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** Median, and least to greatest where there are several samples. */
export function formatSummary({ median, min, max, samples }: Summary): string {
  if (samples.length < 2 || min === max) return formatNumber(median);
  return `${formatNumber(median)} (${formatNumber(min)} to ${formatNumber(max)})`;
}

/** A goal in words, such as `at least 1.6`. */
export function formatGoal(goal: Goal): string {
  return 'atMost' in goal ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
}

/** The verdict on a row's goal; empty without one. */
export function formatVerdict({ measure, reached }: Row): string {
  if (!measure.goal || reached === undefined) return '';
  return `${formatGoal(measure.goal)}: ${reached ? 'reached' : 'not reached'}`;
}

/** Rows by part and group, in their order. */
export function groupRows(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ measure: { part, group } }) => (group ? `${part}, ${group}` : part));
}

/** Systems of rows, in their order. */
export function systemsOf(rows: readonly Row[]): SystemName[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row.systems) as SystemName[]))];
}

function renderGroup(title: string, rows: readonly Row[]): string {
  const systems = systemsOf(rows);
  const peers = systems.filter((system) => system !== 'ours');
  const hasGoals = rows.some((row) => formatVerdict(row) !== '');
  const head = [
    title,
    'unit',
    ...systems.map((system) => titles[system]),
    ...peers.map((peer) => `to ${peer}`),
    ...(hasGoals ? ['goal'] : []),
  ];
  const lines = rows.map((row) => [
    row.measure.title,
    row.measure.unit,
    ...systems.map((system) => (row.systems[system] ? formatSummary(row.systems[system]) : '')),
    ...peers.map((peer) => row.ratios[peer]?.median.toFixed(2) ?? ''),
    ...(hasGoals ? [formatVerdict(row)] : []),
  ]);
  return renderTable([head, ...lines]);
}

/** What was measured on, and how: one fact a line. */
export function describeRun(report: Report): string[] {
  const { host, options, load } = report;
  return [
    `${report.version}, ${report.date}, ${Math.round(report.seconds / 60)} min; Node ${report.node} everywhere.`,
    ...Object.entries(report.systems).map(
      ([system, text]) => `${titles[system as SystemName]} (${system}): ${text}.`,
    ),
    `${host.emulator}, ${report.accelerator}; ${host.processors} processors (${host.processor}), ` +
      `${host.memoryMegabytes} MiB, ${host.system}.`,
    `Medians of ${options.rounds} rounds in turns (least to greatest); loads of ${options.seconds} s after a ` +
      `warm-up of ${options.warmUp} s; machines of ${options.memory} MiB.`,
    `"to slim" and so on: ours divided by that system's, round by round, the median.`,
    `Load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after.`,
  ];
}

/** Renders rows for a terminal: a table for each part and group. */
export function renderTables(rows: readonly Row[]): string {
  return [...groupRows(rows)].map(([title, some]) => renderGroup(title, some)).join('\n\n');
}

/** Renders what is to be known beside the tables, and what failed. */
export function renderFacts(report: Report): string {
  const failures = report.failures.map(({ part, reason }) => `Failed: ${part}. ${reason}`);
  return [describeRun(report).join('\n'), ...failures].join('\n\n');
}
