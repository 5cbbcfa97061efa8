import { readFileSync } from 'node:fs';

/** A position in a source file. Lines count from 1, columns from 0, as in source maps and Rollup. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A mistake in the app or in how it was given to the bundler. Its message is complete: it says what
 * is wrong, where, and what to do, so tools print it alone, without a stack trace.
 */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

/**
 * Renders the lines around a position with a caret below the column.
 *
 * @param source the whole text of the file
 * @param position where to point; the file name is not used
 * @returns the frame without a final newline, or an empty string when the line does not exist
 */
export function codeFrame(
  source: string,
  position: Pick<SourcePosition, 'line' | 'column'>,
): string {
  const lines = source.split(/\r?\n/);
  if (lines[position.line - 1] === undefined) return '';
  const first = Math.max(1, position.line - 2);
  const last = Math.min(lines.length, position.line + 1);
  const gutter = String(last).length;
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const marker = number === position.line ? '>' : ' ';
    const text = (lines[number - 1] ?? '').replaceAll('\t', ' ');
    frame.push(`${marker} ${String(number).padStart(gutter)} | ${text}`.trimEnd());
    if (number === position.line) {
      frame.push(`  ${' '.repeat(gutter)} | ${' '.repeat(position.column)}^`);
    }
  }
  return frame.join('\n');
}

/**
 * Writes `file:line:column: text` and the code frame below it.
 *
 * @param text what is wrong at that place
 * @param position where; the file is read for the frame when it can be
 * @param displayName the file's name as the user knows it
 */
export function describeAt(text: string, position: SourcePosition, displayName: string): string {
  let frame = '';
  try {
    frame = codeFrame(readFileSync(position.file, 'utf8'), position);
  } catch {
    // A virtual module has no file to quote; the position still helps.
  }
  const heading = `${displayName}:${position.line}:${position.column + 1}: ${text}`;
  return frame === '' ? heading : `${heading}\n\n${frame}`;
}

/**
 * Finds where a module names an import specifier, for errors that Rollup reports without a position.
 *
 * @param file the importing file
 * @param specifier the text between the quotes
 */
export function findSpecifier(file: string, specifier: string): SourcePosition | undefined {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  for (const quote of ["'", '"', '`']) {
    const offset = source.indexOf(quote + specifier + quote);
    if (offset === -1) continue;
    const before = source.slice(0, offset).split('\n');
    return { file, line: before.length, column: (before.at(-1) ?? '').length };
  }
  return undefined;
}
