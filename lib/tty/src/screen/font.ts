/** Bitmap fonts in the format of Linux's console, PSF 1 and 2 (kbd, "psf.h"), with their Unicode tables. */

/** A font; all glyphs have one size. */
export interface Font {
  readonly width: number;
  readonly height: number;
  /** Bytes of a row of a glyph; the highest bit is the leftmost pixel. */
  readonly rowBytes: number;
  /** Where a character's glyph begins in `bytes`; that of a replacement when there is none. */
  glyphOf(point: number): number;
  readonly bytes: Uint8Array;
}

const psf1 = {
  magic: 0x0436,
  headerBytes: 4,
  has512: 1,
  hasTable: 6,
  separator: 0xffff,
  sequence: 0xfffe,
};
const psf2 = { magic: 0x864ab572, headerBytes: 32, hasTable: 1, separator: 0xff, sequence: 0xfe };
const largestSide = 64;
const mostGlyphs = 65536;
/** What is drawn for a character that the font lacks: the first of these that it has. */
const replacements: readonly number[] = [0xfffd, 0x25a0, 0x3f];

interface Header {
  readonly start: number;
  readonly count: number;
  readonly glyphBytes: number;
  readonly width: number;
  readonly height: number;
  readonly version: 1 | 2;
  readonly hasTable: boolean;
}

/**
 * Reads a font.
 * @returns why it is none, in words, when it is none
 */
export function parseFont(file: Uint8Array): Font | string {
  const header = readHeader(file);
  if (typeof header === 'string') return header;
  const { start, count, glyphBytes, width, height } = header;
  if (count < 1 || count > mostGlyphs) return `a font of ${count} characters`;
  if (width < 1 || width > largestSide || height < 1 || height > largestSide) {
    return `a font of ${width} by ${height} pixels`;
  }
  const rowBytes = (width + 7) >> 3;
  if (glyphBytes !== rowBytes * height) return 'a font whose sizes do not fit';
  const end = start + count * glyphBytes;
  if (end > file.length) return 'a font that is cut off';
  const glyphs = readTable(header, file.subarray(end));
  const replacement = replacements
    .map((point) => glyphs.get(point))
    .find((glyph) => glyph !== undefined);
  return {
    width,
    height,
    rowBytes,
    bytes: file.subarray(start, end),
    glyphOf: (point) =>
      (glyphs.get(point) ?? baseGlyph(glyphs, point) ?? replacement ?? 0) * glyphBytes,
  };
}

function readHeader(file: Uint8Array): Header | string {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length >= psf1.headerBytes && view.getUint16(0, true) === psf1.magic) {
    const mode = view.getUint8(2);
    return {
      start: psf1.headerBytes,
      count: (mode & psf1.has512) === 0 ? 256 : 512,
      glyphBytes: view.getUint8(3),
      width: 8,
      height: view.getUint8(3),
      version: 1,
      hasTable: (mode & psf1.hasTable) !== 0,
    };
  }
  if (file.length < psf2.headerBytes || view.getUint32(0, true) !== psf2.magic) {
    return 'no font in the format of Linux’s console';
  }
  const word = (index: number): number => view.getUint32(4 * index, true);
  return {
    start: word(2),
    count: word(4),
    glyphBytes: word(5),
    height: word(6),
    width: word(7),
    version: 2,
    hasTable: (word(3) & psf2.hasTable) !== 0,
  };
}

/** Which glyph a character has; without a table, the position is the character. */
function readTable(header: Header, bytes: Uint8Array): ReadonlyMap<number, number> {
  const glyphs = new Map<number, number>();
  if (!header.hasTable) {
    for (let glyph = 0; glyph < header.count; glyph++) glyphs.set(glyph, glyph);
    return glyphs;
  }
  let glyph = 0;
  // Sequences of several characters with one glyph are left out.
  let isSequence = false;
  const take = (point: number | 'separator' | 'sequence'): void => {
    if (point === 'separator') {
      glyph += 1;
      isSequence = false;
    } else if (point === 'sequence') isSequence = true;
    else if (!isSequence && glyph < header.count && !glyphs.has(point)) glyphs.set(point, glyph);
  };
  if (header.version === 1) readTable1(bytes, take);
  else readTable2(bytes, take);
  return glyphs;
}

type TakeEntry = (point: number | 'separator' | 'sequence') => void;

function readTable1(bytes: Uint8Array, take: TakeEntry): void {
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const point = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (point === psf1.separator) take('separator');
    else take(point === psf1.sequence ? 'sequence' : point);
  }
}

/** UTF-8, in which 0xff and 0xfe do not occur. The font is ours: damage shows as wrong glyphs, no more. */
function readTable2(bytes: Uint8Array, take: TakeEntry): void {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    if (first >= psf2.sequence) {
      take(first === psf2.separator ? 'separator' : 'sequence');
      at += 1;
      continue;
    }
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let point = length === 1 ? first : first & (0xff >> (length + 1));
    for (let next = 1; next < length; next++)
      point = (point << 6) | ((bytes[at + next] ?? 0) & 0x3f);
    take(point);
    at += length;
  }
}

/** The glyph of a letter without its marks. */
function baseGlyph(glyphs: ReadonlyMap<number, number>, point: number): number | undefined {
  const base = String.fromCodePoint(point).normalize('NFD').codePointAt(0) as number;
  return base === point ? undefined : glyphs.get(base);
}
