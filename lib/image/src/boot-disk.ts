// The bootable disk, and the CD, which is the same with an ISO 9660 tree in the gap behind the partition
// table.
//
//   sector 0      boot code, protective MBR
//          1      GUID partition table
//         64      ISO 9660 descriptors and folders (CD only)
//        256      partition 1: the loader under BIOS
//       2048      partition 2: EFI system partition, FAT32
//                   EFI/BOOT/BOOTX64.EFI    the loader under UEFI
//                   RUNTIME/SYSTEM.IMG      kernel, base and app; both loaders read this
//        end      second partition table
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@runtimejs/base/errors.ts';
import { type FatFile, fatVolume } from './disk/fat32.ts';
import { diskSectors, partitionTable, partitionType } from './disk/gpt.ts';
import { Identity } from './disk/identity.ts';
import { type IsoBoot, isoStructures } from './disk/iso9660.ts';
import { mebibyte, type Piece, roundUp, SparseDisk, sectorSize } from './disk/sparse-disk.ts';

/** The loaders' binaries. */
export interface Loaders {
  /** Code of a disk's first sector. */
  readonly disk: Buffer;
  /** The loader under BIOS. */
  readonly bios: Buffer;
  /** The loader under UEFI. */
  readonly efi: Buffer;
}

/** Where the BIOS loader runs (native/loader/bios/entry.S). */
const biosSegment = 0x0800;
const biosSystemFileField = 8;
const packetField = 0x1a0;
const mostBiosSectors = 127;

const biosFirst = 256;
const biosSectors = 2048 - biosFirst;
const efiFirst = 2048;
const label = 'RUNTIMEJS';

/** Thrown when the loaders are not there or are not ours. */
export class LoaderError extends UserError {}

/**
 * Reads the loaders that the native build made.
 * @param folder with disk.bin, bios.bin and bootx64.efi
 * @throws LoaderError when one is missing
 */
export async function readLoaders(folder: string): Promise<Loaders> {
  const read = async (name: string) => {
    const file = path.join(folder, name);
    return readFile(file).catch(() => {
      throw new LoaderError(`${file} is not there: the boot loaders have not been built.`);
    });
  };
  return {
    disk: await read('disk.bin'),
    bios: await read('bios.bin'),
    efi: await read('bootx64.efi'),
  };
}

/** The boot sector's code, told where the BIOS loader is. */
function diskCode({ disk, bios }: Loaders): Buffer {
  const code = Buffer.from(disk);
  const sectors = bios.length / sectorSize;
  if (!Number.isInteger(sectors) || sectors > mostBiosSectors) {
    throw new LoaderError(
      `The BIOS loader has ${bios.length} bytes, which the boot sector cannot read.`,
    );
  }
  code.writeUInt16LE(sectors, packetField + 2);
  code.writeBigUInt64LE(BigInt(biosFirst), packetField + 8);
  return code;
}

/** The BIOS loader, told where the system file is. */
function biosCode({ bios }: Loaders, systemFileOffset: number): Buffer {
  if (bios.toString('latin1', 4, 8) !== 'RTJS') {
    throw new LoaderError('The BIOS loader is not one of Runtime.JS.');
  }
  const code = Buffer.from(bios);
  code.writeBigUInt64LE(BigInt(systemFileOffset), biosSystemFileField);
  return code;
}

/** What kind of disk to make. */
export interface BootDiskOptions {
  /** With an ISO 9660 tree, for CDs. */
  readonly cd: boolean;
  /** The disk's size is a multiple of this many bytes. */
  readonly sizeBoundary?: number;
}

/** A bootable disk, and what identifies it. */
export interface BootDisk {
  readonly disk: SparseDisk;
  readonly identity: Identity;
}

/**
 * Lays out a bootable disk.
 * @param system pieces of the system file
 * @param loaders the loaders
 * @param options see there
 */
export function bootDisk(
  system: readonly Uint8Array[],
  loaders: Loaders,
  options: BootDiskOptions,
): BootDisk {
  const identity = new Identity([...system, loaders.disk, loaders.bios, loaders.efi]);
  const files: FatFile[] = [
    { path: ['RUNTIME', 'SYSTEM.IMG'], parts: system },
    { path: ['EFI', 'BOOT', 'BOOTX64.EFI'], parts: [loaders.efi] },
  ];
  const volume = fatVolume(files, {
    label,
    serial: identity.number('volume'),
    firstSector: efiFirst,
  });
  const offsets = volume.fileOffsets.map((offset) => efiFirst * sectorSize + offset);
  const boundary = options.sizeBoundary ?? mebibyte;
  const sectors = diskSectors(efiFirst + volume.sectors, roundUp(boundary, mebibyte));
  const bios = biosCode(loaders, offsets[0]!);
  const pieces: Piece[] = [
    ...partitionTable(
      sectors,
      identity.uuid('disk'),
      [
        {
          type: partitionType.biosBoot,
          uuid: identity.uuid('bios'),
          first: biosFirst,
          sectors: biosSectors,
          name: 'Runtime.JS BIOS loader',
        },
        {
          type: partitionType.efiSystem,
          uuid: identity.uuid('efi'),
          first: efiFirst,
          sectors: volume.sectors,
          name: 'Runtime.JS',
        },
      ],
      diskCode(loaders),
    ),
    { offset: biosFirst * sectorSize, bytes: bios },
    ...volume.pieces.map(({ offset, bytes }) => ({
      offset: efiFirst * sectorSize + offset,
      bytes,
    })),
  ];
  if (options.cd) {
    const boot: IsoBoot = {
      bios: { offset: biosFirst * sectorSize, size: bios.length, segment: biosSegment },
      efi: { offset: efiFirst * sectorSize },
    };
    const tree = files.map(({ path: names, parts }, index) => ({
      path: names,
      offset: offsets[index]!,
      size: parts.reduce((total, part) => total + part.length, 0),
    }));
    const limit = biosFirst * sectorSize;
    pieces.push(isoStructures(tree, boot, { label, size: sectors * sectorSize, limit }));
  }
  return { disk: new SparseDisk(sectors * sectorSize, pieces), identity };
}
