/** Which of the palette's colours a cell is shown in. */
import { backgroundOf, defaultColour, foregroundOf, styleFlag } from './style.ts';

/** What a screen has where nobody chose a colour: light grey on black. */
const defaultForeground = 7;
const defaultBackground = 0;
const bright = 8;
const darkGrey = 8;

/**
 * The colours of a style, as `foreground << 4 | background`, each 0 to 15. Bold is bright, faint is dark, and what
 * a text screen cannot draw (underline, italic) has a colour of its own, as on Linux's console.
 * @param swaps reverse video of the whole screen
 */
export function coloursOf(style: number, swaps: boolean, canUnderline: boolean): number {
  let foreground = foregroundOf(style);
  let background = backgroundOf(style);
  const isDefault = foreground === defaultColour;
  if (isDefault) foreground = defaultForeground;
  if (background === defaultColour) background = defaultBackground;
  if (!canUnderline && isDefault) {
    if ((style & styleFlag.underline) !== 0) foreground = 6;
    else if ((style & styleFlag.italic) !== 0) foreground = 2;
  }
  if ((style & styleFlag.faint) !== 0)
    foreground = foreground < bright ? darkGrey : foreground - bright;
  if ((style & styleFlag.bold) !== 0 && foreground < bright) foreground += bright;
  if ((style & styleFlag.invisible) !== 0) foreground = background;
  const isSwapped = ((style & styleFlag.inverse) !== 0) !== swaps;
  return isSwapped ? (background << 4) | foreground : (foreground << 4) | background;
}
