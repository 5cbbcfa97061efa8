// An ISO 9660 tree, with an El Torito catalogue, over files that lie elsewhere on the same medium.
// Sources: ECMA-119, 2nd edition; El Torito 1.0; UEFI specification 2.10, 13.3.2.1.
import { type Piece, roundUp } from './sparse-disk.ts';

/** Size of a CD's sector in bytes. */
export const cdSectorSize = 2048;
/** The system area is what a disk's own structures may take. */
const firstDescriptor = 16;

/** A file of the tree. */
export interface IsoFile {
  /** Folders and name, such as ['EFI', 'BOOT', 'BOOTX64.EFI']. */
  readonly path: readonly string[];
  /** Bytes from the start of the medium, a multiple of a CD's sector. */
  readonly offset: number;
  readonly size: number;
}

/** What a CD boots from. */
export interface IsoBoot {
  /** The loader under BIOS: a place on the medium in bytes, and its size. */
  readonly bios: { readonly offset: number; readonly size: number; readonly segment: number };
  /** Where the EFI system partition starts, in bytes. */
  readonly efi: { readonly offset: number };
}

interface Folder {
  readonly name: string;
  readonly parent: Folder | undefined;
  readonly folders: Folder[];
  readonly files: IsoFile[];
  sector: number;
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}

function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

/** 1 January 1980: years since 1900, month, day, hour, minute, second, zone (9.1.5). */
const recordDate = Buffer.from([80, 1, 1, 0, 0, 0, 0]);
/** The same in digits (8.4.26.1). */
const digitsDate = Buffer.from('1980010100000000\0', 'latin1');
const noDate = Buffer.from('0000000000000000\0', 'latin1');

/** ECMA-119, 9.1. */
function directoryRecord(name: Uint8Array, sector: number, size: number, isFolder: boolean) {
  const length = roundUp(33 + name.length, 2);
  const record = Buffer.alloc(length);
  record[0] = length;
  both32(sector).copy(record, 2);
  both32(size).copy(record, 10);
  recordDate.copy(record, 18);
  record[25] = isFolder ? 2 : 0;
  both16(1).copy(record, 28);
  record[32] = name.length;
  record.set(name, 33);
  return record;
}

function folderSector(folder: Folder): Buffer {
  const self = Buffer.from([0]);
  const up = Buffer.from([1]);
  const records = [
    directoryRecord(self, folder.sector, cdSectorSize, true),
    directoryRecord(up, (folder.parent ?? folder).sector, cdSectorSize, true),
  ];
  const children: [string, Buffer][] = [
    ...folder.folders.map(({ name, sector }): [string, Buffer] => [
      name,
      directoryRecord(Buffer.from(name, 'latin1'), sector, cdSectorSize, true),
    ]),
    ...folder.files.map(({ path, offset, size }): [string, Buffer] => {
      const name = `${path.at(-1)};1`;
      const sector = offset / cdSectorSize;
      return [name, directoryRecord(Buffer.from(name, 'latin1'), sector, size, false)];
    }),
  ];
  children.sort(([left], [right]) => (left < right ? -1 : 1));
  const bytes = Buffer.concat([...records, ...children.map(([, record]) => record)]);
  if (bytes.length > cdSectorSize) throw new RangeError('A folder of the CD has too many entries.');
  return Buffer.concat([bytes, Buffer.alloc(cdSectorSize - bytes.length)]);
}

/** ECMA-119, 9.4, in the order of the levels (6.9.1). */
function pathTable(folders: readonly Folder[], bigEndian: boolean): Buffer {
  const entries = folders.map((folder) => {
    const name = folder.parent ? Buffer.from(folder.name, 'latin1') : Buffer.from([0]);
    const entry = Buffer.alloc(8 + roundUp(name.length, 2));
    entry[0] = name.length;
    const parent = folder.parent ? folders.indexOf(folder.parent) + 1 : 1;
    if (bigEndian) {
      entry.writeUInt32BE(folder.sector, 2);
      entry.writeUInt16BE(parent, 6);
    } else {
      entry.writeUInt32LE(folder.sector, 2);
      entry.writeUInt16LE(parent, 6);
    }
    name.copy(entry, 8);
    return entry;
  });
  return Buffer.concat(entries);
}

/** El Torito, figures 2 to 5. */
function bootCatalogue({ bios, efi }: IsoBoot): Buffer {
  const catalogue = Buffer.alloc(cdSectorSize);
  catalogue[0] = 1; // validation entry, platform x86
  catalogue.write('Runtime.JS', 4, 'latin1');
  catalogue.writeUInt16LE(0xaa55, 30);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += catalogue.readUInt16LE(at);
  catalogue.writeUInt16LE(-sum & 0xffff, 28);

  catalogue[32] = 0x88; // bootable, without emulation
  catalogue.writeUInt16LE(bios.segment, 34);
  catalogue.writeUInt16LE(Math.ceil(bios.size / 512), 38);
  catalogue.writeUInt32LE(bios.offset / cdSectorSize, 40);

  catalogue[64] = 0x91; // the last section: platform EFI, one entry
  catalogue[65] = 0xef;
  catalogue.writeUInt16LE(1, 66);
  catalogue[96] = 0x88;
  // Fewer than 2 sectors: to the end of the medium. 16 bits would not hold the volume's size.
  catalogue.writeUInt16LE(1, 102);
  catalogue.writeUInt32LE(efi.offset / cdSectorSize, 104);
  return catalogue;
}

