// Tells what an image file is, so that a foreign one is refused with its name and not booted blindly.
import { open } from 'node:fs/promises';
import { ElfFile } from '@runtimejs/base/elf.ts';
import { packedBase } from '@runtimejs/base/pack.ts';
import { displayPath } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import type { BootDisk } from '../machine.ts';

/** What an image file is: a kernel with its base, or a disk or CD. */
export type ImageKind = 'kernel' | BootDisk;

/** Name of the first partition of our disks, as GPT holds it. */
const bootPartition = Buffer.from('Runtime.JS BIOS loader', 'utf16le');
/** Every format has the disk's first sectors before this. */
const headSize = 5 * 1024 * 1024;

const diskFormats: readonly (readonly [at: number, bytes: string, format: BootDisk['format']])[] = [
  [0, 'QFI\xfb', 'qcow2'],
  [0, 'KDMV', 'vmdk'],
  [0, 'vhdxfile', 'vhdx'],
];

/** Names of other formats by their first bytes, for messages. */
const foreign: readonly (readonly [at: number, bytes: string, name: string])[] = [
  [0, '\x7fELF', 'a program or kernel (ELF)'],
  [0, 'QFI\xfb', 'a qcow2 disk image'],
  [0, 'KDMV', 'a VMDK disk image'],
  [0, 'vhdxfile', 'a VHDX disk image'],
  [0x8001, 'CD001', 'an ISO image'],
  [0x202, 'HdrS', 'a Linux kernel'],
  [0, '070701', 'an initrd (cpio)'],
  [0, '\x1f\x8b', 'compressed with gzip'],
  [510, '\x55\xaa', 'a disk image'],
];

/**
 * Tells what an image is.
 * @param file path of the image
 * @throws ToolError when it is no image of Runtime.JS, with what it looks like
 */
export async function identifyImage(file: string): Promise<ImageKind> {
  const head = await readHead(file);
  if (head.subarray(0, 4).toString('latin1') === '\x7fELF') {
    try {
      using elf = new ElfFile(file);
      if (packedBase(elf) !== undefined) return 'kernel';
    } catch {
      // Damaged, or for another processor: not ours either.
    }
  }
  const starts = (at: number, bytes: string) =>
    head.subarray(at, at + bytes.length).toString('latin1') === bytes;
  if (head.includes(bootPartition)) {
    const [, , format] = diskFormats.find(([at, bytes]) => starts(at, bytes)) ?? [0, '', 'raw'];
    // A VHD of fixed size is a disk with a footer, which does no harm.
    return { file, format, isCd: starts(0x8001, 'CD001') };
  }
  const match = foreign.find(([at, bytes]) => starts(at, bytes));
  const looks = match === undefined ? '' : ` It looks like ${match[2]}.`;
  throw new ToolError(
    `${displayPath(file)} is not an image of Runtime.JS.${looks} Make one with \`runtime build\`.`,
  );
}

async function readHead(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headSize), 0, headSize, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
