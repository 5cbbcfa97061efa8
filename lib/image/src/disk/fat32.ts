// A FAT32 volume with a few files, each in one piece.
// Source: Microsoft, FAT: General Overview of On-Disk Format 1.03.
import { type Piece, roundUp, sectorSize } from './sparse-disk.ts';

/** A file to put on the volume. */
export interface FatFile {
  /** Folders and name in capitals, each in the form NAME.EXT with at most 8 and 3 characters. */
  readonly path: readonly string[];
  readonly parts: readonly Uint8Array[];
}

/** A finished volume. */
export interface FatVolume {
  readonly sectors: number;
  /** Offsets are from the start of the volume. */
  readonly pieces: readonly Piece[];
  /** Where each file's content starts, in bytes from the start of the volume; a multiple of 4096. */
  readonly fileOffsets: readonly number[];
}

/** A volume with fewer clusters would not be FAT32. */
const leastClusters = 65_525;
const largestCluster = 8;
const fatCopies = 2;
/** Content starts on such a boundary, for CDs and for reading in large pieces. */
const contentAlignment = 4096;
const endOfChain = 0x0fffffff;
const directoryEntrySize = 32;
const attributeDirectory = 0x10;
const attributeLabel = 0x08;
/** 1 January 1980, the first day that FAT knows. */
const date = (1 << 5) | 1;

interface Geometry {
  readonly sectorsPerCluster: number;
  readonly reservedSectors: number;
  readonly fatSectors: number;
  readonly clusters: number;
  readonly sectors: number;
}

/** Works out the smallest volume with room for `contentSize` bytes, its first sector at `firstSector`. */
function planGeometry(contentSize: number, firstSector: number): Geometry {
  // The largest clusters of which the content alone fills enough; small volumes are padded.
  let sectorsPerCluster = largestCluster;
  while (sectorsPerCluster > 1 && contentSize < leastClusters * sectorsPerCluster * sectorSize) {
    sectorsPerCluster /= 2;
  }
  const clusterSize = sectorsPerCluster * sectorSize;
  const clusters = Math.max(Math.ceil(contentSize / clusterSize), leastClusters + 16);
  const fatSectors = Math.ceil(((clusters + 2) * 4) / sectorSize);
  // At least the usual 32, and so many that the clusters start on the boundary.
  const unaligned = firstSector + 32 + fatCopies * fatSectors;
  const reservedSectors = 32 + roundUp(unaligned, contentAlignment / sectorSize) - unaligned;
  const sectors = reservedSectors + fatCopies * fatSectors + clusters * sectorsPerCluster;
  return { sectorsPerCluster, reservedSectors, fatSectors, clusters, sectors };
}

function shortName(name: string): Buffer {
  const match = /^([A-Z0-9_]{1,8})(?:\.([A-Z0-9_]{1,3}))?$/.exec(name);
  if (!match) throw new RangeError(`${name} is not a short FAT name.`);
  return Buffer.from(match[1]!.padEnd(8) + (match[2] ?? '').padEnd(3), 'latin1');
}

function directoryEntry(name: Uint8Array, attributes: number, cluster: number, size: number) {
  const entry = Buffer.alloc(directoryEntrySize);
  entry.set(name);
  entry[11] = attributes;
  for (const at of [16, 18, 24]) entry.writeUInt16LE(date, at);
  entry.writeUInt16LE(cluster >>> 16, 20);
  entry.writeUInt16LE(cluster & 0xffff, 26);
  entry.writeUInt32LE(size, 28);
  return entry;
}

interface Folder {
  readonly children: Map<string, Folder | number>;
  cluster: number;
}

/** Allocates clusters in order, and keeps the chains. */
class Clusters {
  readonly #geometry: Geometry;
  readonly table: Uint32Array;
  readonly #dataStart: number;
  next = 2;

  constructor(geometry: Geometry, mediaDescriptor: number) {
    this.#geometry = geometry;
    this.table = new Uint32Array(geometry.clusters + 2);
    this.table[0] = 0x0fffff00 | mediaDescriptor;
    this.table[1] = endOfChain;
    this.#dataStart = (geometry.reservedSectors + fatCopies * geometry.fatSectors) * sectorSize;
  }

  get size(): number {
    return this.#geometry.sectorsPerCluster * sectorSize;
  }

  offsetOf(cluster: number): number {
    return this.#dataStart + (cluster - 2) * this.size;
  }

  /** @returns the first cluster of a chain without gaps for `bytes`, or 0 for none */
  allocate(bytes: number, alignment: number): number {
    const count = Math.ceil(bytes / this.size);
    if (count === 0) return 0;
    const step = Math.max(1, alignment / this.size);
    const first = 2 + roundUp(this.next - 2, step);
    for (let cluster = first; cluster < first + count; cluster++) {
      this.table[cluster] = cluster + 1 < first + count ? cluster + 1 : endOfChain;
    }
    this.next = first + count;
    return first;
  }
}

