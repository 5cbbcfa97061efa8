/** The terminal model by itself: colours, damage, sizes, noise, and what xterm.js does otherwise. */
import { Parser } from '@runtimejs/tty/screen/parser.ts';
import {
  backgroundOf,
  foregroundOf,
  indexedColour,
  nearestColour,
  palette,
} from '@runtimejs/tty/screen/style.ts';
import { Terminal } from '@runtimejs/tty/screen/terminal.ts';
import { encodeUtf8, Utf8Decoder } from '@runtimejs/tty/screen/utf8.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

function open(columns: number, rows: number) {
  const replies: string[] = [];
  const titles: string[] = [];
  const terminal = new Terminal(columns, rows, {
    reply: (bytes) => replies.push(new TextDecoder().decode(bytes)),
    title: (text) => titles.push(text),
  });
  const write = (text: string) => terminal.write(new TextEncoder().encode(text));
  const lines = () => Array.from({ length: terminal.rows }, (_, row) => terminal.grid.text(row));
  return { terminal, write, lines, replies, titles };
}

test('brings 256 colours and 24 bits down to 16', (t) => {
  for (const [index, [red, green, blue]] of palette.entries()) {
    t.is(nearestColour(red, green, blue), index);
  }
  t.is(indexedColour(9), 9);
  t.is(indexedColour(196), 1, 'the red corner of the cube');
  t.is(indexedColour(21), 4, 'its blue corner');
  t.is(indexedColour(16), 0);
  t.is(indexedColour(231), 15);
  t.is(indexedColour(232), 0);
  t.is(indexedColour(255), 15);
  const { terminal, write } = open(10, 1);
  const colours = (column: number) => {
    const style = terminal.grid.styles[column] ?? 0;
    return [foregroundOf(style), backgroundOf(style)];
  };
  write('\x1b[38;2;0;0;0;48;2;255;255;255ma\x1b[38:2::85:255:85mb\x1b[38:5:12mc\x1b[48;5;300md');
  t.deepEqual(colours(0), [0, 15]);
  t.deepEqual(colours(1), [10, 15]);
  t.deepEqual(colours(2), [12, 15]);
  t.deepEqual(colours(3), [12, 15], 'there is no colour 300');
});

test('reports the place within the region in origin mode, as DEC has it', (t) => {
  const { write, replies } = open(20, 6);
  write('\x1b[2;4r\x1b[?6h\x1b[1;1HA\x1b[9;1HB\x1b[6n');
  t.deepEqual(replies, ['\x1b[3;2R']);
});

test('answers how large it is, and takes a title', (t) => {
  const { write, replies, titles } = open(33, 11);
  write('\x1b[18t\x1b]0;a title\x07\x1b]2;another\x1b\\');
  t.deepEqual(replies, ['\x1b[8;11;33t']);
  t.deepEqual(titles, ['a title', 'another']);
});

test('keeps a terminal of one cell through everything', (t) => {
  const { terminal, write, lines } = open(1, 1);
  write(
    'hello\r\n日本\x1b[2J\x1b[5;5Hx\x1b[L\x1b[M\x1b[P\x1b[@\x1b[2;1r\x1bM\x1b[?1049hy\tz\x1b[9b',
  );
  t.deepEqual(lines(), ['z']);
  t.is(terminal.cursor.row, 0);
  write('\x1b[?1049l\x1b#8');
  t.deepEqual(lines(), ['E']);
});

test('keeps the rows around the cursor when its size changes', (t) => {
  const { terminal, write, lines } = open(5, 4);
  write('1\r\n2\r\n3\r\n4');
  terminal.resize(3, 2);
  t.deepEqual(lines(), ['3', '4']);
  t.deepEqual([terminal.cursor.column, terminal.cursor.row], [1, 1]);
  terminal.resize(6, 3);
  write('567890');
  t.deepEqual(lines(), ['3', '456789', '0']);
  terminal.resize(0, Number.NaN);
  t.deepEqual([terminal.columns, terminal.rows], [1, 1]);
});