function text(value: string, length: number): Buffer {
  return Buffer.from(value.padEnd(length).slice(0, length), 'latin1');
}

/** ECMA-119, 8.4. */
function primaryDescriptor(options: {
  readonly label: string;
  readonly sectors: number;
  readonly pathTableSize: number;
  readonly littlePathTable: number;
  readonly bigPathTable: number;
  readonly root: Folder;
}): Buffer {
  const bytes = Buffer.alloc(cdSectorSize);
  bytes[0] = 1;
  bytes.write('CD001', 1, 'latin1');
  bytes[6] = 1;
  text('', 32).copy(bytes, 8);
  text(options.label, 32).copy(bytes, 40);
  both32(options.sectors).copy(bytes, 80);
  both16(1).copy(bytes, 120);
  both16(1).copy(bytes, 124);
  both16(cdSectorSize).copy(bytes, 128);
  both32(options.pathTableSize).copy(bytes, 132);
  bytes.writeUInt32LE(options.littlePathTable, 140);
  bytes.writeUInt32BE(options.bigPathTable, 148);
  directoryRecord(Buffer.from([0]), options.root.sector, cdSectorSize, true).copy(bytes, 156);
  text('', 128).copy(bytes, 190); // volume set
  text('', 128).copy(bytes, 318); // publisher
  text('', 128).copy(bytes, 446); // preparer
  text('RUNTIME.JS', 128).copy(bytes, 574); // application
  text('', 37).copy(bytes, 702);
  text('', 37).copy(bytes, 739);
  text('', 37).copy(bytes, 776);
  digitsDate.copy(bytes, 813);
  digitsDate.copy(bytes, 830);
  noDate.copy(bytes, 847);
  noDate.copy(bytes, 864);
  bytes[881] = 1;
  return bytes;
}

/** All folders, level by level. */
function breadthFirst(root: Folder): Folder[] {
  const all = [root];
  for (const folder of all) {
    folder.folders.sort((left, right) => (left.name < right.name ? -1 : 1));
    all.push(...folder.folders);
  }
  return all;
}

/**
 * Makes the volume descriptors, the tree and the boot catalogue of a CD.
 * @param files the tree's files
 * @param boot what it boots from
 * @param options.label name of the volume
 * @param options.size of the medium, in bytes
 * @param options.limit where all of this has to end, in bytes from the start of the medium
 * @returns one piece, from byte 32768 on
 */
export function isoStructures(
  files: readonly IsoFile[],
  boot: IsoBoot,
  options: { readonly label: string; readonly size: number; readonly limit: number },
): Piece {
  const root: Folder = { name: '', parent: undefined, folders: [], files: [], sector: 0 };
  for (const file of files) {
    let folder = root;
    for (const name of file.path.slice(0, -1)) {
      let child = folder.folders.find((candidate) => candidate.name === name);
      if (!child) {
        child = { name, parent: folder, folders: [], files: [], sector: 0 };
        folder.folders.push(child);
      }
      folder = child;
    }
    folder.files.push(file);
  }
  const folders = breadthFirst(root);
  // Descriptors: primary, boot record, terminator; then the catalogue, path tables, folders.
  let next = firstDescriptor + 3;
  const catalogue = next++;
  const littlePathTable = next++;
  const bigPathTable = next++;
  for (const folder of folders) folder.sector = next++;
  if (next * cdSectorSize > options.limit) throw new RangeError('The CD has too many folders.');

  const little = pathTable(folders, false);
  const record = Buffer.alloc(cdSectorSize);
  record.write('\0CD001\x01EL TORITO SPECIFICATION', 'latin1');
  record.writeUInt32LE(catalogue, 71);
  const terminator = Buffer.alloc(cdSectorSize);
  terminator.write('\xffCD001\x01', 'latin1');
  const padded = (bytes: Buffer) =>
    Buffer.concat([bytes, Buffer.alloc(cdSectorSize - bytes.length)]);
  const primary = primaryDescriptor({
    label: options.label,
    sectors: Math.floor(options.size / cdSectorSize),
    pathTableSize: little.length,
    littlePathTable,
    bigPathTable,
    root,
  });
  const sectors = [
    primary,
    record,
    terminator,
    bootCatalogue(boot),
    padded(little),
    padded(pathTable(folders, true)),
    ...folders.map(folderSector),
  ];
  return { offset: firstDescriptor * cdSectorSize, bytes: Buffer.concat(sectors) };
}
