// VHDX, dynamic, for Hyper-V.
// Source: Microsoft, [MS-VHDX] 8.0.
import type { FileHandle } from 'node:fs/promises';
import { type Identity, mixedEndian, parseUuid } from '../disk/identity.ts';
import { mebibyte, roundUp, type SparseDisk, sectorSize } from '../disk/sparse-disk.ts';
import { writeAll } from '../write.ts';
import { chunks } from './chunks.ts';
import { crc32c } from './crc32c.ts';

const kibibyte = 1024;
const blockSize = mebibyte;
/** Payload blocks between two entries for bitmaps (2.5). */
const chunkRatio = (2 ** 23 * sectorSize) / blockSize;
const fullyPresent = 6n;
const headerSize = 4 * kibibyte;
const regionTableSize = 64 * kibibyte;
const place = {
  headers: [64 * kibibyte, 128 * kibibyte],
  regionTables: [192 * kibibyte, 256 * kibibyte],
  log: mebibyte,
  metadata: 2 * mebibyte,
  blockTable: 3 * mebibyte,
} as const;
const region = {
  blockTable: parseUuid('2DC27766-F623-4200-9D64-115E9BFD4A08'),
  metadata: parseUuid('8B7CA206-4790-4B9A-B8FE-575F050F886E'),
} as const;
const virtualDisk = 2;
const required = 4;

function header(identity: Identity, sequence: number): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.write('head', 'latin1');
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  mixedEndian(identity.uuid('vhdx file')).copy(bytes, 16);
  mixedEndian(identity.uuid('vhdx data')).copy(bytes, 32);
  // Bytes 48 to 63 stay zero: the log holds nothing.
  bytes.writeUInt16LE(1, 66);
  bytes.writeUInt32LE(mebibyte, 68);
  bytes.writeBigUInt64LE(BigInt(place.log), 72);
  bytes.writeUInt32LE(crc32c(bytes), 4);
  return bytes;
}

function regionTable(blockTableSize: number): Buffer {
  const bytes = Buffer.alloc(regionTableSize);
  bytes.write('regi', 'latin1');
  const entries = [
    [region.blockTable, place.blockTable, blockTableSize],
    [region.metadata, place.metadata, mebibyte],
  ] as const;
  bytes.writeUInt32LE(entries.length, 8);
  for (const [index, [id, offset, size]] of entries.entries()) {
    const at = 16 + 32 * index;
    mixedEndian(id).copy(bytes, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 16);
    bytes.writeUInt32LE(size, at + 24);
    bytes.writeUInt32LE(1, at + 28); // required
  }
  bytes.writeUInt32LE(crc32c(bytes), 4);
  return bytes;
}

function number(value: number, size: 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, Math.min(size, 6));
  return bytes;
}

/** [MS-VHDX] 2.6. */
function metadata(diskSize: number, identity: Identity): Buffer {
  const items: [string, Buffer, number][] = [
    [
      'CAA16737-FA36-4D43-B3B6-33F0AA44E76B', // file parameters
      Buffer.concat([number(blockSize, 4), number(0, 4)]),
      required,
    ],
    ['2FA54224-CD1B-4876-B211-5DBED83BF4B8', number(diskSize, 8), virtualDisk | required],
    [
      'BECA12AB-B2E6-4523-93EF-C309E000C746', // the disk's identifier
      mixedEndian(identity.uuid('vhdx disk')),
      virtualDisk | required,
    ],
    ['8141BF1D-A96F-4709-BA47-F233A8FAAB5F', number(sectorSize, 4), virtualDisk | required],
    ['CDA348C7-445D-4471-9CC9-E9885251C556', number(4096, 4), virtualDisk | required],
  ];
  const bytes = Buffer.alloc(128 * kibibyte);
  bytes.write('metadata', 'latin1');
  bytes.writeUInt16LE(items.length, 10);
  let offset = 64 * kibibyte;
  for (const [index, [id, content, flags]] of items.entries()) {
    const at = 32 * (index + 1);
    mixedEndian(parseUuid(id)).copy(bytes, at);
    bytes.writeUInt32LE(offset, at + 16);
    bytes.writeUInt32LE(content.length, at + 20);
    bytes.writeUInt32LE(flags, at + 24);
    content.copy(bytes, offset);
    offset += content.length;
  }
  return bytes;
}

/**
 * Writes the disk.
 * @param file an empty file
 * @param disk what to write
 * @param identity what its identifiers are made from
 */
export async function writeVhdx(
  file: FileHandle,
  disk: SparseDisk,
  identity: Identity,
): Promise<void> {
  const blocks = Math.ceil(disk.size / blockSize);
  const entries = blocks + Math.floor((blocks - 1) / chunkRatio);
  const blockTableSize = roundUp(entries * 8, mebibyte);
  const blockTable = Buffer.alloc(entries * 8);
  let next = place.blockTable + blockTableSize;
  for (const { index, bytes } of chunks(disk, blockSize)) {
    const entry = index + Math.floor(index / chunkRatio);
    blockTable.writeBigUInt64LE((BigInt(next / mebibyte) << 20n) | fullyPresent, 8 * entry);
    await writeAll(file, bytes, next);
    next += blockSize;
  }
  await writeAll(file, blockTable, place.blockTable);
  const identifier = Buffer.alloc(64 * kibibyte);
  identifier.write('vhdxfile', 'latin1');
  identifier.write('Runtime.JS', 8, 'utf16le');
  await writeAll(file, identifier, 0);
  for (const [index, offset] of place.headers.entries()) {
    await writeAll(file, header(identity, index + 1), offset);
  }
  for (const offset of place.regionTables) {
    await writeAll(file, regionTable(blockTableSize), offset);
  }
  await writeAll(file, metadata(disk.size, identity), place.metadata);
  await file.truncate(next);
}