test('marks the rows that changed, and no others', (t) => {
  const { terminal, write } = open(10, 4);
  const changed = () => {
    const rows = [...terminal.grid.changed.entries()].filter(([, flag]) => flag === 1);
    terminal.grid.changed.fill(0);
    return rows.map(([row]) => row);
  };
  t.deepEqual(changed(), [0, 1, 2, 3]);
  write('\x1b[2;1Hx');
  t.deepEqual(changed(), [1]);
  write('\x1b[3;4r\x1b[4;1H\n');
  t.deepEqual(changed(), [2, 3]);
  write('\x1b[5n\x1b[H\x1b[31m');
  t.deepEqual(changed(), []);
});

test('decodes UTF-8 as the WHATWG has it, in any pieces', (t) => {
  const random = seededRandom(7);
  for (let round = 0; round < 200; round++) {
    const bytes = Uint8Array.from({ length: 40 }, () =>
      random.pick([
        0x41, 0x7f, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xa0, 0xe2, 0x82, 0xac, 0xf0, 0xf4, 0x90,
      ]),
    );
    const decoder = new Utf8Decoder();
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const end = at + random.integer(1, 5);
      decoder.decode(bytes.subarray(at, end), (point) => {
        text += String.fromCodePoint(point);
      });
      at = end;
    }
    const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
    t.is(text, expected, Buffer.from(bytes).toString('hex'));
  }
  t.deepEqual([...encodeUtf8('aé€😀\ud800')], [...new TextEncoder().encode('aé€😀\ud800')]);
});

test('noise changes no more than cells, and control sequences stay bounded', (t) => {
  const seed = Number(process.env.RUNTIMEJS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.log(`RUNTIMEJS_TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  const { terminal, write, lines } = open(40, 12);
  const noise = new Uint8Array(4096);
  for (let round = 0; round < 100; round++) {
    random.fill(noise);
    // Noise has few sequences of its own.
    for (let at = 0; at + 1 < noise.length; at += 16) noise.set([0x1b, 0x5b], at);
    terminal.write(noise);
    const { cursor } = terminal;
    t.true(cursor.row >= 0 && cursor.row < 12 && cursor.column >= 0 && cursor.column <= 40);
    t.true(terminal.top >= 0 && terminal.top <= terminal.bottom && terminal.bottom < 12);
  }
  write(
    `\x1bc\x1b[${'9'.repeat(100_000)}C${'1;'.repeat(100_000)}mX\x1b]2;${'t'.repeat(100_000)}\x07`,
  );
  write('\x1b[H\x1b[2J\x1b[65535b\x1b[65535S\x1b[65535L\x1b[65535@\x1b[65535Pend');
  t.is(lines()[0], 'end');
  t.true(terminal.counters.unknown > 0);
});

test('the parser keeps what a sequence may hold', (t) => {
  const found: unknown[] = [];
  const parser = new Parser({
    print: (point) => found.push(String.fromCodePoint(point)),
    control: (code) => found.push(code),
    sequence: (marks, { values, joined }, final) => found.push([marks, values, joined, final]),
    escape: (marks, final) => found.push(`ESC ${marks}${final}`),
    command: (text) => found.push(`OSC ${text}`),
  });
  const feed = (text: string) => {
    found.length = 0;
    for (const character of text) parser.take(character.codePointAt(0) ?? 0);
    return found;
  };
  t.deepEqual(feed('\x1b[;5;m'), [['', [0, 5, 0], [false, false, false], 'm']]);
  t.deepEqual(feed('\x1b[?25h\x1b[!p'), [
    ['?', [25], [false], 'h'],
    ['!', [], [], 'p'],
  ]);
  t.deepEqual(feed('\x1b[38:5::9m'), [['', [38, 5, 0, 9], [false, true, true, true], 'm']]);
  t.deepEqual(feed('\x1b[1?2ha'), ['a'], 'a mark among the parameters');
  t.deepEqual(feed('\u009b5n\u009d0;x\u009cb'), [['', [5], [false], 'n'], 'OSC 0;x', 'b']);
  t.deepEqual(feed('\x1b[1é2'), ['2'], 'a character of another alphabet ends it');
  t.is((feed(`\x1b[${'1;'.repeat(50)}m`)[0] as [string, number[]])[1].length, 33);
});
