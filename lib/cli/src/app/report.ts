// What is in an image, and what it weighs.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { formatContent } from '@runtimejs/image/report.ts';
import colors from 'picocolors';
import { displayPath } from '../bundle/project.ts';
import { readContent } from '../bundle.ts';
import type { BuiltApp } from './build-app.ts';
import { availableDrivers } from './composition.ts';
import type { ImageFile } from './formats.ts';

/** A part of an image. Sizes are bytes. */
export interface ReportPart {
  readonly name: string;
  readonly size: number;
}

/** What is in an image. */
export interface Report {
  readonly name: string;
  readonly node: string;
  readonly images: readonly (ImageFile & { readonly size: number })[];
  /** The part that is the same for every app. */
  readonly runtime: number;
  /** Files of the app, biggest first. */
  readonly app: readonly ReportPart[];
  /** Packages that are copied as they are, with the reason. */
  readonly copiedPackages: Readonly<Record<string, string>>;
  /** Code of the system isolate by package, before it is compacted, biggest first. */
  readonly system: readonly ReportPart[];
  /** Drivers that this version has and the image has not. */
  readonly leftOut: readonly string[];
  readonly warnings: readonly string[];
  /** Runtime and initrd together. */
  readonly total: number;
}

const bySize = (one: ReportPart, other: ReportPart) => other.size - one.size;

/**
 * Works out what is in an image.
 * @param built the app
 * @param images what was made of it
 */
export async function createReport(built: BuiltApp, images: readonly ImageFile[]): Promise<Report> {
  const content = readContent(built.initrd);
  const runtime = (await stat(built.runtime.file)).size;
  const initrd = (await stat(built.initrd)).size;
  const parts = Object.entries(content.files).map(([name, size]) => ({ name, size }));
  const system = Object.entries(built.system.packages).map(([name, size]) => ({ name, size }));
  return {
    name: built.app.name,
    node: built.runtime.node,
    images: await Promise.all(
      images.map(async (image) => ({ ...image, size: (await stat(image.file)).size })),
    ),
    runtime,
    app: parts.sort(bySize),
    copiedPackages: content.copied,
    system: system.sort(bySize),
    leftOut: availableDrivers.filter((name) => !(name in built.system.packages)),
    warnings: content.warnings,
    total: runtime + initrd,
  };
}

/** Files beyond these are summed up. */
const shownFiles = 8;

/**
 * Prints a report for people.
 * @param report see there
 */
export function printReport(report: Report): void {
  const line = (size: number, text: string) =>
    console.log(`  ${formatSize(size).padStart(10)}  ${text}`);
  console.log(colors.bold(`\n${report.name}`));
  line(report.runtime, `kernel, Node ${report.node} and its libraries`);
  for (const { name, size } of grouped(report.app)) line(size, name);
  console.log(colors.bold('\nIn the system isolate'));
  for (const { name, size } of report.system) line(size, name);
  if (report.leftOut.length > 0) console.log(`  not in it:  ${report.leftOut.join(', ')}`);
  console.log(colors.bold('\nImages'));
  for (const { file, size, content } of report.images) {
    line(content?.allocated ?? size, displayPath(file));
  }
  const filled = report.images.find(({ content }) => content !== undefined);
  if (filled?.content !== undefined) {
    console.log(colors.bold(`\nWhat fills ${displayPath(filled.file)}`));
    console.log(formatContent(filled.content));
  }
  console.log();
}

/** Sums up packages and what is small. */
function grouped(parts: readonly ReportPart[]): ReportPart[] {
  const groups = new Map<string, number>();
  for (const { name, size } of parts) {
    const [, inPackage] = /^((?:\/app)?\/node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(name) ?? [];
    const group =
      inPackage ?? (/^\/(etc\/runtime|system)\//.exec(name) ? path.dirname(name) : name);
    groups.set(group, (groups.get(group) ?? 0) + size);
  }
  const sorted = [...groups].map(([name, size]) => ({ name, size })).sort(bySize);
  if (sorted.length <= shownFiles + 1) return sorted;
  const rest = sorted.slice(shownFiles);
  const size = rest.reduce((sum, part) => sum + part.size, 0);
  return [...sorted.slice(0, shownFiles), { name: `${rest.length} more`, size }];
}

/**
 * Writes a size for people.
 * @param bytes the size
 */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1 << 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
