// A reader of 64-bit little-endian ELF files for x86-64, as far as assembling the image needs it:
// program headers, sections, symbols, and the dynamic section's names.
// Source: System V ABI, chapters 4 and 5; names as in elf(5).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from './errors.ts';

const headerSize = 64;
const programHeaderSize = 56;
const sectionHeaderSize = 64;
const symbolSize = 24;
const machineX86_64 = 62;

/** Segment types (p_type). */
export const segmentType = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;
/** Segment flags (p_flags). */
export const segmentFlag = { execute: 1, write: 2, read: 4 } as const;

const sectionTypeSymbols = 2; // SHT_SYMTAB
const sectionTypeNoBits = 8; // SHT_NOBITS
const symbolTypeFunction = 2; // STT_FUNC
const dynamicTag = { end: 0n, needed: 1n, stringTable: 5n, soName: 14n, runPath: 29n } as const;

/** A program header. Addresses and sizes are bytes; the image has none beyond 2^53. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

/** A section header with its name. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Index of the section that this one refers to (a symbol table's strings). */
  readonly link: number;
}

/** A function of the symbol table. */
export interface FunctionSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** Thrown for files that are no ELF, or a damaged or foreign one; the message names the file. */
export class ElfError extends UserError {}

/** Offsets in the ELF header, for those who patch it. */
export const headerField = {
  programHeaderOffset: 32,
  sectionHeaderOffset: 40,
  programHeaderCount: 56,
  sectionHeaderSize: 58,
  sectionHeaderCount: 60,
  sectionNamesIndex: 62,
} as const;

/** An ELF file on disk. Only the parts that are asked for are read. */
export class ElfFile {
  readonly #file: string;
  readonly #descriptor: number;
  readonly #size: number;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
  /** Offset of the table of program headers in the file. */
  readonly programHeaderOffset: number;

  /**
   * Opens a file and reads its headers.
   * @param file path
   * @throws ElfError when it is not an ELF of the kind described above
   */
  constructor(file: string) {
    this.#file = file;
    this.#descriptor = openSync(file, 'r');
    try {
      this.#size = fstatSync(this.#descriptor).size;
      const header = this.read(0, headerSize);
      if (header.readUInt32BE(0) !== 0x7f454c46) throw new ElfError(`${file} is not an ELF file.`);
      if (header[4] !== 2 || header[5] !== 1 || header.readUInt16LE(18) !== machineX86_64) {
        throw new ElfError(`${file} is not an ELF file for x86-64.`);
      }
      this.programHeaderOffset = Number(header.readBigUInt64LE(headerField.programHeaderOffset));
      this.segments = this.#readSegments(header.readUInt16LE(headerField.programHeaderCount));
      this.sections = this.#readSections(header);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Closes the file; nothing can be read after that. */
  close(): void {
    closeSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Reads bytes of the file.
   * @param offset from the start of the file, in bytes
   * @param length in bytes
   * @returns a buffer of its own
   * @throws ElfError when the file ends before that
   */
  read(offset: number, length: number): Buffer {
    if (offset + length > this.#size) {
      throw new ElfError(
        `${this.#file} is truncated: ${length} bytes at ${offset} are beyond its ${this.#size} bytes.`,
      );
    }
    const buffer = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#descriptor, buffer, done, length - done, offset + done);
      if (count === 0) throw new ElfError(`${this.#file} became shorter while it was read.`);
      done += count;
    }
    return buffer;
  }

  #readSegments(count: number): Segment[] {
    const table = this.read(this.programHeaderOffset, count * programHeaderSize);
    return Array.from({ length: count }, (_, index) => {
      const at = index * programHeaderSize;
      const number = (offset: number) => Number(table.readBigUInt64LE(at + offset));
      return {
        type: table.readUInt32LE(at),
        flags: table.readUInt32LE(at + 4),
        offset: number(8),
        virtualAddress: number(16),
        physicalAddress: number(24),
        fileSize: number(32),
        memorySize: number(40),
        alignment: number(48),
      };
    });
  }

  #readSections(header: Buffer): Section[] {
    const tableOffset = Number(header.readBigUInt64LE(headerField.sectionHeaderOffset));
    const count = header.readUInt16LE(headerField.sectionHeaderCount);
    if (tableOffset === 0 || count === 0) return [];
    const table = this.read(tableOffset, count * sectionHeaderSize);
    const raw = Array.from({ length: count }, (_, index) => {
      const at = index * sectionHeaderSize;
      return {
        nameOffset: table.readUInt32LE(at),
        type: table.readUInt32LE(at + 4),
        address: Number(table.readBigUInt64LE(at + 16)),
        offset: Number(table.readBigUInt64LE(at + 24)),
        size: Number(table.readBigUInt64LE(at + 32)),
        link: table.readUInt32LE(at + 40),
      };
    });
    const namesSection = raw[header.readUInt16LE(headerField.sectionNamesIndex)];
    if (!namesSection) throw new ElfError(`${this.#file}: the names of the sections are missing.`);
    const names = this.read(namesSection.offset, namesSection.size);
    return raw.map(({ nameOffset, ...section }) => ({
      name: stringAt(names, nameOffset),
      ...section,
    }));
  }

