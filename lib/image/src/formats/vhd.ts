// VHD of fixed size, for Azure: the disk as it is, and a footer.
// Source: Microsoft, Virtual Hard Disk Image Format Specification 1.0.
import type { FileHandle } from 'node:fs/promises';
import type { Identity } from '../disk/identity.ts';
import { type SparseDisk, sectorSize } from '../disk/sparse-disk.ts';
import { writeAll } from '../write.ts';
import { writeRaw } from './raw.ts';

const footerSize = 512;

/** The appendix's calculation. */
function geometry(sectors: number): { cylinders: number; heads: number; perTrack: number } {
  const most = 65535 * 16 * 255;
  const total = Math.min(sectors, most);
  if (total >= 65535 * 16 * 63) {
    return { cylinders: Math.floor(total / 255 / 16), heads: 16, perTrack: 255 };
  }
  let perTrack = 17;
  let tracks = Math.floor(total / perTrack);
  let heads = Math.max(Math.floor((tracks + 1023) / 1024), 4);
  if (tracks >= heads * 1024 || heads > 16) {
    perTrack = 31;
    heads = 16;
    tracks = Math.floor(total / perTrack);
  }
  if (tracks >= heads * 1024) {
    perTrack = 63;
    heads = 16;
    tracks = Math.floor(total / perTrack);
  }
  return { cylinders: Math.floor(tracks / heads), heads, perTrack };
}

/**
 * Writes the disk.
 * @param file an empty file
 * @param disk what to write; Azure wants its size to be whole MiB
 * @param identity what its identifier is made from
 */
export async function writeVhd(
  file: FileHandle,
  disk: SparseDisk,
  identity: Identity,
): Promise<void> {
  const footer = Buffer.alloc(footerSize);
  const { cylinders, heads, perTrack } = geometry(disk.size / sectorSize);
  footer.write('conectix', 'latin1');
  footer.writeUInt32BE(2, 8); // a reserved feature that is always set
  footer.writeUInt32BE(0x00010000, 12);
  footer.writeBigUInt64BE(0xffffffffffffffffn, 16); // no header follows: fixed
  // Bytes 24 to 27, the time of making in seconds since 2000, stay zero.
  // The size is this field's, not the geometry's, to readers that know this creator (QEMU, Azure).
  footer.write('win ', 28, 'latin1');
  footer.writeUInt32BE(0x000a0000, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(disk.size), 40);
  footer.writeBigUInt64BE(BigInt(disk.size), 48);
  footer.writeUInt16BE(cylinders, 56);
  footer[58] = heads;
  footer[59] = perTrack;
  footer.writeUInt32BE(2, 60); // fixed
  identity.uuid('vhd').copy(footer, 68);
  const sum = footer.reduce((total, byte) => total + byte, 0);
  footer.writeUInt32BE(~sum >>> 0, 64);
  await writeRaw(file, disk);
  await writeAll(file, footer, disk.size);
}
