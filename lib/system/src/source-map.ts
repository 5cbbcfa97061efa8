/**
 * Reads source maps (ECMA-426, the source map format specification): from a place in a bundle to
 * its source.
 */

/** A place in a file; lines and columns count from 1, as stack traces have them. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where one stretch of a generated line comes from; all count from 0. */
interface Segment {
  readonly column: number;
  readonly source: number;
  readonly sourceLine: number;
  readonly sourceColumn: number;
}

/** A decoded source map. */
export interface SourceMap {
  readonly sources: readonly string[];
  /** Segments of each generated line, by column. */
  readonly lines: readonly (readonly Segment[])[];
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * Decodes one field of a mapping: base 64 digits of 5 bits, least significant first, the sign in
 * the lowest bit.
 */
function decodeNumbers(field: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of field) {
    const digit = digits.indexOf(character);
    if (digit < 0) throw new SyntaxError(`Source map: '${character}' is no base 64 digit`);
    value += (digit & 31) << shift;
    if ((digit & 32) !== 0) {
      shift += 5;
    } else {
      numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}

/** Decodes the text of a source map; throws a SyntaxError when it is not one. */
export function parseSourceMap(json: string): SourceMap {
  const { version, sources, mappings } = JSON.parse(json) as Partial<Record<string, unknown>>;
  if (version !== 3 || !Array.isArray(sources) || typeof mappings !== 'string') {
    throw new SyntaxError('Source map: not a version 3 source map');
  }
  let source = 0;
  let sourceLine = 0;
  let sourceColumn = 0;
  const lines = mappings.split(';').map((line) => {
    let column = 0;
    const segments: Segment[] = [];
    for (const field of line.split(',')) {
      const [columnStep = 0, sourceStep, lineStep = 0, columnInSourceStep = 0] =
        decodeNumbers(field);
      column += columnStep;
      if (sourceStep === undefined) continue; // generated code without a source
      source += sourceStep;
      sourceLine += lineStep;
      sourceColumn += columnInSourceStep;
      segments.push({ column, source, sourceLine, sourceColumn });
    }
    return segments;
  });
  return { sources: sources.map(String), lines };
}

/**
 * Finds the source of a place in the generated file.
 * @returns undefined when the map does not say
 */
export function originalPlace(map: SourceMap, line: number, column: number): Place | undefined {
  const segment = map.lines[line - 1]?.findLast((each) => each.column <= column - 1);
  const file = segment === undefined ? undefined : map.sources[segment.source];
  if (segment === undefined || file === undefined) return undefined;
  return { file, line: segment.sourceLine + 1, column: segment.sourceColumn + 1 };
}

/** Characters that are made text of at once. */
const pieceLength = 8192;

/**
 * Decodes base 64 (RFC 4648 section 4) that holds UTF-8; a bare isolate has neither atob() nor
 * TextDecoder. In pieces: a text that grows by single characters takes many times its size.
 */
function decodeBase64Text(encoded: string): string {
  const bytes = Uint8Array.fromBase64(encoded);
  let text = '';
  for (let at = 0; at < bytes.length; at += pieceLength) {
    text += String.fromCharCode(...bytes.subarray(at, at + pieceLength));
  }
  if (!/[\x80-\xff]/.test(text)) return text;
  const escaped = text.replace(
    /[%\x80-\xff]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return decodeURIComponent(escaped);
}

/** The text of a `data:` URL (RFC 2397); undefined when it is some other URL. */
export function dataUrlText(url: string): string | undefined {
  const match = /^data:[^,]*?(;base64)?,(.*)$/s.exec(url);
  const [, base64, data] = match ?? [];
  if (data === undefined) return undefined;
  return base64 === undefined ? decodeURIComponent(data) : decodeBase64Text(data);
}

const sourceMapComment = '//# sourceMappingURL=';

/** The URL of the source map that a script names in its last line, undefined when it names none. */
export function sourceMapOf(script: string): string | undefined {
  const text = script.trimEnd();
  const line = text.slice(text.lastIndexOf('\n') + 1);
  return line.startsWith(sourceMapComment) ? line.slice(sourceMapComment.length) : undefined;
}
