// The kernel with its base as a loader sees it: one range of physical memory, and an entry for multiboot2.
// Source: Multiboot2 specification 2.0, 3.1.
import { ElfFile, segmentType } from '@runtimejs/base/elf.ts';
import { UserError } from '@runtimejs/base/errors.ts';

/** Where a multiboot2 kernel wants to be. Addresses are physical. */
export interface Placement {
  /** Where it is linked. */
  readonly linked: number;
  /** The entry, when it is there. */
  readonly entry: number;
  /** Undefined when it cannot be moved. */
  readonly movable:
    | { readonly lowest: number; readonly highest: number; readonly alignment: number }
    | undefined;
}

const magic = 0xe85250d6;
const tag = { end: 0, entry: 3, relocatable: 10 } as const;
/** The header is within the first 32768 bytes of a file (3.1), on a boundary of 8. */
const searchLimit = 32768;

/** Thrown when a file is no kernel with a base. */
export class KernelError extends UserError {}

/** A range of memory that is filled from an ELF file, bit by bit. */
export class MemoryImage {
  readonly #elf: ElfFile;
  readonly #file: string;
  /** Bytes from the first loaded byte to the last, with what has to be zero. */
  readonly size: number;
  readonly placement: Placement;
  /** Where the base's archive is: the last segment. */
  readonly base: { readonly offset: number; readonly size: number };

  /**
   * @param file path of dist/runtime
   * @throws KernelError or ElfError when it is something else
   */
  constructor(file: string) {
    this.#file = file;
    this.#elf = new ElfFile(file);
    try {
      const segments = this.#loaded();
      if (segments.length === 0) throw new KernelError(`${file} has nothing to load.`);
      const linked = Math.min(...segments.map(({ physicalAddress }) => physicalAddress));
      const end = Math.max(
        ...segments.map(({ physicalAddress, memorySize }) => physicalAddress + memorySize),
      );
      this.size = end - linked;
      const last = segments.at(-1)!;
      this.base = { offset: last.physicalAddress - linked, size: last.fileSize };
      this.placement = { linked, entry: 0, movable: undefined };
      this.placement = this.#readHeader(this.read(0, Math.min(this.size, searchLimit)), linked);
    } catch (error) {
      this.#elf.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#elf.close();
  }

  #loaded() {
    return this.#elf.segments.filter(
      ({ type, memorySize }) => type === segmentType.load && memorySize > 0,
    );
  }

  /**
   * @param offset from the start of the range, in bytes
   * @param length in bytes
   * @returns the bytes that the memory holds once the kernel is loaded
   */
  read(offset: number, length: number): Buffer {
    const result = Buffer.alloc(length);
    const start = this.placement.linked + offset;
    for (const segment of this.#loaded()) {
      const from = Math.max(start, segment.physicalAddress);
      const to = Math.min(start + length, segment.physicalAddress + segment.fileSize);
      if (from >= to) continue;
      const bytes = this.#elf.read(segment.offset + from - segment.physicalAddress, to - from);
      bytes.copy(result, from - start);
    }
    return result;
  }

  #readHeader(bytes: Buffer, linked: number): Placement {
    let start = 0;
    while (start + 16 <= bytes.length && bytes.readUInt32LE(start) !== magic) start += 8;
    if (start + 16 > bytes.length) {
      throw new KernelError(
        `${this.#file} has no multiboot2 header: it is not a Runtime.JS kernel.`,
      );
    }
    const end = Math.min(start + bytes.readUInt32LE(start + 8), bytes.length);
    let entry: number | undefined;
    let movable: Placement['movable'];
    for (let at = start + 16; at + 8 <= end; ) {
      const type = bytes.readUInt16LE(at);
      const size = bytes.readUInt32LE(at + 4);
      if (type === tag.end || size < 8) break;
      if (type === tag.entry) entry = bytes.readUInt32LE(at + 8);
      if (type === tag.relocatable) {
        movable = {
          lowest: bytes.readUInt32LE(at + 8),
          highest: bytes.readUInt32LE(at + 12),
          alignment: bytes.readUInt32LE(at + 16),
        };
      }
      at += Math.ceil(size / 8) * 8;
    }
    if (entry === undefined) {
      throw new KernelError(`${this.#file} has no multiboot2 entry address.`);
    }
    return { linked, entry, movable };
  }
}
