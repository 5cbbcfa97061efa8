// The cpio "newc" format: what Linux uses for an initramfs, and what the kernel maps in place.
//
// Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. An entry is a header of 110 ASCII
// characters, the name with its NUL, padding to 4 bytes, the data, and padding to 4 bytes. All
// numbers are 8 hexadecimal digits. An entry named TRAILER!!! ends the archive.
//
// Page alignment: the kernel maps files in place, so their data has to start on a page boundary of
// the archive. The format has no field for that, but the name may end with more than one NUL, and
// `namesize` counts them all. Readers take the name up to its first NUL.
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { UserError } from './errors.ts';

const magic = '070701';
const headerSize = 110;
const trailerName = 'TRAILER!!!';
const fillerName = '.padding';

/** Size of a page, and the least size of a file whose data is page-aligned. */
export const pageSize = 4096;

const typeMask = 0o170000;
const typeOfKind = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/** What an entry of an archive can be. */
export type CpioKind = keyof typeof typeOfKind;

/** Where the data of a file comes from: bytes in memory, or a file that is streamed. */
export type CpioSource = Uint8Array | string | { readonly file: string };

/** How one file is stored. */
export interface CpioFileOptions {
  /** Permission bits, by default 0o644. */
  readonly mode?: number;
  /** Boundary, in bytes from the start of the archive, on which the data starts: a power of two. */
  readonly alignment?: number;
}

/** One entry, as the reader finds it. */
export interface CpioEntry {
  /** Path without a leading slash. */
  readonly path: string;
  readonly kind: CpioKind;
  /** Permission bits. */
  readonly mode: number;
  /** Modification time in seconds since 1970. */
  readonly modificationTime: number;
  /** Offset of the data from the start of the archive, in bytes. */
  readonly dataOffset: number;
  /** The data; of a symbolic link, its target. */
  readonly data: Uint8Array;
}

/** Thrown by the reader; the message says what is wrong with the archive, and where. */
export class CpioError extends UserError {}

function roundUp(value: number, boundary: number): number {
  return Math.ceil(value / boundary) * boundary;
}

/** Turns `/bin/node` and `./bin/node` into `bin/node`, and refuses what no archive should hold. */
function normalisePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new CpioError(`${path}: a path in an archive cannot hold "..".`);
  if (parts.length === 0) throw new CpioError('The path of an entry is empty.');
  return parts.join('/');
}

/**
 * Writes an archive into a file, as a stream: big files never are in memory as a whole. The same
 * entries give the same bytes: times and owners are 0, and inode numbers count up from 1.
 */
export class CpioWriter {
  readonly #output: FileHandle;
  readonly #directories = new Set<string>();
  readonly #paths = new Set<string>();
  #position = 0;
  #inode = 0;

  private constructor(output: FileHandle) {
    this.#output = output;
  }