  /**
   * Finds a section.
   * @param name as in `.text`
   * @returns the section, or undefined
   */
  section(name: string): Section | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /**
   * Reads a section's data.
   * @param section one of `sections`
   * @returns its bytes; none for sections that take no room in the file, such as .bss
   */
  sectionData(section: Section): Buffer {
    return section.type === sectionTypeNoBits
      ? Buffer.alloc(0)
      : this.read(section.offset, section.size);
  }

  /**
   * Reads the functions of the symbol table (.symtab).
   * @returns defined functions in the order of the table; none when the file is stripped
   */
  functions(): FunctionSymbol[] {
    const table = this.sections.find((section) => section.type === sectionTypeSymbols);
    if (!table) return [];
    const stringsSection = this.sections[table.link];
    if (!stringsSection) throw new ElfError(`${this.#file}: the symbols' names are missing.`);
    const symbols = this.sectionData(table);
    const strings = this.sectionData(stringsSection);
    const functions: FunctionSymbol[] = [];
    for (let at = 0; at + symbolSize <= symbols.length; at += symbolSize) {
      const type = symbols.readUInt8(at + 4) & 0xf;
      const sectionIndex = symbols.readUInt16LE(at + 6);
      if (type !== symbolTypeFunction || sectionIndex === 0) continue;
      functions.push({
        name: stringAt(strings, symbols.readUInt32LE(at)),
        address: Number(symbols.readBigUInt64LE(at + 8)),
        size: Number(symbols.readBigUInt64LE(at + 16)),
      });
    }
    return functions;
  }

  /** Path of the program interpreter (PT_INTERP), such as /lib64/ld-linux-x86-64.so.2. */
  get interpreter(): string | undefined {
    const segment = this.segments.find(({ type }) => type === segmentType.interpreter);
    return segment && stringAt(this.read(segment.offset, segment.fileSize), 0);
  }

  /** Names of the shared libraries that this file needs (DT_NEEDED), in order. */
  get needed(): string[] {
    return this.#dynamicStrings(dynamicTag.needed);
  }

  /** Folders of the file's own library search path (DT_RUNPATH), as written. */
  get runPath(): string[] {
    return this.#dynamicStrings(dynamicTag.runPath).flatMap((value) => value.split(':'));
  }

  #dynamicStrings(wanted: bigint): string[] {
    const dynamic = this.segments.find(({ type }) => type === segmentType.dynamic);
    if (!dynamic) return [];
    const table = this.read(dynamic.offset, dynamic.fileSize);
    const offsets: number[] = [];
    let stringsAddress: number | undefined;
    for (let at = 0; at + 16 <= table.length; at += 16) {
      const tag = table.readBigInt64LE(at);
      const value = Number(table.readBigUInt64LE(at + 8));
      if (tag === dynamicTag.end) break;
      if (tag === wanted) offsets.push(value);
      if (tag === dynamicTag.stringTable) stringsAddress = value;
    }
    if (offsets.length === 0) return [];
    if (stringsAddress === undefined) {
      throw new ElfError(`${this.#file}: the dynamic section has no table of names.`);
    }
    const start = this.#fileOffset(stringsAddress);
    return offsets.map((offset) => this.#readString(start + offset));
  }

  /** Offset in the file of a virtual address. */
  #fileOffset(address: number): number {
    for (const { type, virtualAddress, fileSize, offset } of this.segments) {
      if (type !== segmentType.load) continue;
      if (address >= virtualAddress && address < virtualAddress + fileSize) {
        return address - virtualAddress + offset;
      }
    }
    throw new ElfError(`${this.#file}: no segment holds the address ${address.toString(16)}.`);
  }

  #readString(offset: number): string {
    // Names of libraries are file names: at most 255 bytes and a NUL.
    return stringAt(this.read(offset, Math.min(256, this.#size - offset)), 0);
  }
}

/** The NUL-terminated string at an offset of a table. */
function stringAt(table: Buffer, offset: number): string {
  const end = table.indexOf(0, offset);
  if (offset >= table.length || end < 0) throw new ElfError('A name in an ELF file has no end.');
  return table.toString('utf8', offset, end);
}

/**
 * Encodes a program header.
 * @param segment the values
 * @returns 56 bytes, as they are in the file
 */
export function encodeProgramHeader(segment: Segment): Buffer {
  const buffer = Buffer.alloc(programHeaderSize);
  buffer.writeUInt32LE(segment.type, 0);
  buffer.writeUInt32LE(segment.flags, 4);
  const numbers = [
    segment.offset,
    segment.virtualAddress,
    segment.physicalAddress,
    segment.fileSize,
    segment.memorySize,
    segment.alignment,
  ];
  for (const [index, value] of numbers.entries()) {
    buffer.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
  }
  return buffer;
}

/**
 * @param programHeaderOffset where the table starts in the file
 * @param index of the program header
 * @returns where that program header is in the file, in bytes
 */
export function programHeaderPosition(programHeaderOffset: number, index: number): number {
  return programHeaderOffset + index * programHeaderSize;
}
