/**
 * How the memory is divided that the isolate of a driver of terminals shares with the system isolate and with its
 * device: a page of the isolate's host, then for each terminal two rings and a record, then what is the device's.
 */
import { controlBytes, type RingPlace } from './ring.ts';

const page = 4096;
const ringSize = 4 * page;
/** The rings' control blocks and the record. */
const noteBytes = page;
const stride = 2 * ringSize + noteBytes;

/** Where what belongs to a terminal lies. */
export interface TerminalPlace {
  /** What is to be shown. */
  readonly output: RingPlace;
  /** What was typed. */
  readonly input: RingPlace;
  /** For the driver: what it notes there about its device outlives it. Bytes `recordBytes`. */
  readonly record: number;
}

/** Bytes of a driver's record. */
export const recordBytes: number = noteBytes - 2 * controlBytes;

/** Where a terminal's memory lies. @param index of the terminal, from 0 on */
export function terminalPlace(index: number): TerminalPlace {
  const start = page + index * stride;
  const notes = start + 2 * ringSize;
  return {
    output: { control: notes, offset: start, size: ringSize },
    input: { control: notes + controlBytes, offset: start + ringSize, size: ringSize },
    record: notes + 2 * controlBytes,
  };
}

/** Where the device's memory begins. @param count of terminals */
export function terminalReserved(count: number): number {
  return page + count * stride;
}
