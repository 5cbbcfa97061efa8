// dist/runtime: the kernel with the base behind it, as one ELF file that QEMU and GRUB load.
//
//   file:  ELF header, program headers | kernel's segments | padding | base cpio
//                                                                      ^ 4096-aligned
// The kernel's last program header is an empty PT_LOAD, reserved for the base. It is filled in here,
// and the section .runtime.base, which the kernel reads, receives { u64 physical address, u64 size, u64 stamp }:
// the first eight bytes of the SHA-256 of kernel and base, by which the kernel knows processes that were frozen on them.
// The section headers are left out: nothing that boots the file uses them, and without them the debug
// sections behind the kernel's segments can go too.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import {
  ElfFile,
  encodeProgramHeader,
  headerField,
  programHeaderPosition,
  segmentFlag,
  segmentType,
} from './elf.ts';
import { UserError } from './errors.ts';

/** Distance between a kernel address (linked at 0) and the physical address it is loaded at. */
export const loadOffset = 0x200000;
const hugePageSize = 0x200000;
const filePageSize = 4096;
const baseSection = '.runtime.base';
/** Its size in bytes, see BaseImageDescriptor in native/kernel/boot/image_layout.h. */
const descriptorSize = 24;
/** What the base begins with, see cpio.ts. */
const cpioMagic = '070701';

/** Thrown when a kernel has no place for the base. */
export class PackError extends UserError {}

/** Where the base is in the packed file and in the machine's memory. */
export interface PackedBase {
  readonly fileOffset: number;
  readonly physicalAddress: number;
  readonly size: number;
}

function roundUp(value: number, boundary: number): number {
  return Math.ceil(value / boundary) * boundary;
}

/**
 * Packs kernel and base into one bootable file.
 * @param kernel path of kernel.elf
 * @param base path of the base cpio
 * @param output path of the file to make; it is replaced only when all went well
 * @returns where the base is
 * @throws PackError when the kernel lacks the empty program header or the section for the base
 */
export async function packRuntime(
  kernel: string,
  base: string,
  output: string,
): Promise<PackedBase> {
  using elf = new ElfFile(kernel);
  const index = elf.segments.length - 1;
  const reserved = elf.segments[index];
  if (!reserved || reserved.type !== segmentType.load || reserved.memorySize !== 0) {
    throw new PackError(
      `${kernel}: the last program header is not the empty PT_LOAD that is kept for the base.`,
    );
  }
  const section = elf.section(baseSection);
  if (section?.size !== descriptorSize) {
    throw new PackError(`${kernel} has no section ${baseSection} of ${descriptorSize} bytes.`);
  }

  const { size } = await stat(base);
  const loaded = elf.segments.filter(({ type, memorySize }) => {
    return type === segmentType.load && memorySize > 0;
  });
  const imageEnd = Math.max(...elf.segments.map(({ offset, fileSize }) => offset + fileSize));
  const memoryEnd = Math.max(
    ...loaded.map(({ physicalAddress, memorySize }) => physicalAddress + memorySize),
  );
  const placed: PackedBase = {
    fileOffset: roundUp(imageEnd, filePageSize),
    physicalAddress: roundUp(memoryEnd, hugePageSize),
    size,
  };

  const head = Buffer.alloc(placed.fileOffset);
  elf.read(0, imageEnd).copy(head);
  head.writeBigUInt64LE(0n, headerField.sectionHeaderOffset);
  head.writeUInt16LE(0, headerField.sectionHeaderSize);
  head.writeUInt16LE(0, headerField.sectionHeaderCount);
  head.writeUInt16LE(0, headerField.sectionNamesIndex);
  encodeProgramHeader({
    type: segmentType.load,
    flags: segmentFlag.read,
    offset: placed.fileOffset,
    virtualAddress: placed.physicalAddress - loadOffset,
    physicalAddress: placed.physicalAddress,
    fileSize: size,
    memorySize: size,
    alignment: filePageSize,
  }).copy(head, programHeaderPosition(elf.programHeaderOffset, index));
  head.writeBigUInt64LE(BigInt(placed.physicalAddress), section.offset);
  head.writeBigUInt64LE(BigInt(size), section.offset + 8);

  const hash = createHash('sha256').update(head);
  await pipeline(createReadStream(base, { highWaterMark: 1 << 20 }), hash);
  hash.digest().copy(head, section.offset + 16, 0, 8);

  const partial = `${output}.partial`;
  const file = await open(partial, 'w');
  try {
    await file.writeFile(head);
    await file.writeFile(createReadStream(base, { highWaterMark: 1 << 20 }));
  } finally {
    await file.close();
  }
  await rename(partial, output);
  return placed;
}

/**
 * Finds the base in a packed file.
 * @param elf the file
 * @returns where it is; undefined when this is no kernel with a base
 */
export function packedBase(elf: ElfFile): PackedBase | undefined {
  const last = elf.segments.at(-1);
  if (last === undefined || last.type !== segmentType.load || last.fileSize === 0) return undefined;
  const isPlaced = last.physicalAddress % hugePageSize === 0 && last.offset % filePageSize === 0;
  if (!isPlaced || elf.read(last.offset, cpioMagic.length).toString('latin1') !== cpioMagic) {
    return undefined;
  }
  return { fileOffset: last.offset, physicalAddress: last.physicalAddress, size: last.fileSize };
}