  /**
   * Starts an archive.
   * @param file path of the file to make; an old one is replaced
   * @returns the writer; call finish() at the end
   */
  static async create(file: string): Promise<CpioWriter> {
    return new CpioWriter(await open(file, 'w'));
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#position;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#output.write(bytes, done, bytes.length - done);
      done += bytesWritten;
    }
    this.#position += bytes.length;
  }

  /**
   * Writes the header and the name, and pads so that the data starts on a multiple of `alignment`.
   */
  async #writeHeader(path: string, mode: number, size: number, alignment: number): Promise<void> {
    const name = Buffer.from(path, 'utf8');
    const nameEnd = this.#position + headerSize + name.length + 1;
    const dataOffset = roundUp(nameEnd, alignment);
    // Counting the padding in namesize is only needed beyond the format's own 4 bytes.
    const nameSize = alignment > 4 ? dataOffset - this.#position - headerSize : name.length + 1;
    if (size > 0xffffffff) throw new CpioError(`${path}: a newc entry is limited to 4 GiB.`);
    const isTrailer = path === trailerName;
    const fields = [
      isTrailer ? 0 : ++this.#inode,
      mode,
      0, // uid
      0, // gid
      1, // links
      0, // modification time
      size,
      0, // device: major, minor
      0,
      0, // device node: major, minor
      0,
      nameSize,
      0, // checksum: of the "crc" format only
    ];
    const header = Buffer.alloc(dataOffset - this.#position);
    header.write(magic + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
    name.copy(header, headerSize);
    await this.#write(header);
  }

  #claim(path: string): void {
    if (this.#paths.has(path)) throw new CpioError(`${path} is in the archive twice.`);
    this.#paths.add(path);
  }

  async #addParents(path: string): Promise<void> {
    const slash = path.lastIndexOf('/');
    if (slash > 0) await this.addDirectory(path.slice(0, slash));
  }

  /**
   * Adds a directory, and those that lead to it, unless they are there already.
   * @param path path in the archive, with or without a leading slash
   * @param mode permission bits
   */
  async addDirectory(path: string, mode = 0o755): Promise<void> {
    const name = normalisePath(path);
    if (this.#directories.has(name)) return;
    await this.#addParents(name);
    this.#claim(name);
    this.#directories.add(name);
    await this.#writeHeader(name, typeOfKind.directory | mode, 0, 4);
  }

  /**
   * Adds a symbolic link.
   * @param path path in the archive
   * @param target what the link says, not changed in any way
   */
  async addSymlink(path: string, target: string): Promise<void> {
    const name = normalisePath(path);
    await this.#addParents(name);
    this.#claim(name);
    const bytes = Buffer.from(target, 'utf8');
    await this.#writeHeader(name, typeOfKind.symlink | 0o777, bytes.length, 4);
    await this.#write(bytes);
    await this.#pad(4);
  }

  /**
   * Adds a regular file. Its data starts on a page boundary when it is a page or more.
   * @param path path in the archive
   * @param source its content
   * @param options mode and alignment
   * @throws CpioError when the path is taken, or a streamed file changes its size meanwhile
   */
  async addFile(path: string, source: CpioSource, options: CpioFileOptions = {}): Promise<void> {
    const name = normalisePath(path);
    await this.#addParents(name);
    this.#claim(name);
    const mode = typeOfKind.file | (options.mode ?? 0o644);
    if (typeof source === 'string' || source instanceof Uint8Array) {
      const bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : source;
      await this.#writeFileHeader(name, mode, bytes.length, options);
      await this.#write(bytes);
    } else {
      const { size } = await stat(source.file);
      await this.#writeFileHeader(name, mode, size, options);
      const start = this.#position;
      for await (const chunk of createReadStream(source.file, { highWaterMark: 1 << 20 })) {
        await this.#write(chunk);
      }
      if (this.#position - start !== size) {
        throw new CpioError(`${source.file} changed while it was packed. Run the build again.`);
      }
    }
    await this.#pad(4);
  }

  async #writeFileHeader(
    path: string,
    mode: number,
    size: number,
    options: CpioFileOptions,
  ): Promise<void> {
    const alignment = options.alignment ?? (size >= pageSize ? pageSize : 4);
    await this.#fill(path, alignment);
    await this.#writeHeader(path, mode, size, alignment);
  }

  /**
   * Adds the filler entry `.padding`, which the kernel skips, when padding the name alone would make
   * it longer than a page.
   */
  async #fill(path: string, alignment: number): Promise<void> {
    const following = headerSize + Buffer.byteLength(path) + 1;
    if (roundUp(this.#position + following, alignment) - this.#position <= pageSize) return;
    const fillerData = roundUp(this.#position + headerSize + fillerName.length + 1, 4);
    const nextData = roundUp(fillerData + following, alignment);
    const nextHeader = nextData - roundUp(following, 4);
    await this.#writeHeader(fillerName, typeOfKind.file | 0o644, nextHeader - fillerData, 4);
    await this.#write(Buffer.alloc(nextHeader - fillerData));
  }

  async #pad(boundary: number): Promise<void> {
    const missing = roundUp(this.#position, boundary) - this.#position;
    if (missing > 0) await this.#write(Buffer.alloc(missing));
  }

  /**
   * Ends the archive and closes the file.
   * @returns size of the archive in bytes, a multiple of a page
   */
  async finish(): Promise<number> {
    await this.#writeHeader(trailerName, 0, 0, 4);
    await this.#pad(pageSize);
    await this.#output.close();
    return this.#position;
  }

  /** Closes the file without ending the archive, after a failure. */
  async abandon(): Promise<void> {
    await this.#output.close();
  }
}

/**
 * Reads an archive that is in memory.
 * @param archive the bytes
 * @returns its entries in order, without fillers and trailer; their data are views of the archive
 * @throws CpioError when the archive is truncated or damaged
 */
export function readCpio(archive: Uint8Array): CpioEntry[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries: CpioEntry[] = [];
  let position = 0;
  for (;;) {
    if (position + headerSize > bytes.length) {
      throw new CpioError(`The archive ends at byte ${bytes.length}, before its trailer.`);
    }
    const header = bytes.toString('latin1', position, position + headerSize);
    if (!header.startsWith(magic)) {
      throw new CpioError(
        `No cpio header at byte ${position} (newc archives have ${magic} there).`,
      );
    }
    const field = (index: number): number => {
      const digits = header.slice(6 + 8 * index, 14 + 8 * index);
      if (!/^[0-9a-fA-F]{8}$/.test(digits)) {
        throw new CpioError(`The header at byte ${position} is damaged: "${digits}" is no number.`);
      }
      return Number.parseInt(digits, 16);
    };
    const mode = field(1);
    const size = field(6);
    const nameSize = field(11);
    const nameStart = position + headerSize;
    const dataOffset = roundUp(nameStart + nameSize, 4);
    if (dataOffset + size > bytes.length) {
      throw new CpioError(
        `The entry at byte ${position} needs ${size} bytes of data; the archive ends before them.`,
      );
    }
    const nameEnd = bytes.indexOf(0, nameStart);
    if (nameSize === 0 || nameEnd < 0 || nameEnd >= nameStart + nameSize) {
      throw new CpioError(`The name of the entry at byte ${position} has no end.`);
    }
    const name = bytes.toString('utf8', nameStart, nameEnd);
    if (name === trailerName) return entries;
    position = roundUp(dataOffset + size, 4);
    if (name === fillerName) continue;
    const kind = (Object.keys(typeOfKind) as CpioKind[]).find(
      (candidate) => typeOfKind[candidate] === (mode & typeMask),
    );
    if (!kind)
      throw new CpioError(`${name}: file type ${(mode & typeMask).toString(8)} is unknown.`);
    entries.push({
      path: name,
      kind,
      mode: mode & 0o7777,
      modificationTime: field(5),
      dataOffset,
      data: bytes.subarray(dataOffset, dataOffset + size),
    });
  }
}
