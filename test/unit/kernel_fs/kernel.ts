// The kernel's file system on the host: typed access to the addon, and the constants of the ABI.
import { loadKernelCode } from '../native/build.ts';

/** What a system call takes: numbers, text, memory, or a null pointer. */
export type Argument = number | bigint | string | Uint8Array | BigUint64Array | null;
type SystemCall = (...parameters: Argument[]) => number;

/** One page as a page fault would find it. */
export interface MappedPage {
  readonly address: bigint;
  readonly bytes: Buffer;
}

/** A PageTree of the kernel. */
export interface PageTree {
  get(index: bigint): bigint;
  set(index: bigint, value: bigint): boolean;
  clear(index: bigint): void;
  next(index: bigint): bigint | null;
}

interface Addon {
  readonly calls: Record<string, SystemCall>;
  boot(base: Uint8Array, initrd: Uint8Array | null, isWritable: boolean): number;
  readCpio(archive: Uint8Array): (string | [number, string])[];
  mapPage(descriptor: number, index: number, forWrite: boolean): MappedPage | number | null;
  pokePage(descriptor: number, index: number, offset: number, value: number): number;
  contiguousPages(descriptor: number, index: number, count: number): bigint;
  watch(path: string): number;
  heard(listener: number): string[];
  unwatch(listener: number): void;
  bindSocket(path: string): number;
  findSocket(path: string): number;
  readonly PageTree: new () => PageTree;
  setMemory(bytes: number): void;
  framesInUse(): number;
  allocationsInUse(): number;
  failAllocation(which: number): void;
  forbidRange(start: bigint, end: bigint): void;
  addressOf(memory: Uint8Array): bigint;
  takeUnmapped(): string[];
  takeLog(): string[];
  takeConsole(): string;
  typeConsole(text: string): void;
  addTerminal(name: string): number;
  attachTerminal(index: number): number;
  detachTerminal(index: number): void;
  notifyTerminal(index: number): void;
  growTerminal(index: number, capacity: number): number;
  signalTerminal(index: number, signal: number, flush: number): void;
  resizeTerminal(index: number, columns: number, rows: number): void;
  pollTerminal(index: number): number;
  terminalMemory(): ArrayBuffer;
  terminalBlocks(): number;
  setTerminalService(state: number): void;
  becomeTerminalService(becomes: boolean): void;
  takeTerminalSignals(): number[];
}

/** The addon, built when needed. */
export const kernel: Addon = await loadKernelCode<Addon>('kernel_fs');

/**
 * Makes a system call.
 * @param name as in the kernel's table
 * @param parameters what it takes
 * @returns its result, or a negated error number
 */
export function call(name: string, ...parameters: Argument[]): number {
  const handler = kernel.calls[name];
  if (!handler) throw new Error(`There is no system call ${name}.`);
  return handler(...parameters);
}

/** Makes a call that must succeed, and returns its result. */
export function must(name: string, ...parameters: Argument[]): number {
  const result = call(name, ...parameters);
  if (result < 0) throw new Error(`${name}(${parameters.join(', ')}) failed with ${result}`);
  return result;
}

/** Open flags and error numbers of x86-64 Linux. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;
export const AT_FDCWD = -100;
export const E = {
  PERM: -1,
  NOENT: -2,
  INTR: -4,
  NXIO: -6,
  BADF: -9,
  AGAIN: -11,
  NOMEM: -12,
  ACCES: -13,
  FAULT: -14,
  BUSY: -16,
  EXIST: -17,
  XDEV: -18,
  NODEV: -19,
  NOTDIR: -20,
  ISDIR: -21,
  INVAL: -22,
  NOTTY: -25,
  FBIG: -27,
  NOSPC: -28,
  SPIPE: -29,
  ROFS: -30,
  RANGE: -34,
  NAMETOOLONG: -36,
  NOTEMPTY: -39,
  LOOP: -40,
  OVERFLOW: -75,
  OPNOTSUPP: -95,
  ADDRINUSE: -98,
  CONNREFUSED: -111,
  RESTART: -512,
} as const;

/** One member of a test archive. */
export interface Member {
  readonly name: string;
  readonly mode?: number;
  readonly data?: Uint8Array | string;
  readonly inode?: number;
  readonly links?: number;
}

/**
 * Makes a cpio archive, independently of the tools' writer; data of 4096 bytes and more is aligned.
 * @param members in order
 * @returns the archive
 */
export function makeArchive(members: readonly Member[]): Uint8Array {
  const parts: Buffer[] = [];
  let position = 0;
  let nextInode = 1;
  const put = (part: Buffer) => {
    parts.push(part);
    position += part.length;
  };
  for (const member of [...members, { name: 'TRAILER!!!' }]) {
    const data = Buffer.from(member.data ?? '');
    const name = Buffer.from(`${member.name}\0`);
    let nameSize = name.length;
    const alignment = data.length >= 4096 ? 4096 : 4;
    while ((position + 110 + nameSize) % alignment !== 0) nameSize++;
    const fields = [
      member.inode ?? nextInode++,
      member.mode ?? 0o100644,
      ...[0, 0, member.links ?? 1, 0, data.length, 0, 0, 0, 0, nameSize, 0],
    ];
    const digits = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    put(Buffer.concat([Buffer.from(`070701${digits}`), name], 110 + nameSize));
    put(Buffer.concat([data], Math.ceil(data.length / 4) * 4));
  }
  return Buffer.concat(parts);
}

