// The result: as JSON for machines, and as a table for people.
import type { Compression } from '../peer/initramfs.ts';
import type { Host } from './host.ts';
import type { MemorySearch } from './memory.ts';
import type { Summary } from './statistics.ts';

/** What was measured of one system. */
export interface SystemReport {
  readonly name: string;
  /** Versions of what it is made of. */
  readonly version: string;
  readonly commandLine: string;
  /** QEMU start to the app's first line, in ms. */
  readonly firstLine: Summary;
  /** Processor time of QEMU until then, in ms. */
  readonly processorTime: Summary;
  /** QEMU start to QEMU's end, in ms. */
  readonly end: Summary;
  /** Sizes of the files that are booted, in bytes. */
  readonly kernelBytes: number;
  readonly initrdBytes: number;
}

/** A search for the smallest memory that was made with one form of the initrd. */
export interface MemoryReport extends MemorySearch {
  readonly compression: Compression;
}

/** Everything that `npm run bench:boot` found. build/bench/boot.json holds it. */
export interface BootReport {
  /** Start of the run, ISO 8601. */
  readonly date: string;
  readonly host: Host;
  readonly accelerator: string;
  /** QEMU's arguments for ours; the peer's differ in kernel, initrd and command line only. */
  readonly arguments: readonly string[];
  readonly node: string;
  readonly rounds: number;
  /** Load average over a minute, before and after the rounds; a boot in QEMU itself adds 1. */
  readonly load: { readonly before: number; readonly after: number };
  readonly ours: SystemReport;
  readonly peer: SystemReport;
  /** Ours divided by the peer's, round by round. */
  readonly ratio: { readonly firstLine: Summary; readonly processorTime: Summary };
  /** First line of the peer by form of its initramfs, the better of two boots, in ms. */
  readonly peerForms: Readonly<Record<Compression, number>>;
  /** Kernel entry to Node's first instruction, as our kernel logs it, in microseconds. */
  readonly firstInstruction: Summary;
  /** Smallest memory that runs the app; the peer's for each form of its initramfs. */
  readonly memory?: { readonly ours: MemorySearch; readonly peer: readonly MemoryReport[] };
  /** Bytes of dist/runtime and dist/initrd, with the example app. */
  readonly distribution: { readonly runtime: number; readonly initrd: number | undefined };
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;
const milliseconds = (microseconds: number) => `${(microseconds / 1000).toFixed(2)} ms`;
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const kibibytes = (bytes: number) => `${(bytes / 2 ** 10).toFixed(0)} KiB`;
const times = (ratio: number) => ratio.toFixed(3);

function spread({ median, min, max }: Summary, format: (value: number) => string): string {
  return `${format(median)} (${format(min)} to ${format(max)})`;
}

/** The peer's smallest memory, in the form that does best. */
function bestMemory(searches: readonly MemoryReport[]): MemoryReport | undefined {
  return searches
    .filter(({ smallest }) => smallest !== undefined)
    .sort((left, right) => left.smallest! - right.smallest!)[0];
}

function memoryRow({ memory }: BootReport): string[][] {
  if (!memory) return [];
  const text = (smallest: number | undefined) => (smallest ? `${smallest} MiB` : 'none found');
  const peer = bestMemory(memory.peer);
  const form = peer ? ` (initramfs: ${compressionName(peer.compression)})` : '';
  const ratio =
    memory.ours.smallest && peer?.smallest ? times(memory.ours.smallest / peer.smallest) : '';
  return [['smallest memory', text(memory.ours.smallest), `${text(peer?.smallest)}${form}`, ratio]];
}

function compressionName(compression: Compression): string {
  return compression === 'none' ? 'not compressed' : compression;
}

/**
 * Renders the report for a terminal.
 * @param report what was found
 * @returns lines with a table of medians and, in parentheses, the least and the greatest value
 */
export function renderReport(report: BootReport): string {
  const { ours, peer, ratio, host, distribution } = report;
  const rows = [
    ['', ours.name, peer.name, 'ratio'],
    [
      'QEMU start to first line',
      spread(ours.firstLine, seconds),
      spread(peer.firstLine, seconds),
      spread(ratio.firstLine, times),
    ],
    [
      'processor time until then',
      spread(ours.processorTime, seconds),
      spread(peer.processorTime, seconds),
      spread(ratio.processorTime, times),
    ],
    [
      'QEMU start to power off',
      spread(ours.end, seconds),
      spread(peer.end, seconds),
      times(ours.end.median / peer.end.median),
    ],
    ['kernel entry to Node', spread(report.firstInstruction, milliseconds), '', ''],
    ...memoryRow(report),
    ['kernel file', `${mebibytes(ours.kernelBytes)} with Node`, mebibytes(peer.kernelBytes), ''],
    ['initrd', kibibytes(ours.initrdBytes), `${mebibytes(peer.initrdBytes)} with Node`, ''],
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '),
  );
  const forms = Object.entries(report.peerForms)
    .map(([form, time]) => `${compressionName(form as Compression)} ${seconds(time)}`)
    .join(', ');
  return [
    ...lines.map((line) => line.trimEnd()),
    '',
    `Medians of ${report.rounds} interleaved rounds (least to greatest). ` +
      `Load average ${report.load.before.toFixed(1)} before, ${report.load.after.toFixed(1)} after.`,
    `Ours: ${ours.version}; command line "${ours.commandLine}".`,
    `Peer: ${peer.version}; command line "${peer.commandLine}".`,
    `Peer's initramfs, first line, the better of two boots: ${forms}.`,
    `dist/runtime ${mebibytes(distribution.runtime)}, dist/initrd ` +
      `${distribution.initrd === undefined ? 'not built' : kibibytes(distribution.initrd)}. ` +
      `Node ${report.node} on both.`,
    `${host.emulator}, ${report.accelerator}, ${host.processors} processors ` +
      `(${host.processor}), ${host.memoryMegabytes} MiB, ${host.system}.`,
  ].join('\n');
}
