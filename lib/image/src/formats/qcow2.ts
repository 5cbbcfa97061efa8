// qcow2, version 3.
// Source: QEMU, docs/interop/qcow2.txt.
import type { FileHandle } from 'node:fs/promises';
import { roundUp, type SparseDisk } from '../disk/sparse-disk.ts';
import { writeAll } from '../write.ts';
import { chunks } from './chunks.ts';

const clusterBits = 16;
const clusterSize = 1 << clusterBits;
const entriesPerTable = clusterSize / 8;
/** Reference counts have 16 bits. */
const countsPerBlock = clusterSize / 2;
const headerLength = 104;
/** Bit 63 of an entry: the cluster is used once, and can be written in place. */
const copied = 1n << 63n;

/**
 * Writes the disk. The file's clusters: header, table of reference counts, their blocks, table of level 1,
 * tables of level 2, data.
 * @param file an empty file
 * @param disk what to write
 */
export async function writeQcow2(file: FileHandle, disk: SparseDisk): Promise<void> {
  const data = [...chunks(disk, clusterSize)];
  const tables = Math.ceil(disk.size / clusterSize / entriesPerTable);
  const levelOneClusters = Math.ceil((tables * 8) / clusterSize);
  const rest = levelOneClusters + tables + data.length;
  // The blocks count themselves, too.
  let blocks = 1;
  while (blocks * countsPerBlock < 2 + blocks + rest) blocks++;
  const referenceTable = 1;
  const firstBlock = 2;
  const levelOne = firstBlock + blocks;
  const firstTable = levelOne + levelOneClusters;
  const firstData = firstTable + tables;
  const total = firstData + data.length;

  const header = Buffer.alloc(clusterSize);
  header.write('QFI\xfb', 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(clusterBits, 20);
  header.writeBigUInt64BE(BigInt(disk.size), 24);
  header.writeUInt32BE(tables, 36);
  header.writeBigUInt64BE(BigInt(levelOne * clusterSize), 40);
  header.writeBigUInt64BE(BigInt(referenceTable * clusterSize), 48);
  header.writeUInt32BE(1, 56);
  header.writeUInt32BE(4, 96); // a reference count has 2 to the power of 4 bits
  header.writeUInt32BE(headerLength, 100);
  await writeAll(file, header, 0);

  const references = Buffer.alloc(clusterSize);
  for (let block = 0; block < blocks; block++) {
    references.writeBigUInt64BE(BigInt((firstBlock + block) * clusterSize), 8 * block);
  }
  await writeAll(file, references, referenceTable * clusterSize);
  const counts = Buffer.alloc(blocks * clusterSize);
  for (let cluster = 0; cluster < total; cluster++) counts.writeUInt16BE(1, 2 * cluster);
  await writeAll(file, counts, firstBlock * clusterSize);

  const one = Buffer.alloc(levelOneClusters * clusterSize);
  for (let table = 0; table < tables; table++) {
    one.writeBigUInt64BE(BigInt((firstTable + table) * clusterSize) | copied, 8 * table);
  }
  await writeAll(file, one, levelOne * clusterSize);
  const two = Buffer.alloc(tables * clusterSize);
  for (const [order, { index }] of data.entries()) {
    two.writeBigUInt64BE(BigInt((firstData + order) * clusterSize) | copied, 8 * index);
  }
  await writeAll(file, two, firstTable * clusterSize);
  for (const [order, { bytes }] of data.entries()) {
    await writeAll(file, bytes, (firstData + order) * clusterSize);
  }
  await file.truncate(roundUp(total * clusterSize, clusterSize));
}
