// What is in an image, and what it weighs.
import { type CpioEntry, readCpio } from '@runtimejs/base/cpio.ts';
import type { Frame } from './system/frames.ts';

/** One line of a report. */
export interface ReportEntry {
  readonly name: string;
  /** Bytes in memory. */
  readonly size: number;
  /** Its share of the compressed bytes, as far as one can tell: parts are compressed together. */
  readonly compressed: number;
}

/** What a report is about. */
export type ReportGroup = 'kernel' | 'node' | 'libraries' | 'runtime' | 'system' | 'app';

/** What is in an image. */
export interface ImageReport {
  /** Bytes of the file. */
  readonly fileSize: number;
  /** Bytes that the file takes where it is: holes do not count. */
  readonly allocated: number;
  /** Bytes of the disk in it. */
  readonly diskSize: number;
  readonly groups: Readonly<Record<ReportGroup, ReportEntry>>;
  /** Every file, the biggest first. */
  readonly files: readonly (ReportEntry & { readonly group: ReportGroup })[];
}

/** Bytes of a range, with a compressed size for each of its parts. */
export class Weights {
  readonly #starts: number[] = [];
  readonly #frames: readonly Frame[];

  /** @param frames that the range was compressed into, in order */
  constructor(frames: readonly Frame[]) {
    this.#frames = frames;
    let start = 0;
    for (const { rawSize } of frames) {
      this.#starts.push(start);
      start += rawSize;
    }
  }

  /**
   * @param offset from the start of the range
   * @param size in bytes
   * @returns the share of the compressed bytes
   */
  of(offset: number, size: number): number {
    let sum = 0;
    for (const [index, { rawSize, bytes }] of this.#frames.entries()) {
      const start = this.#starts[index]!;
      const overlap = Math.min(offset + size, start + rawSize) - Math.max(offset, start);
      if (overlap > 0) sum += (overlap / rawSize) * bytes.length;
    }
    return sum;
  }
}

function groupOf({ path }: CpioEntry): ReportGroup {
  if (path === 'bin/node') return 'node';
  if (path.startsWith('lib64/') || path.startsWith('lib/x86_64')) return 'libraries';
  if (path.startsWith('lib/runtime/') || path.startsWith('etc/')) return 'runtime';
  if (path === 'system/kernel.symbols') return 'kernel';
  if (path.startsWith('system/')) return 'system';
  return 'app';
}

/** An archive in an image. */
export interface WeighedArchive {
  readonly bytes: Uint8Array;
  /** Where it is in the range that the weights are of. */
  readonly offset: number;
  readonly weights: Weights;
}

/**
 * Weighs what is in an image.
 * @param kernelSize bytes of the kernel in memory, which come first in the base's range
 * @param base the archive with Node
 * @param initrd the archive with the app
 * @returns the groups, and the files from the biggest on
 */
export function weigh(
  kernelSize: number,
  base: WeighedArchive,
  initrd: WeighedArchive,
): Pick<ImageReport, 'groups' | 'files'> {
  const files: (ReportEntry & { group: ReportGroup })[] = [
    {
      name: 'kernel',
      group: 'kernel',
      size: kernelSize,
      compressed: base.weights.of(0, kernelSize),
    },
  ];
  for (const { bytes, offset, weights } of [base, initrd]) {
    for (const entry of readCpio(bytes)) {
      if (entry.kind !== 'file' || entry.data.length === 0) continue;
      files.push({
        name: `/${entry.path}`,
        group: groupOf(entry),
        size: entry.data.length,
        compressed: Math.round(weights.of(offset + entry.dataOffset, entry.data.length)),
      });
    }
  }
  const group = (name: ReportGroup): ReportEntry => {
    const own = files.filter((file) => file.group === name);
    const total = (key: 'size' | 'compressed') =>
      Math.round(own.reduce((sum, file) => sum + file[key], 0));
    return { name, size: total('size'), compressed: total('compressed') };
  };
  return {
    groups: {
      kernel: group('kernel'),
      node: group('node'),
      libraries: group('libraries'),
      runtime: group('runtime'),
      system: group('system'),
      app: group('app'),
    },
    files: files.sort((left, right) => right.size - left.size),
  };
}

const titles: Readonly<Record<ReportGroup, string>> = {
  kernel: 'kernel',
  node: 'Node.js with V8',
  libraries: 'shared libraries',
  runtime: 'shim and settings',
  system: 'drivers and network',
  app: 'your app',
};

/**
 * @param bytes a size
 * @returns it in KiB or MiB, with at most one decimal
 */
export function formatSize(bytes: number): string {
  if (bytes < 10 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/**
 * Writes for people what fills an image.
 * @param report what is in it
 * @returns lines of a table, without a final newline
 */
export function formatContent(report: ImageReport): string {
  const rows = Object.entries(titles).map(([group, title]) => {
    const { size, compressed } = report.groups[group as ReportGroup];
    return { title, size, compressed };
  });
  const total = (key: 'size' | 'compressed') => rows.reduce((sum, row) => sum + row[key], 0);
  rows.push({ title: 'together', size: total('size'), compressed: total('compressed') });
  const width = Math.max(...rows.map(({ title }) => title.length));
  return [
    `  ${''.padEnd(width)}${'in memory'.padStart(12)}${'compressed'.padStart(12)}`,
    ...rows.map(({ title, size, compressed }) => {
      const columns = [size, compressed].map((value) => formatSize(value).padStart(12));
      return `  ${title.padEnd(width)}${columns.join('')}`;
    }),
  ].join('\n');
}
