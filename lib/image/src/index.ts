// Makes images of an app: a kernel with its initrd, disks, CDs.
import { createHash } from 'node:crypto';
import { type FileHandle, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@runtimejs/base/errors.ts';
import { bootDisk, readLoaders } from './boot-disk.ts';
import type { Identity } from './disk/identity.ts';
import type { SparseDisk } from './disk/sparse-disk.ts';
import { writeQcow2 } from './formats/qcow2.ts';
import { writeRaw } from './formats/raw.ts';
import { writeVhd } from './formats/vhd.ts';
import { writeVhdx } from './formats/vhdx.ts';
import { writeVmdk } from './formats/vmdk.ts';
import { type ImageReport, Weights, weigh } from './report.ts';
import { compressFrames, compressionLevel, type Frame } from './system/frames.ts';
import { MemoryImage } from './system/memory-image.ts';
import { systemFile } from './system/system-file.ts';
import { writeArtefact } from './write.ts';

export type { ImageReport } from './report.ts';
export { WriteError, writeAll, writeArtefact } from './write.ts';

/** Formats of disks and CDs. */
export const diskFormats = ['raw', 'qcow2', 'vmdk', 'vhdx', 'vhd', 'iso'] as const;
/** A format of a disk or CD. */
export type DiskFormat = (typeof diskFormats)[number];

/** What an image is made from. */
export interface ImageSource {
  /** Path of kernel and base in one file. */
  readonly runtime: string;
  /** Path of the app's archive. */
  readonly initrd: string;
  /** The kernel's command line. */
  readonly commandLine: string;
  /** Folder with the boot loaders: disk.bin, bios.bin, bootx64.efi. */
  readonly loaders: string;
}

/** How to make an image. */
export interface ImageOptions {
  readonly format: DiskFormat;
  /** Path of the file to make. */
  readonly output: string;
  /** Compress as hard as possible: takes a minute the first time. */
  readonly compress?: boolean;
  /** The disk's size is a multiple of this many bytes; by default 1 MiB. */
  readonly sizeBoundary?: number;
  /** Folder in which what is compressed is kept between builds. */
  readonly cacheFolder?: string;
  /** Is told how far compressing is, from 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

/** A disk in memory, ready to be written in any format. */
export interface PreparedDisk {
  readonly disk: SparseDisk;
  readonly identity: Identity;
  /** What fills it. */
  readonly content: Pick<ImageReport, 'groups' | 'files'>;
}

async function readInitrd(file: string): Promise<Buffer> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new UserError(`${file} is not there: the app has not been built.`);
  });
}

/**
 * Compresses an app and lays out its disk.
 * @param source what it is made from
 * @param options see there; the format decides whether it gets a CD's tree
 * @throws UserError when a part is missing or does not fit
 */
export async function prepareDisk(
  source: ImageSource,
  options: Omit<ImageOptions, 'output'>,
): Promise<PreparedDisk> {
  const loaders = await readLoaders(source.loaders);
  const initrd = await readInitrd(source.initrd);
  using memory = new MemoryImage(source.runtime);
  const compression = {
    level: options.compress ? compressionLevel.smallest : compressionLevel.quick,
    cacheFolder: options.cacheFolder,
  };
  const whole = memory.size + initrd.length;
  const image = await compressFrames(
    memory.size,
    (offset, length) => memory.read(offset, length),
    compression,
    (done) => options.onProgress?.(done / whole),
  );
  // The app changes with every build: there is no use in keeping it.
  const app = await compressFrames(
    initrd.length,
    (offset, length) => initrd.subarray(offset, offset + length),
    { level: compression.level },
    (done) => options.onProgress?.((memory.size + done) / whole),
  );
  const { placement } = memory;
  const parts = systemFile({ placement, image, initrd: app, commandLine: source.commandLine });
  const { disk, identity } = bootDisk(parts, loaders, {
    cd: options.format === 'iso',
    ...(options.sizeBoundary === undefined ? {} : { sizeBoundary: options.sizeBoundary }),
  });
  return { disk, identity, content: describe(memory, image, initrd, app) };
}

function describe(
  memory: MemoryImage,
  image: readonly Frame[],
  initrd: Uint8Array,
  app: readonly Frame[],
): PreparedDisk['content'] {
  const { offset, size } = memory.base;
  return weigh(
    offset,
    { bytes: memory.read(offset, size), offset, weights: new Weights(image) },
    { bytes: initrd, offset: 0, weights: new Weights(app) },
  );
}

/**
 * Writes a prepared disk in a format.
 * @param prepared the disk
 * @param format any but a CD's, unless it was prepared for one
 * @param output path of the file to make; an earlier one is replaced when the new one is whole
 * @throws WriteError when it cannot be written
 */
export async function writeDisk(
  { disk, identity }: PreparedDisk,
  format: DiskFormat,
  output: string,
): Promise<void> {
  const write: Readonly<Record<DiskFormat, (file: FileHandle) => Promise<void>>> = {
    raw: (file) => writeRaw(file, disk),
    iso: (file) => writeRaw(file, disk),
    qcow2: (file) => writeQcow2(file, disk),
    vmdk: (file) => writeVmdk(file, disk, identity, path.basename(output)),
    vhdx: (file) => writeVhdx(file, disk, identity),
    vhd: (file) => writeVhd(file, disk, identity),
  };
  await writeArtefact(output, write[format]);
}

/**
 * Makes an image of an app.
 * @param source what it is made from
 * @param options format and place
 * @returns what is in it
 * @throws UserError when a part is missing, does not fit, or the file cannot be written
 */
export async function makeImage(source: ImageSource, options: ImageOptions): Promise<ImageReport> {
  const prepared = await prepareDisk(source, options);
  await writeDisk(prepared, options.format, options.output);
  const { size, blocks } = await stat(options.output);
  return {
    fileSize: size,
    allocated: Math.min(blocks * 512, size),
    diskSize: prepared.disk.size,
    ...prepared.content,
  };
}

/**
 * @param file path
 * @returns SHA-256 of its content, in hexadecimal
 */
export async function digestFile(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
