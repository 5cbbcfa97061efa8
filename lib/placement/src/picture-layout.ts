/**
 * How the memory is divided that the isolate of a display's driver shares with the system isolate and with its device: a page
 * of the isolate's host, the cells of the screen, then what is the device's.
 */
import type { TerminalSize } from '@runtimejs/tty/device.ts';

const page = 4096;
const wordBytes = 4;
const controlWords = 64;

/** Words at the start. The last three have cache lines of their own. */
export const pictureControl = {
  columns: 0,
  rows: 1,
  /** Row times 65,536 and column; negative: hidden. */
  cursor: 2,
  reverseVideo: 3,
  /** Counts pictures. */
  written: 16,
  /** The driver: the last one that it has drawn. */
  shown: 32,
  /** The driver waits for a bell. */
  isAsleep: 48,
} as const;

/** Where a picture lies: offsets of words. */
export interface PicturePlace {
  readonly control: number;
  /** One word for each row: it was written since the driver has looked. */
  readonly changed: number;
  /** Cells, in rows of `most.columns`, whatever the size of the picture is. */
  readonly points: number;
  readonly styles: number;
  /** The largest picture. */
  readonly most: TerminalSize;
}

/** Where a picture lies in memory in which the shared memory begins at an offset, bytes. */
export function picturePlace(most: TerminalSize, start: number): PicturePlace {
  const control = (start + page) / wordBytes;
  const changed = control + controlWords;
  const points = changed + most.rows;
  return { control, changed, points, styles: points + most.columns * most.rows, most };
}

/** Where the device's memory begins. */
export function pictureReserved(most: TerminalSize): number {
  const { styles } = picturePlace(most, 0);
  const end = (styles + most.columns * most.rows) * wordBytes;
  return Math.ceil(end / page) * page;
}