function bootSector(geometry: Geometry, hiddenSectors: number, serial: number, label: Uint8Array) {
  const sector = Buffer.alloc(sectorSize);
  sector.set([0xeb, 0x58, 0x90]);
  sector.write('RUNTIMEJ', 3, 'latin1');
  sector.writeUInt16LE(sectorSize, 11);
  sector[13] = geometry.sectorsPerCluster;
  sector.writeUInt16LE(geometry.reservedSectors, 14);
  sector[16] = fatCopies;
  sector[21] = 0xf8; // fixed disk
  sector.writeUInt16LE(63, 24);
  sector.writeUInt16LE(255, 26);
  sector.writeUInt32LE(hiddenSectors, 28);
  sector.writeUInt32LE(geometry.sectors, 32);
  sector.writeUInt32LE(geometry.fatSectors, 36);
  sector.writeUInt32LE(2, 44); // root folder
  sector.writeUInt16LE(1, 48); // FSInfo
  sector.writeUInt16LE(6, 50); // copy of this sector
  sector[64] = 0x80;
  sector[66] = 0x29;
  sector.writeUInt32LE(serial, 67);
  sector.set(label, 71);
  sector.write('FAT32   ', 82, 'latin1');
  // Who jumps here has started a volume instead of its disk: loop.
  sector.set([0xf4, 0xeb, 0xfd], 90);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function informationSector(free: number, next: number): Buffer {
  const sector = Buffer.alloc(sectorSize);
  sector.write('RRaA', 0, 'latin1');
  sector.write('rrAa', 484, 'latin1');
  sector.writeUInt32LE(free, 488);
  sector.writeUInt32LE(next, 492);
  sector.writeUInt32LE(0xaa550000, 508);
  return sector;
}

/**
 * Makes a volume.
 * @param files its files; folders are made as needed
 * @param options.label at most 11 capitals
 * @param options.serial its serial number, 32 bits
 * @param options.firstSector where the volume is on the disk
 * @returns the volume, as small as FAT32 allows
 */
export function fatVolume(
  files: readonly FatFile[],
  options: { readonly label: string; readonly serial: number; readonly firstSector: number },
): FatVolume {
  const sizes = files.map(({ parts }) => parts.reduce((sum, part) => sum + part.length, 0));
  // Each folder takes at most a cluster here, each file's alignment less than the boundary.
  const content = sizes.reduce((sum, size) => sum + roundUp(size, contentAlignment), 0);
  const slack = files.length * 2 * contentAlignment * 2 + contentAlignment;
  const geometry = planGeometry(content + slack, options.firstSector);
  const clusters = new Clusters(geometry, 0xf8);
  const label = Buffer.from(options.label.padEnd(11), 'latin1');

  const root: Folder = { children: new Map(), cluster: 0 };
  for (const [index, { path }] of files.entries()) {
    let folder = root;
    for (const name of path.slice(0, -1)) {
      const child = folder.children.get(name) ?? { children: new Map(), cluster: 0 };
      if (typeof child === 'number') throw new RangeError(`${name} is a file and a folder.`);
      folder.children.set(name, child);
      folder = child;
    }
    folder.children.set(path.at(-1)!, index);
  }
  const allocateFolder = (folder: Folder) => {
    folder.cluster = clusters.allocate((folder.children.size + 2) * directoryEntrySize, 1);
    for (const child of folder.children.values()) {
      if (typeof child !== 'number') allocateFolder(child);
    }
  };
  allocateFolder(root);
  const firstClusters = sizes.map((size) => clusters.allocate(size, contentAlignment));

  const pieces: Piece[] = [];
  const writeFolder = (folder: Folder, parent: Folder | undefined) => {
    const entries = parent
      ? [
          directoryEntry(Buffer.from('.          '), attributeDirectory, folder.cluster, 0),
          directoryEntry(
            Buffer.from('..         '),
            attributeDirectory,
            parent === root ? 0 : parent.cluster,
            0,
          ),
        ]
      : [directoryEntry(label, attributeLabel, 0, 0)];
    for (const [name, child] of folder.children) {
      if (typeof child === 'number') {
        entries.push(directoryEntry(shortName(name), 0, firstClusters[child]!, sizes[child]!));
      } else {
        entries.push(directoryEntry(shortName(name), attributeDirectory, child.cluster, 0));
        writeFolder(child, folder);
      }
    }
    pieces.push({ offset: clusters.offsetOf(folder.cluster), bytes: Buffer.concat(entries) });
  };
  writeFolder(root, undefined);

  const fileOffsets = firstClusters.map((cluster) => (cluster ? clusters.offsetOf(cluster) : 0));
  for (const [index, { parts }] of files.entries()) {
    let offset = fileOffsets[index]!;
    for (const bytes of parts) {
      pieces.push({ offset, bytes });
      offset += bytes.length;
    }
  }

  const used = clusters.table.reduce((sum, entry) => sum + (entry ? 1 : 0), 0) - 2;
  const boot = bootSector(geometry, options.firstSector, options.serial, label);
  const information = informationSector(geometry.clusters - used, clusters.next);
  const fat = Buffer.from(clusters.table.buffer, 0, 4 * clusters.next);
  for (const start of [0, 6]) {
    pieces.push({ offset: start * sectorSize, bytes: Buffer.concat([boot, information]) });
  }
  for (let copy = 0; copy < fatCopies; copy++) {
    const sector = geometry.reservedSectors + copy * geometry.fatSectors;
    pieces.push({ offset: sector * sectorSize, bytes: fat });
  }
  return { sectors: geometry.sectors, pieces, fileOffsets };
}
