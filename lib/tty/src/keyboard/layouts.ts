/** What is printed on the keys: layouts of keyboards. */

/** The keys that layouts differ in, row by row, on a keyboard with 105 keys. */
const layoutKeys: readonly number[] = [
  ...[41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  ...[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27],
  ...[30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43],
  ...[86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53],
];

/** What a key gives: a character, or a mark that goes onto the next one. */
export interface KeySymbol {
  readonly text: string;
  /** The combining character of a dead key. */
  readonly mark?: string;
}

/** By key: plain, with shift, with AltGr, with both; undefined where nothing is. */
export type Layout = ReadonlyMap<number, readonly (KeySymbol | undefined)[]>;

/** The combining characters that dead keys stand for, by the character that is printed on them. */
const marks: Readonly<Record<string, string>> = {
  '^': '\u0302',
  '´': '\u0301',
  '`': '\u0300',
};

/** Rows as in layoutKeys; a space where a key has nothing. */
interface LayoutRows {
  readonly plain: readonly string[];
  readonly shift: readonly string[];
  readonly alternate?: readonly string[];
  readonly alternateShift?: readonly string[];
  /** Characters that are dead keys, of the plain and the shifted level. */
  readonly dead?: string;
}

function layoutOf(rows: LayoutRows): Layout {
  const levels = [rows.plain, rows.shift, rows.alternate, rows.alternateShift].map((level) =>
    level === undefined ? [] : [...level.join('')],
  );
  return new Map(
    layoutKeys.map((code, at) => [
      code,
      levels.map((level, number) => {
        const text = level[at];
        if (text === undefined || text === ' ') return undefined;
        const isDead = number < 2 && rows.dead?.includes(text) === true;
        const mark = isDead ? marks[text] : undefined;
        return mark === undefined ? { text } : { text, mark };
      }),
    ]),
  );
}

const us: LayoutRows = {
  plain: ['`1234567890-=', 'qwertyuiop[]', "asdfghjkl;'\\", '<zxcvbnm,./'],
  shift: ['~!@#$%^&*()_+', 'QWERTYUIOP{}', 'ASDFGHJKL:"|', '>ZXCVBNM<>?'],
};

const uk: LayoutRows = {
  plain: ['`1234567890-=', 'qwertyuiop[]', "asdfghjkl;'#", '\\zxcvbnm,./'],
  shift: ['¬!"£$%^&*()_+', 'QWERTYUIOP{}', 'ASDFGHJKL:@~', '|ZXCVBNM<>?'],
  alternate: ['¦   €        ', '  é   úíó   ', 'á           ', '           '],
  alternateShift: ['             ', '  É   ÚÍÓ   ', 'Á           ', '           '],
};

const de: LayoutRows = {
  plain: ['^1234567890ß´', 'qwertzuiopü+', 'asdfghjklöä#', '<yxcvbnm,.-'],
  shift: ['°!"§$%&/()=?`', 'QWERTZUIOPÜ*', "ASDFGHJKLÖÄ'", '>YXCVBNM;:_'],
  alternate: ['  ²³   {[]}\\ ', '@ €        ~', '            ', '|      µ   '],
  dead: '^´`',
};

/** By name: the country's code as in `setxkbmap`, and `uk` as another word for `gb`. */
const rowsByName = { us, gb: uk, uk, de } as const satisfies Readonly<Record<string, LayoutRows>>;

export type LayoutName = keyof typeof rowsByName;

/** The names of layouts. */
export const layoutNames = Object.keys(rowsByName) as readonly LayoutName[];

/** @returns the layout of that name, made anew */
export function createLayout(name: LayoutName): Layout {
  return layoutOf(rowsByName[name]);
}
