// The state of a frozen process, as the kernel has written it into its machine's memory. The format is that of
// native/kernel/warm/frozen_state.h, of which this knows the head and the table of pages.
import { ToolError } from '../command.ts';

const magic = 'RJSWARM1';
/** Offsets in the header: size of all, then place and count of the pages. */
const sizeOffset = 8;
const pagesOffset = 16;
const countOffset = 24;
const headBytes = 32;
/** An address, and the place of the content. */
const entryBytes = 16;
/** Bytes in a page. */
export const pageBytes = 4096;

/** Where the kernel says that the state is. */
export interface StatePlace {
  /** Physical address. */
  readonly address: number;
  readonly bytes: number;
}

/** Reads a piece of the machine's memory. */
export type ReadMemory = (address: number, bytes: number) => Buffer;

/** What an image carries. */
export interface FrozenState {
  /** For the kernel. */
  readonly state: Buffer;
  /** The content of the pages that hold something, one after the other. */
  readonly pages: Buffer;
}

/**
 * Finds the state's place in what the kernel says at its end.
 * @param reason such as "frozen at 4096, 8192 bytes"
 * @returns undefined when it says something else
 */
export function parsePlace(reason: string | undefined): StatePlace | undefined {
  const [, address, bytes] = /^frozen at (\d+), (\d+) bytes$/.exec(reason ?? '') ?? [];
  if (address === undefined || bytes === undefined) return undefined;
  return { address: Number(address), bytes: Number(bytes) };
}

/**
 * Takes a state and its pages out of a machine's memory. Pages of zeroes are left out: the kernel gives a process
 * those by itself.
 * @throws ToolError when there is none
 */
export function collectState(place: StatePlace, read: ReadMemory): FrozenState {
  const state = read(place.address, place.bytes);
  const isState = state.length > headBytes && state.toString('latin1', 0, magic.length) === magic;
  if (!isState || Number(state.readBigUInt64LE(sizeOffset)) !== place.bytes) {
    throw new ToolError(
      'The machine that was frozen holds no state of this version. Run `npm run build`.',
    );
  }
  const table = Number(state.readBigUInt64LE(pagesOffset));
  const count = Number(state.readBigUInt64LE(countOffset));
  const kept: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const entry = table + index * entryBytes;
    const page = read(Number(state.readBigUInt64LE(entry + 8)), pageBytes);
    if (isEmpty(page)) continue;
    const to = table + kept.length * entryBytes;
    state.writeBigUInt64LE(state.readBigUInt64LE(entry), to);
    state.writeBigUInt64LE(BigInt(kept.length), to + 8);
    kept.push(page);
  }
  state.writeBigUInt64LE(BigInt(kept.length), countOffset);
  return { state, pages: Buffer.concat(kept) };
}

const zeroes = Buffer.alloc(pageBytes);

function isEmpty(page: Buffer): boolean {
  return page.equals(zeroes);
}
