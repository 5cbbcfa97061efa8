// Takes the symbol table, debug information and section headers out of a linked ELF file. What is left
// is all that loaders and dynamic linkers read: the segments. It needs no binutils, so that an image can
// be assembled where no compiler is, and gives the same bytes everywhere.
// Source: System V ABI, chapter 5: "section header table [...] may be absent from executables".
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ElfError, ElfFile, headerField } from './elf.ts';

const executable = 0o755;

/**
 * Copies an executable or shared object without what nothing at run time reads.
 * @param file path of the ELF file
 * @param output path of the copy, which is replaced only when all went well
 * @throws ElfError when the file is no ELF file for x86-64, or has no segments (an object file)
 */
export async function stripElf(file: string, output: string): Promise<void> {
  using elf = new ElfFile(file);
  if (elf.segments.length === 0) {
    throw new ElfError(`${file} has no segments: only linked files can be stripped.`);
  }
  const end = Math.max(...elf.segments.map(({ offset, fileSize }) => offset + fileSize));
  const head = elf.read(0, Math.min(end, 64));
  head.writeBigUInt64LE(0n, headerField.sectionHeaderOffset);
  head.writeUInt16LE(0, headerField.sectionHeaderSize);
  head.writeUInt16LE(0, headerField.sectionHeaderCount);
  head.writeUInt16LE(0, headerField.sectionNamesIndex);
  const partial = `${output}.partial`;
  try {
    const target = createWriteStream(partial);
    target.write(head);
    await pipeline(
      createReadStream(file, { start: head.length, end: end - 1, highWaterMark: 1 << 20 }),
      target,
    );
    await chmod(partial, executable);
    await rename(partial, output);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
