/** Commands of virtio graphics adapters, 2D (virtio 1.2, section 5.7.6), little endian. */
import type { Rectangle } from '@runtimejs/tty/screen/pixels.ts';

const commandType = {
  getDisplayInfo: 0x100,
  resourceCreate2d: 0x101,
  resourceUnref: 0x102,
  setScanout: 0x103,
  resourceFlush: 0x104,
  transferToHost2d: 0x105,
  resourceAttachBacking: 0x106,
} as const;
const response = { ok: 0x1100, displayInfo: 0x1101 } as const;

const headerBytes = 24;
/** Each scanout in the answer: a rectangle, whether it is enabled, flags. */
const scanoutBytes = 24;
const scanouts = 16;
/** VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM. */
const format = 2;

/** Longest command and longest answer. */
export const commandBytes = 56;
export const answerBytes: number = headerBytes + scanouts * scanoutBytes;

/** A command: words behind the header, and how many bytes answer it. */
export interface Command {
  readonly type: number;
  readonly words: readonly number[];
  readonly answerBytes: number;
}

function command(type: number, ...words: readonly number[]): Command {
  return { type, words, answerBytes: headerBytes };
}

function words({ x, y, width, height }: Rectangle): readonly number[] {
  return [x, y, width, height];
}

export const getDisplayInfo: Command = {
  ...command(commandType.getDisplayInfo),
  answerBytes,
};

export function createResource(id: number, width: number, height: number): Command {
  return command(commandType.resourceCreate2d, id, format, width, height);
}

export function dropResource(id: number): Command {
  return command(commandType.resourceUnref, id, 0);
}

/** @param address where devices see the memory, below 2^53 */
export function attachBacking(id: number, address: number, length: number): Command {
  const high = Math.floor(address / 2 ** 32);
  return command(
    commandType.resourceAttachBacking,
    ...[id, 1],
    ...[address - high * 2 ** 32, high, length, 0],
  );
}

export function setScanout(id: number, area: Rectangle): Command {
  return command(commandType.setScanout, ...words(area), 0, id);
}

/** @param pitch bytes from one line to the next */
export function transfer(id: number, area: Rectangle, pitch: number): Command {
  const offset = area.y * pitch + area.x * 4;
  return command(commandType.transferToHost2d, ...words(area), offset, 0, id, 0);
}

export function flush(id: number, area: Rectangle): Command {
  return command(commandType.resourceFlush, ...words(area), id, 0);
}

/** Writes a command. @returns its length */
export function writeCommand(into: Uint8Array, { type, words: payload }: Command): number {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  into.fill(0, 0, headerBytes);
  view.setUint32(0, type, true);
  for (const [index, word] of payload.entries()) {
    view.setUint32(headerBytes + 4 * index, word, true);
  }
  return headerBytes + 4 * payload.length;
}

/** @returns what is wrong with an answer, undefined when it says that all is well */
export function refusal(answer: Uint8Array, { answerBytes: wanted }: Command): string | undefined {
  if (answer.length < headerBytes) return `an answer of ${answer.length} bytes`;
  const type = new DataView(answer.buffer, answer.byteOffset, answer.byteLength).getUint32(0, true);
  const expected = wanted === headerBytes ? response.ok : response.displayInfo;
  if (type !== expected) return `the answer 0x${type.toString(16)}`;
  return answer.length < wanted ? `an answer of ${answer.length} bytes` : undefined;
}

/** The size of the first scanout, as its window or monitor has it; undefined when it is off. */
export function readDisplayInfo(
  answer: Uint8Array,
): { readonly width: number; readonly height: number } | undefined {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  const [width, height] = [
    view.getUint32(headerBytes + 8, true),
    view.getUint32(headerBytes + 12, true),
  ];
  const isEnabled = view.getUint32(headerBytes + 16, true) !== 0;
  return isEnabled && width > 0 && height > 0 ? { width, height } : undefined;
}
