/** The terminal model beside xterm.js, which is the judge: the same bytes must give the same screen. */
import { plainStyle, styleFlag } from '@runtimejs/tty/screen/style.ts';
import { Terminal } from '@runtimejs/tty/screen/terminal.ts';
import headless from '@xterm/headless';
import test, { type ExecutionContext } from 'ava';
import { type Random, seededRandom } from '../sim/support/random.ts';

interface Snapshot {
  readonly lines: readonly string[];
  readonly cursor: readonly [number, number];
  readonly replies: string;
  /** For each cell: the flags that both know, as text. */
  readonly styles: readonly string[];
}

async function judge(pieces: readonly Uint8Array[], columns: number, rows: number) {
  const terminal = new headless.Terminal({
    cols: columns,
    rows,
    allowProposedApi: true,
    scrollback: 0,
  });
  let replies = '';
  terminal.onData((data) => {
    replies += data;
  });
  for (const piece of pieces) await new Promise<void>((done) => terminal.write(piece, done));
  const { active } = terminal.buffer;
  const lines: string[] = [];
  const styles: string[] = [];
  for (let row = 0; row < rows; row++) {
    const line = active.getLine(active.baseY + row);
    lines.push((line?.translateToString(true) ?? '').normalize('NFC').trimEnd());
    let text = '';
    for (let column = 0; column < columns; column++) {
      const cell = line?.getCell(column);
      if (cell === undefined) continue;
      // Weight and slant of a space show nowhere, and halves of wide characters that went differ in them.
      const isBlank = cell.getChars().trim() === '';
      const [bold, italic] = isBlank ? [0, 0] : [cell.isBold(), cell.isItalic()];
      const flags = [bold, cell.isUnderline(), cell.isInverse(), italic];
      text += flags.map((flag) => (flag ? 1 : 0)).join('');
      text += cell.isFgPalette() && cell.getFgColor() < 16 ? cell.getFgColor() : 'd';
      text += cell.isBgPalette() && cell.getBgColor() < 16 ? cell.getBgColor() : 'd';
      text += ' ';
    }
    styles.push(text);
  }
  const cursor = [Math.min(active.cursorX, columns - 1), active.cursorY] as const;
  terminal.dispose();
  return { lines, cursor, replies, styles } satisfies Snapshot;
}

function ours(pieces: readonly Uint8Array[], columns: number, rows: number): Snapshot {
  let replies = '';
  const terminal = new Terminal(columns, rows, {
    reply: (bytes) => {
      replies += new TextDecoder().decode(bytes);
    },
  });
  for (const piece of pieces) terminal.write(piece);
  const { grid, cursor } = terminal;
  const lines: string[] = [];
  const styles: string[] = [];
  for (let row = 0; row < rows; row++) {
    lines.push(grid.text(row));
    let text = '';
    for (let column = 0; column < columns; column++) {
      const style = grid.styles[row * columns + column] ?? plainStyle;
      const { bold, underline, inverse, italic } = styleFlag;
      const isBlank = (grid.points[row * columns + column] ?? 0x20) === 0x20;
      const shown = isBlank ? style & ~(bold | italic) : style;
      for (const flag of [bold, underline, inverse, italic]) text += (shown & flag) === 0 ? 0 : 1;
      const [foreground, background] = [style & 31, (style >> 5) & 31];
      text += foreground === 16 ? 'd' : foreground;
      text += background === 16 ? 'd' : background;
      text += ' ';
    }
    styles.push(text);
  }
  const place = [Math.min(cursor.column, columns - 1), cursor.row] as const;
  return { lines, cursor: place, replies, styles };
}

async function agree(t: ExecutionContext, text: string, columns = 20, rows = 6): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const expected = await judge([bytes], columns, rows);
  t.deepEqual(ours([bytes], columns, rows), expected, JSON.stringify(text));
}

