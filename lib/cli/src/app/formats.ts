// Kinds of images, and what makes each of them.
import path from 'node:path';
import { splitRuntime } from '@runtimejs/base/split.ts';
import {
  type DiskFormat,
  diskFormats,
  type ImageReport,
  makeImage,
} from '@runtimejs/image/index.ts';
import { sharedBaseFolder } from '../paths.ts';
import { step } from '../progress.ts';
import type { BuiltApp } from './build-app.ts';
import { frameCache, imageSource } from './image-source.ts';
import { placeFile } from './runtime-image.ts';

/** Kinds of images, the default first. */
export const formats = ['kernel', 'nvdimm', ...diskFormats] as const;

/** A kind of image. */
export type ImageFormat = (typeof formats)[number];

/** How images are made. */
export interface ImageOptions {
  readonly compress?: boolean;
}

/** A file of an image. */
export interface ImageFile {
  readonly format: ImageFormat;
  /** Absolute. */
  readonly file: string;
  /** What fills a disk or CD. */
  readonly content?: ImageReport;
}

/**
 * Writes images of an app. Each replaces the one before only when it is whole.
 * @param built the app
 * @param wanted which kinds
 * @param folder where they go
 * @param options how
 * @returns the files, in the order of `wanted`
 */
export async function writeImages(
  built: BuiltApp,
  wanted: readonly ImageFormat[],
  folder: string,
  options: ImageOptions,
): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const format of wanted) {
    if (format === 'kernel') files.push(...(await writeKernel(built, folder)));
    else if (format === 'nvdimm') files.push(...(await writeApart(built, folder)));
    else files.push(await writeDisk(built, format, folder, options));
  }
  return files;
}

function writeKernel(built: BuiltApp, folder: string): Promise<ImageFile[]> {
  return step('Writing kernel', () =>
    placeAll('kernel', folder, { runtime: built.runtime.file, initrd: built.initrd }),
  );
}

/** The base as a file of its own, which a hypervisor maps into machines. */
function writeApart(built: BuiltApp, folder: string): Promise<ImageFile[]> {
  return step('Writing nvdimm', async () => {
    const { kernel, base } = await splitRuntime(built.runtime.file, sharedBaseFolder);
    return placeAll('nvdimm', folder, { kernel, base, initrd: built.initrd });
  });
}

/** @param sources by the names that the files get */
async function placeAll(
  format: ImageFormat,
  folder: string,
  sources: Readonly<Record<string, string>>,
): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const [name, source] of Object.entries(sources)) {
    const file = path.join(folder, name);
    await placeFile(source, file);
    files.push({ format, file });
  }
  return files;
}

function writeDisk(
  built: BuiltApp,
  format: DiskFormat,
  folder: string,
  { compress = false }: ImageOptions,
): Promise<ImageFile> {
  return step(`Writing ${format}`, async (report) => {
    const output = path.join(folder, `${fileName(built.app.name)}.${format}`);
    const content = await makeImage(imageSource(built), {
      format,
      output,
      compress,
      cacheFolder: frameCache,
      onProgress: (done) => report.detail(`compressing, ${Math.round(100 * done)} %`),
    });
    return { format, file: output, content };
  });
}

/** A package's name as one of a file: without its scope. */
function fileName(name: string): string {
  return name.replace(/^@[^/]*\//, '').replaceAll('/', '-');
}
