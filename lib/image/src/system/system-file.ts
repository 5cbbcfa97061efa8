// The system file: kernel, base and initrd, compressed, with what a loader has to know. The format is
// described in native/loader/core/system_file.h.
import { crc32 } from 'node:zlib';
import { UserError } from '@runtimejs/base/errors.ts';
import { roundUp } from '../disk/sparse-disk.ts';
import type { Frame } from './frames.ts';
import type { Placement } from './memory-image.ts';

const headerUnit = 4096;
const largestHeader = 64 * 1024;
const fixedPart = 88;
/** The kernel's own limit (boot/boot_information.h), with the NUL. */
const longestCommandLine = 4096;

/** Thrown when something does not fit into a system file. */
export class SystemFileError extends UserError {}

/** What a system file is made of. */
export interface SystemParts {
  readonly placement: Placement;
  readonly image: readonly Frame[];
  readonly initrd: readonly Frame[];
  /** The kernel's command line. */
  readonly commandLine: string;
}

function sum(frames: readonly Frame[]): bigint {
  return frames.reduce((total, { rawSize }) => total + BigInt(rawSize), 0n);
}

/**
 * Makes a system file.
 * @param parts what goes into it
 * @returns the file, in pieces that follow each other
 * @throws SystemFileError when the command line or the app is too long
 */
export function systemFile(parts: SystemParts): Uint8Array[] {
  const { placement, image, initrd } = parts;
  const commandLine = Buffer.from(`${parts.commandLine}\0`, 'utf8');
  if (commandLine.length > longestCommandLine) {
    throw new SystemFileError(
      `The kernel's command line has ${commandLine.length - 1} bytes; it may have ${longestCommandLine - 1}.`,
    );
  }
  const frames = [...image, ...initrd];
  const commandLineAt = fixedPart + 8 * frames.length;
  const size = roundUp(commandLineAt + commandLine.length, headerUnit);
  if (size > largestHeader) {
    throw new SystemFileError(
      `The app is too large for an image: ${Number(sum(frames) >> 20n)} MiB with Node. Leave out assets.`,
    );
  }
  const header = Buffer.alloc(size);
  const total = frames.reduce((bytes, frame) => bytes + BigInt(frame.bytes.length), BigInt(size));
  header.write('RTJSBOOT', 'latin1');
  header.writeUInt32LE(1, 8);
  header.writeUInt32LE(size, 12);
  header.writeBigUInt64LE(total, 16);
  header.writeBigUInt64LE(BigInt(placement.linked), 24);
  header.writeBigUInt64LE(sum(image), 32);
  header.writeBigUInt64LE(sum(initrd), 40);
  header.writeUInt32LE(placement.entry, 48);
  if (placement.movable) {
    header.writeUInt32LE(placement.movable.alignment, 52);
    header.writeUInt32LE(placement.movable.lowest, 56);
    header.writeUInt32LE(placement.movable.highest, 60);
  }
  header.writeUInt32LE(image.length, 64);
  header.writeUInt32LE(initrd.length, 68);
  header.writeUInt32LE(commandLineAt, 72);
  header.writeUInt32LE(commandLine.length, 76);
  for (const [index, frame] of frames.entries()) {
    header.writeUInt32LE(frame.bytes.length, fixedPart + 8 * index);
    header.writeUInt32LE(frame.rawSize, fixedPart + 8 * index + 4);
  }
  commandLine.copy(header, commandLineAt);
  header.writeUInt32LE(crc32(header), 80);
  return [header, ...frames.map(({ bytes }) => bytes)];
}
