// A GUID partition table, with a protective MBR that holds the boot sector's code.
// Source: UEFI specification 2.10, 5.2.3 and 5.3.
import { crc32 } from 'node:zlib';
import { mixedEndian, parseUuid } from './identity.ts';
import { type Piece, roundUp, sectorSize } from './sparse-disk.ts';

/** Types of partitions. */
export const partitionType = {
  efiSystem: parseUuid('C12A7328-F81F-11D2-BA4B-00A0C93EC93B'),
  /** What a loader under BIOS is in (the name is GRUB's). */
  biosBoot: parseUuid('21686148-6449-6E6F-744E-656564454649'),
} as const;

/** A partition. */
export interface Partition {
  readonly type: Uint8Array;
  readonly uuid: Uint8Array;
  /** First sector, and how many there are. */
  readonly first: number;
  readonly sectors: number;
  /** At most 36 characters. */
  readonly name: string;
}

const entryCount = 128;
const entrySize = 128;
const entrySectors = (entryCount * entrySize) / sectorSize;
const bootCodeSize = 440;

/** Sectors at the end of a disk that the second table takes. */
export const secondTableSectors = entrySectors + 1;
/** Sectors at the start of a disk that the MBR and the first table take. */
export const firstTableSectors = entrySectors + 2;

function protectiveMbr(bootCode: Uint8Array, sectors: number): Buffer {
  const mbr = Buffer.alloc(sectorSize);
  mbr.set(bootCode.subarray(0, bootCodeSize));
  const entry = 446;
  mbr.writeUIntBE(0x000200, entry + 1, 3); // first cylinder, head, sector
  mbr[entry + 4] = 0xee;
  mbr.writeUIntBE(0xffffff, entry + 5, 3);
  mbr.writeUInt32LE(1, entry + 8);
  mbr.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), entry + 12);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

function entries(partitions: readonly Partition[]): Buffer {
  const table = Buffer.alloc(entryCount * entrySize);
  for (const [index, partition] of partitions.entries()) {
    const at = index * entrySize;
    mixedEndian(partition.type).copy(table, at);
    mixedEndian(partition.uuid).copy(table, at + 16);
    table.writeBigUInt64LE(BigInt(partition.first), at + 32);
    table.writeBigUInt64LE(BigInt(partition.first + partition.sectors - 1), at + 40);
    table.write(partition.name.slice(0, 36), at + 56, 'utf16le');
  }
  return table;
}

interface HeaderPlace {
  readonly own: number;
  readonly other: number;
  readonly table: number;
}

function header(
  place: HeaderPlace,
  sectors: number,
  diskUuid: Uint8Array,
  table: Uint8Array,
): Buffer {
  const bytes = Buffer.alloc(sectorSize);
  const size = 92;
  bytes.write('EFI PART', 'latin1');
  bytes.writeUInt32LE(0x00010000, 8);
  bytes.writeUInt32LE(size, 12);
  bytes.writeBigUInt64LE(BigInt(place.own), 24);
  bytes.writeBigUInt64LE(BigInt(place.other), 32);
  bytes.writeBigUInt64LE(BigInt(firstTableSectors), 40);
  bytes.writeBigUInt64LE(BigInt(sectors - secondTableSectors - 1), 48);
  mixedEndian(diskUuid).copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(place.table), 72);
  bytes.writeUInt32LE(entryCount, 80);
  bytes.writeUInt32LE(entrySize, 84);
  bytes.writeUInt32LE(crc32(table), 88);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, size)), 16);
  return bytes;
}

/**
 * Makes both copies of a partition table, and the MBR.
 * @param sectors size of the disk
 * @param diskUuid the disk's own identifier
 * @param partitions in the order of their numbers
 * @param bootCode code for the first sector; its first 440 bytes are taken
 * @returns the pieces of the disk
 */
export function partitionTable(
  sectors: number,
  diskUuid: Uint8Array,
  partitions: readonly Partition[],
  bootCode: Uint8Array,
): Piece[] {
  const table = entries(partitions);
  const last = sectors - 1;
  const second = sectors - secondTableSectors;
  const first = header({ own: 1, other: last, table: 2 }, sectors, diskUuid, table);
  const copy = header({ own: last, other: 1, table: second }, sectors, diskUuid, table);
  return [
    { offset: 0, bytes: Buffer.concat([protectiveMbr(bootCode, sectors), first, table]) },
    { offset: second * sectorSize, bytes: Buffer.concat([table, copy]) },
  ];
}

/**
 * @param sectors what partitions take, from the disk's first sector on
 * @param boundary of the disk's size, in bytes
 * @returns size of a disk that also has room for the second table, in sectors
 */
export function diskSectors(sectors: number, boundary: number): number {
  return roundUp((sectors + secondTableSectors) * sectorSize, boundary) / sectorSize;
}
