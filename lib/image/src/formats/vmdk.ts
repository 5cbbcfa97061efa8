// VMDK: one file that grows ("monolithicSparse"), for VMware, VirtualBox and QEMU.
// Source: VMware, Virtual Disk Format 5.0.
import type { FileHandle } from 'node:fs/promises';
import type { Identity } from '../disk/identity.ts';
import { roundUp, type SparseDisk, sectorSize } from '../disk/sparse-disk.ts';
import { writeAll } from '../write.ts';
import { chunks } from './chunks.ts';

const grainSectors = 128;
const grainSize = grainSectors * sectorSize;
const entriesPerTable = 512;
const tableSectors = (entriesPerTable * 4) / sectorSize;
const descriptorSector = 1;
const descriptorSectors = 20;
const validNewLines = 1;
const redundantTables = 2;

function descriptor(sectors: number, name: string, contentId: number): string {
  const heads = 16;
  const perTrack = 63;
  const cylinders = Math.min(Math.floor(sectors / (heads * perTrack)), 16383);
  return [
    '# Disk DescriptorFile',
    'version=1',
    `CID=${contentId.toString(16).padStart(8, '0')}`,
    'parentCID=ffffffff',
    'createType="monolithicSparse"',
    '',
    '# Extent description',
    `RW ${sectors} SPARSE "${name}"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${perTrack}"`,
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n');
}

/**
 * Writes the disk.
 * @param file an empty file
 * @param disk what to write
 * @param identity what identifies its content
 * @param name of the file, which the format repeats inside
 */
export async function writeVmdk(
  file: FileHandle,
  disk: SparseDisk,
  identity: Identity,
  name: string,
): Promise<void> {
  const sectors = disk.size / sectorSize;
  const tables = Math.ceil(sectors / grainSectors / entriesPerTable);
  const directorySectors = Math.ceil((tables * 4) / sectorSize);
  const copySectors = directorySectors + tables * tableSectors;
  const directories = [descriptorSector + descriptorSectors];
  directories.push(directories[0]! + copySectors);
  const overhead = roundUp(directories[1]! + copySectors, grainSectors);

  const header = Buffer.alloc(sectorSize);
  header.write('KDMV', 'latin1');
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(validNewLines | redundantTables, 8);
  header.writeBigUInt64LE(BigInt(sectors), 12);
  header.writeBigUInt64LE(BigInt(grainSectors), 20);
  header.writeBigUInt64LE(BigInt(descriptorSector), 28);
  header.writeBigUInt64LE(BigInt(descriptorSectors), 36);
  header.writeUInt32LE(entriesPerTable, 44);
  header.writeBigUInt64LE(BigInt(directories[0]!), 48);
  header.writeBigUInt64LE(BigInt(directories[1]!), 56);
  header.writeBigUInt64LE(BigInt(overhead), 64);
  header.write('\n \r\n', 73, 'latin1');
  await writeAll(file, header, 0);
  // 4294967295 would mean that there is no content.
  const contentId = identity.number('vmdk') % 0xfffffffe;
  const text = Buffer.from(descriptor(sectors, name, contentId), 'utf8');
  if (text.length > descriptorSectors * sectorSize) {
    throw new RangeError(`The name ${name} is too long for a VMDK.`);
  }
  await writeAll(file, text, descriptorSector * sectorSize);

  const entries = Buffer.alloc(tables * tableSectors * sectorSize);
  let next = overhead;
  for (const { index, bytes } of chunks(disk, grainSize)) {
    entries.writeUInt32LE(next, 4 * index);
    await writeAll(file, bytes, next * sectorSize);
    next += grainSectors;
  }
  for (const start of directories) {
    const directory = Buffer.alloc(directorySectors * sectorSize);
    for (let table = 0; table < tables; table++) {
      directory.writeUInt32LE(start + directorySectors + table * tableSectors, 4 * table);
    }
    await writeAll(file, Buffer.concat([directory, entries]), start * sectorSize);
  }
  await file.truncate(next * sectorSize);
}
