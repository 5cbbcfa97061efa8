/** The characters that a PC's text screen has in its own font: code page 437. */

const graphics = ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const upper =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/** Characters that look enough like one that is there. */
const substitutes: Readonly<Record<string, string>> = {
  '⎺': '─',
  '⎻': '─',
  '⎼': '─',
  '⎽': '─',
  '…': '.',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '−': '-',
  μ: 'µ',
  Ω: 'Ω',
  β: 'ß',
  '╭': '┌',
  '╮': '┐',
  '╯': '┘',
  '╰': '└',
  '━': '═',
  '┃': '║',
  '◆': '♦',
  '✓': '√',
  '✔': '√',
  '›': '>',
  '‹': '<',
  '€': 'E',
};

function createTable(): ReadonlyMap<number, number> {
  const table = new Map<number, number>();
  for (const [index, character] of [...upper].entries()) {
    table.set(character.codePointAt(0) as number, 0x80 + index);
  }
  for (const [index, character] of [...graphics].entries()) {
    if (index > 0) table.set(character.codePointAt(0) as number, index);
  }
  table.set(0x2302, 0x7f);
  for (const [character, like] of Object.entries(substitutes)) {
    const point = like.codePointAt(0) as number;
    const code = table.get(point) ?? point;
    table.set(character.codePointAt(0) as number, code);
  }
  return table;
}

/** Made for the first character that is not ASCII: few screens show one. */
let table: ReadonlyMap<number, number> | undefined;
/** ■, for what the font does not have. */
const unknown = 0xfe;

/** The code of a character; a square when there is none. Letters with marks lose them first. */
export function codeOf(point: number): number {
  if (point >= 0x20 && point <= 0x7e) return point;
  table ??= createTable();
  const known = table.get(point);
  if (known !== undefined) return known;
  const base = String.fromCodePoint(point).normalize('NFD').codePointAt(0) as number;
  return base !== point && base >= 0x20 && base <= 0x7e ? base : unknown;
}