/** Starts the file system over an archive; the memory is 512 MiB unless said otherwise. */
export function boot(
  members: readonly Member[] = [],
  options: { readonly writable?: boolean; readonly memory?: number } = {},
): void {
  kernel.setMemory(options.memory ?? 512 << 20);
  const result = kernel.boot(makeArchive(members), null, options.writable ?? false);
  if (result !== 0) throw new Error(`boot failed with ${result}: ${kernel.takeLog().join('\n')}`);
}

/** Opens a path; returns the descriptor or an error number. */
export function open(path: string, flags: number = O.RDONLY, mode = 0o644): number {
  return call('openat', AT_FDCWD, path, flags, mode);
}

/** Reads a whole file; returns its bytes or an error number. */
export function readFile(path: string): Buffer | number {
  const descriptor = open(path);
  if (descriptor < 0) return descriptor;
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65536);
    const count = call('read', descriptor, chunk, chunk.length);
    if (count < 0) return count;
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
  }
  must('close', descriptor);
  return Buffer.concat(chunks);
}

/** Reads a whole file as text. */
export function readText(path: string): string {
  const bytes = readFile(path);
  if (typeof bytes === 'number') throw new Error(`reading ${path} failed with ${bytes}`);
  return bytes.toString();
}

/** Makes or replaces a file; returns 0 or an error number. */
export function writeFile(path: string, data: Uint8Array | string, flags = 0): number {
  const descriptor = open(path, O.WRONLY | O.CREAT | O.TRUNC | flags);
  if (descriptor < 0) return descriptor;
  const bytes = Buffer.from(data);
  const count = call('write', descriptor, bytes, bytes.length);
  must('close', descriptor);
  return Math.min(count, 0);
}

/** The fields of struct stat that tests look at. */
export interface Stat {
  readonly device: number;
  readonly inode: number;
  readonly links: number;
  readonly mode: number;
  readonly size: number;
  readonly blocks: number;
  readonly accessTime: bigint;
  readonly modifyTime: bigint;
  readonly changeTime: bigint;
}

/** Reads a struct stat out of memory. */
export function parseStat(buffer: Buffer): Stat {
  const time = (offset: number) =>
    buffer.readBigInt64LE(offset) * 1_000_000_000n + buffer.readBigInt64LE(offset + 8);
  return {
    device: Number(buffer.readBigUInt64LE(0)),
    inode: Number(buffer.readBigUInt64LE(8)),
    links: Number(buffer.readBigUInt64LE(16)),
    mode: buffer.readUInt32LE(24),
    size: Number(buffer.readBigInt64LE(48)),
    blocks: Number(buffer.readBigInt64LE(64)),
    accessTime: time(72),
    modifyTime: time(88),
    changeTime: time(104),
  };
}

/** lstat(2); returns the fields or an error number. */
export function lstat(path: string): Stat | number {
  const buffer = Buffer.alloc(144);
  const result = call('newfstatat', AT_FDCWD, path, buffer, 0x100);
  return result < 0 ? result : parseStat(buffer);
}

/** lstat(2) of a path that must exist. */
export function statOf(path: string): Stat {
  const stat = lstat(path);
  if (typeof stat === 'number') throw new Error(`lstat of ${path} failed with ${stat}`);
  return stat;
}

/** One record of getdents64(2). */
export interface Entry {
  readonly name: string;
  readonly type: number;
  readonly inode: number;
  readonly next: bigint;
}

/** One getdents64(2) call; returns the records or an error number. */
export function getEntries(descriptor: number, size = 32768): Entry[] | number {
  const buffer = Buffer.alloc(size);
  const count = call('getdents64', descriptor, buffer, size);
  if (count < 0) return count;
  const entries: Entry[] = [];
  for (let at = 0; at < count; at += buffer.readUInt16LE(at + 16)) {
    const end = buffer.indexOf(0, at + 19);
    entries.push({
      inode: Number(buffer.readBigUInt64LE(at)),
      next: buffer.readBigInt64LE(at + 8),
      type: buffer[at + 18] ?? 0,
      name: buffer.toString('utf8', at + 19, end),
    });
  }
  return entries;
}

/** Names in a directory, without "." and "..", in the kernel's order; or an error number. */
export function list(path: string): string[] | number {
  const descriptor = open(path, O.DIRECTORY);
  if (descriptor < 0) return descriptor;
  const names: string[] = [];
  for (;;) {
    const entries = getEntries(descriptor);
    if (typeof entries === 'number') return entries;
    if (entries.length === 0) break;
    names.push(...entries.map((entry) => entry.name));
  }
  must('close', descriptor);
  return names.filter((name) => name !== '.' && name !== '..');
}

/** readlink(2); returns the text or an error number. */
export function readLink(path: string): string | number {
  const buffer = Buffer.alloc(4096);
  const count = call('readlink', path, buffer, buffer.length);
  return count < 0 ? count : buffer.toString('utf8', 0, count);
}

/** A generator of numbers that is the same in every run. */
export function seededRandom(seed: number): (limit: number) => number {
  let state = seed >>> 0 || 1;
  return (limit) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}
