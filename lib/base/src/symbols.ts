// /system/kernel.symbols: the names that the kernel prints in backtraces.
//
// Little endian: magic "RTSYMS01", u32 count, u32 offset of the strings from the start of the file,
// then `count` pairs { u32 address in the kernel's image (linked at 0), u32 offset of the name in the
// strings }, sorted by address; then the names, demangled, each with a NUL.
import { execa } from 'execa';
import { ElfFile } from './elf.ts';
import { UserError } from './errors.ts';

const magic = 'RTSYMS01';
const headerSize = 16;
const pairSize = 8;

/** A function of the kernel. */
export interface KernelSymbol {
  /** Offset from the start of the kernel's image, in bytes. */
  readonly address: number;
  readonly name: string;
}

/** Thrown when a symbol file is damaged. */
export class SymbolError extends UserError {}

/**
 * Encodes a table of symbols.
 * @param symbols in any order; of several names for an address the first is kept
 * @returns the bytes of the file
 */
export function encodeSymbols(symbols: readonly KernelSymbol[]): Buffer {
  const byAddress = new Map<number, string>();
  for (const { address, name } of symbols) {
    if (!byAddress.has(address)) byAddress.set(address, name);
  }
  const sorted = [...byAddress].sort(([left], [right]) => left - right);
  const offsets = new Map<string, number>();
  const strings: Buffer[] = [];
  let stringsSize = 0;
  for (const [, name] of sorted) {
    if (offsets.has(name)) continue;
    offsets.set(name, stringsSize);
    const bytes = Buffer.from(`${name}\0`, 'utf8');
    strings.push(bytes);
    stringsSize += bytes.length;
  }
  const stringsOffset = headerSize + pairSize * sorted.length;
  const table = Buffer.alloc(stringsOffset);
  table.write(magic, 'latin1');
  table.writeUInt32LE(sorted.length, 8);
  table.writeUInt32LE(stringsOffset, 12);
  for (const [index, [address, name]] of sorted.entries()) {
    table.writeUInt32LE(address, headerSize + pairSize * index);
    table.writeUInt32LE(offsets.get(name) ?? 0, headerSize + pairSize * index + 4);
  }
  return Buffer.concat([table, ...strings]);
}

/**
 * Decodes a table of symbols.
 * @param bytes the file
 * @returns its symbols, sorted by address
 * @throws SymbolError when it is not such a file
 */
export function decodeSymbols(bytes: Uint8Array): KernelSymbol[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < headerSize || file.toString('latin1', 0, 8) !== magic) {
    throw new SymbolError(`No table of kernel symbols: it does not start with ${magic}.`);
  }
  const count = file.readUInt32LE(8);
  const stringsOffset = file.readUInt32LE(12);
  if (stringsOffset < headerSize + pairSize * count || stringsOffset > file.length) {
    throw new SymbolError('The table of kernel symbols is damaged: its strings are out of place.');
  }
  return Array.from({ length: count }, (_, index) => {
    const address = file.readUInt32LE(headerSize + pairSize * index);
    const start = stringsOffset + file.readUInt32LE(headerSize + pairSize * index + 4);
    const end = file.indexOf(0, start);
    if (end < 0) throw new SymbolError(`The name of kernel symbol ${index} has no end.`);
    return { address, name: file.toString('utf8', start, end) };
  });
}

/**
 * Makes the symbol file of a kernel.
 * @param kernel path of the kernel with its symbol table
 * @returns the bytes of /system/kernel.symbols
 * @throws SymbolError when the kernel has no symbols
 */
export async function kernelSymbols(kernel: string): Promise<Buffer> {
  using elf = new ElfFile(kernel);
  const functions = elf.functions();
  if (functions.length === 0) {
    throw new SymbolError(`${kernel} has no symbol table. Build it unstripped.`);
  }
  const names = await demangle(functions.map(({ name }) => name));
  return encodeSymbols(
    functions.map(({ address }, index) => ({ address, name: names[index] ?? '' })),
  );
}

/** Turns C++'s mangled names into readable ones, with c++filt of binutils. */
async function demangle(names: readonly string[]): Promise<string[]> {
  const { stdout } = await execa('c++filt', { input: `${names.join('\n')}\n` });
  return stdout.split('\n');
}
