// Takes dist/runtime apart: a kernel of its own, and the base as a file that a hypervisor maps into machines as an
// NVDIMM. The base is not copied then when a machine starts, takes none of its memory, and is in the host's memory once.
//
//   base file:  base cpio | padding | page with "RJSBASE1", u64 stamp, u64 size | padding to 2 MiB
//                                     ^ 4096-aligned
// The kernel finds it by its stamp: native/kernel/boot/shared_base.cpp.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ElfFile, encodeProgramHeader, programHeaderPosition, segmentType } from './elf.ts';
import { PackError, type PackedBase, packedBase } from './pack.ts';

const pageSize = 4096;
const boundary = 2 << 20;
const magic = 'RJSBASE1';
const day = 24 * 3600 * 1000;

/** The two files that a runtime consists of. */
export interface SplitRuntime {
  /** An ELF file to boot. */
  readonly kernel: string;
  /** What goes into the machine as persistent memory. */
  readonly base: string;
  /** Bytes of the base's file. */
  readonly baseSize: number;
}

/**
 * Takes a runtime apart. Files that are there already, from the same runtime, are taken as they are; those of
 * runtimes that nobody has used for a day are removed.
 * @param runtime path of a packed runtime
 * @param folder where the files go; it is made when it is missing
 * @returns the files, named after the runtime's stamp
 * @throws PackError when the file is no runtime with a base
 */
export async function splitRuntime(runtime: string, folder: string): Promise<SplitRuntime> {
  using elf = new ElfFile(runtime);
  const placed = packedBase(elf);
  if (placed === undefined) {
    throw new PackError(`${runtime} is no runtime with a base: build one with \`npm run build\`.`);
  }
  const head = elf.read(0, placed.fileOffset);
  // A runtime has no section headers, which would say where it is. The program header has the same two numbers.
  const headers = programHeaderPosition(elf.programHeaderOffset, elf.segments.length);
  const descriptor = head.indexOf(encodePlace(placed), headers);
  if (descriptor < 0)
    throw new PackError(`${runtime}: its kernel does not know where its base is.`);
  const stamp = head.readBigUInt64LE(descriptor + 16);
  const name = stamp.toString(16).padStart(16, '0');
  const markAt = Math.ceil(placed.size / pageSize) * pageSize;
  const split: SplitRuntime = {
    kernel: path.join(folder, `kernel-${name}`),
    base: path.join(folder, `base-${name}`),
    baseSize: Math.ceil((markAt + pageSize) / boundary) * boundary,
  };
  if (await isThere(split)) return split;
  await mkdir(folder, { recursive: true });
  await removeOld(folder);

  head.writeBigUInt64LE(0n, descriptor);
  const empty = { flags: 0, offset: 0, virtualAddress: 0, physicalAddress: 0, fileSize: 0 };
  encodeProgramHeader({ type: segmentType.load, ...empty, memorySize: 0, alignment: 0 }).copy(
    head,
    programHeaderPosition(elf.programHeaderOffset, elf.segments.length - 1),
  );
  await replace(split.kernel, (file) => writeFile(file, head));
  const mark = Buffer.alloc(magic.length + 16);
  mark.write(magic, 'latin1');
  mark.writeBigUInt64LE(stamp, magic.length);
  mark.writeBigUInt64LE(BigInt(placed.size), magic.length + 8);
  await replace(split.base, async (file) => {
    const { fileOffset: start, size } = placed;
    await pipeline(
      createReadStream(runtime, { start, end: start + size - 1, highWaterMark: 1 << 20 }),
      createWriteStream(file),
    );
    const opened = await open(file, 'r+');
    try {
      await opened.write(mark, 0, mark.length, markAt);
      await opened.truncate(split.baseSize);
    } finally {
      await opened.close();
    }
  });
  return split;
}

/** Address and size, as the kernel's section .runtime.base has them. */
function encodePlace({ physicalAddress, size }: PackedBase): Buffer {
  const place = Buffer.alloc(16);
  place.writeBigUInt64LE(BigInt(physicalAddress));
  place.writeBigUInt64LE(BigInt(size), 8);
  return place;
}

/** Files appear as a whole, under names that hold the stamp: one that is there is right. Notes that it is in use. */
async function isThere({ kernel, base }: SplitRuntime): Promise<boolean> {
  const now = new Date();
  const found = await Promise.allSettled([utimes(kernel, now, now), utimes(base, now, now)]);
  return found.every(({ status }) => status === 'fulfilled');
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > day) await rm(file, { force: true });
  }
}

async function replace(file: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${file}.partial-${process.pid}`;
  await write(partial);
  await rename(partial, file);
}