const cases: Readonly<Record<string, readonly string[]>> = {
  'text, wrapping and control characters': [
    'hello\r\nworld',
    'abcdefghijklmnopqrst',
    'abcdefghijklmnopqrstu',
    'abcdefghijklmnopqrst\b\bX',
    'abcdefghijklmnopqrst\rX',
    'abcdefghijklmnopqrst\nX',
    'a\tb\tc\td\te',
    '1\n2\n3\n4\n5\n6\n7\n8',
    '\x1b[?7labcdefghijklmnopqrstuvwxyz',
    'a\x0bb\x0cc',
    '日本語の文字列がここで折り返す',
    'abcdefghijklmnopqrs日',
    'e\u0301a\u0308x',
  ],
  'moving the cursor': [
    '\x1b[3;4HX\x1b[AU\x1b[BD\x1b[2CR\x1b[9DL',
    '\x1b[99;99HX\x1b[HY',
    '\x1b[5dX\x1b[7GY\x1b[2EZ\x1b[1FW',
    '\x1b[3;5H\x1b7\x1b[HA\x1b8B',
    '\x1b[3;5H\x1b[s\x1b[HA\x1b[uB',
    '\x1b[2I+\x1b[Z-\x1b[3a*\x1b[2e/',
    'abc\x1b[0Gd\x1b[`e',
  ],
  'erasing, inserting and deleting': [
    'abcdef\x1b[3D\x1b[K',
    'abcdef\x1b[3D\x1b[1K',
    'abcdef\x1b[2K!',
    'one\r\ntwo\r\nthree\x1b[2;2H\x1b[J',
    'one\r\ntwo\r\nthree\x1b[2;2H\x1b[1J',
    'one\r\ntwo\x1b[2J!',
    'abcdef\x1b[4D\x1b[2@XY',
    'abcdef\x1b[4D\x1b[2P',
    'abcdef\x1b[4D\x1b[2X',
    'a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[2L',
    'a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[M',
    '\x1b[4habc\x1b[2DXY\x1b[4l\x1b[HZ',
    'x\x1b[5b|',
    '日本語\x1b[4D\x1b[P',
    '日本語\x1b[3D\x1b[@',
    '日本語\x1b[3DX',
  ],
  'scroll regions': [
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[4;1H\n\n!',
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[2;1H\x1bM\x1bM!',
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[2S',
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[T',
    '\x1b[2;4r\x1b[?6h\x1b[1;1HA\x1b[9;1HB\x1b[?6lC',
    '\x1b[4;2rX',
    '\x1b[3;5r\x1b[H\x1b[9BX\x1b[6;1H\x1b[9AY',
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[3;1H\x1b[9L',
  ],
  'the alternate screen': [
    'main\x1b[?1049halt\x1b[?1049l!',
    'main\x1b[?47halt\x1b[?47l!',
    'main\x1b[?1047h\x1b[Halt\x1b[?1047l!',
  ],
  styles: [
    '\x1b[1mB\x1b[4mU\x1b[7mI\x1b[22mu\x1b[24mi\x1b[27mn',
    '\x1b[31;42mX\x1b[97;101mY\x1b[39mZ\x1b[49m.',
    '\x1b[38;5;9mX\x1b[48;5;4mY\x1b[m.',
    '\x1b[44m\x1b[Kblue\r\n\x1b[2Jall',
    '\x1b[1;mX\x1b[;4mY',
    '\x1b[4:3mX\x1b[4:0mY',
  ],
  reports: ['\x1b[5n\x1b[6n', 'abc\x1b[6n\x1b[?6n', '\x1b[c', '\x1b[?7$p\x1b[?25$p'],
  'what is unknown or malformed': [
    'a\x1b[99zb\x1b]777;x\x07c\x1bP1;2|data\x1b\\d',
    'a\x1b[?999hb\x1b[1;2;3;4;5;6;7;8;9mc',
    'a\x1b[12\x18b\x1b[3\x1acd',
    'a\x1b[31\x1b[1mb',
    'a\x1b[1\n2Cb',
    'a\x1b_private\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d',
    'a\x1b[<1;2Mb\x1b[=1;2yc',
  ],
  charsets: ['\x1b(0lqqk\r\nx  x\r\nmqqj\x1b(B done', '\x1b)0a\x0eqqq\x0fq'],
  resets: ['abc\x1b[31m\x1bcdef', '\x1b[2;3r\x1b[4h\x1b[!pabc\x1b[2DX', '\x1b#8\x1b[2;2HX'],
  'tab stops': ['\x1b[3g\tX', '\x1b[5G\x1bH\r\tX\r\x1b[5G\x1b[g\r\tY'],
};

for (const [name, texts] of Object.entries(cases)) {
  test(`agrees with xterm.js: ${name}`, async (t) => {
    for (const text of texts) await agree(t, text);
  });
}

test('agrees with xterm.js on terminals of one cell, one row, one column', async (t) => {
  for (const [columns, rows] of [
    [2, 1],
    [2, 2],
    [40, 1],
  ] as const) {
    for (const text of ['hello', 'a\r\nb', '\x1b[5;5HX', 'ab\x1b[2Lc', 'abc\x1b[P', 'a\tb']) {
      await agree(t, text, columns, rows);
    }
  }
});

/** Sequences of the kinds that programs send, with parameters of all sizes. */
function randomSession(random: Random): string {
  const { pick } = random;
  // xterm.js keeps a region for each screen, DEC's terminals and xterm have one: not both in a session.
  const own = random.chance(0.5) ? ['\x1b[2;4r', '\x1b[r'] : ['\x1b[?1049h', '\x1b[?1049l'];
  // Without wrapping, xterm.js leaves half a wide character at the end of a row.
  const wraps = random.chance(0.7);
  const modes = ['\x1b[4h', '\x1b[4l', '\x1b[44m', '\x1b[0m', wraps ? '\x1b[?7h' : '\x1b[?7l'];
  const wide = wraps ? '日' : 'o';
  const rare = [...own, ...modes, '\x1b7', '\x1b8'];
  let text = '';
  for (let left = 60; left > 0; left--) {
    const kind = random.integer(0, 9);
    if (kind < 4) text += pick(['a', 'bc', 'defgh', 'é', wide, ' ', 'the quick brown fox ']);
    else if (kind < 5) text += pick(['\r', '\n', '\b', '\t', '\r\n', '\x1bM', '\x1bD', '\x1bE']);
    else if (kind < 9) {
      const count = random.integer(0, 2);
      const values = Array.from({ length: count }, () => pick(['', '0', '1', '2', '3', '5', '99']));
      text += `\x1b[${values.join(';')}${pick([...'ABCDEFGHJKLMPXSdefm@`aIZ'])}`;
    } else {
      text += pick(rare);
    }
  }
  return text;
}

test('agrees with xterm.js on sessions by chance', async (t) => {
  const seed = Number(process.env.RUNTIMEJS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.log(`RUNTIMEJS_TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  for (let session = 0; session < 300; session++) {
    const text = randomSession(random);
    await agree(t, text, random.integer(5, 24), random.integer(1, 8));
  }
});
