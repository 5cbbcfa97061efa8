/** Where a terminal's cells are shown: a text screen, or pixels. */
import type { TerminalSize } from '../device.ts';
import type { Grid } from './grid.ts';

/** What is to be seen. */
export interface View {
  readonly grid: Grid;
  /** The cell with the cursor; undefined when it is hidden. */
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
  /** Colours are swapped everywhere. */
  readonly reverseVideo: boolean;
}

/** A display, as drivers make it. */
export interface Display {
  /** For the log: what and where it is. */
  readonly name: string;
  /** It is VGA's text screen. */
  readonly isTextScreen: boolean;
  /** It is an adapter that showed VGA's text screen before: that one is not visible any more. */
  readonly replacesTextScreen: boolean;
  /** How many cells it has. */
  readonly size: TerminalSize;
  readonly counters: Readonly<Record<string, number>>;
  /** It has not shown all that it was told to draw, because that takes time. Left out: it never is. */
  readonly isBehind?: boolean;
  /** Names who hears that `size` has changed, or that everything has to be drawn again; once. */
  onChange(changed: () => void): void;
  /** Shows the rows that changed (grid.changed), and the cursor. Leaves grid.changed as it is. */
  draw(view: View): void;
  /** Takes the display out of service. */
  stop(): void;
}
