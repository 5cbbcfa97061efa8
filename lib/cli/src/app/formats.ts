// Kinds of images, and what makes each of them.
import path from 'node:path';
import { step } from '../progress.ts';
import type { BuiltApp } from './build-app.ts';
import { placeFile } from './runtime-image.ts';

/** Kinds of images, the default first. */
export const formats = ['kernel'] as const;

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
  _options: ImageOptions,
): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const format of wanted) {
    await step(`Writing ${format}`, async () => {
      for (const [name, source] of [
        ['runtime', built.runtime.file],
        ['initrd', built.initrd],
      ] as const) {
        const file = path.join(folder, name);
        await placeFile(source, file);
        files.push({ format, file });
      }
    });
  }
  return files;
}
