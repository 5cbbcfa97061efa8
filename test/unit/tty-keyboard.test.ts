/** Keyboards without hardware: scan codes, layouts, modifiers, dead keys, and a screen's repeating. */
import { key } from '@runtimejs/tty/keyboard/keys.ts';
import { createLayout, type LayoutName } from '@runtimejs/tty/keyboard/layouts.ts';
import { ScancodeDecoder, type ScanResult } from '@runtimejs/tty/keyboard/scancodes.ts';
import { Typist } from '@runtimejs/tty/keyboard/typist.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

const modes = { applicationCursorKeys: false };

/** Presses keys while others are held, `[held, ...], code`, and gives all that was typed. */
function typing(layout: LayoutName) {
  const typist = new Typist(createLayout(layout));
  const press = (code: number, held: readonly number[] = []): string => {
    for (const each of held) typist.take({ code: each, isDown: true }, modes);
    const { text } = typist.take({ code, isDown: true }, modes);
    typist.take({ code, isDown: false }, modes);
    for (const each of held) typist.take({ code: each, isDown: false }, modes);
    return text;
  };
  return { typist, press };
}

/** The keys of a US keyboard by what is printed on them. */
const printed = new Map(
  [
    ['`1234567890-=', [41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
    ['qwertyuiop[]', [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]],
    ["asdfghjkl;'\\", [30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43]],
    ['zxcvbnm,./', [44, 45, 46, 47, 48, 49, 50, 51, 52, 53]],
  ].flatMap(([text, codes]) =>
    [...(text as string)].map(
      (character, at) => [character, (codes as number[])[at] ?? 0] as const,
    ),
  ),
);
const at = (character: string): number => printed.get(character) ?? 0;
const allKeys = [...printed.values()];
const shift = [key.leftShift];
const altGr = [key.rightAlt];

test('types what is printed on the keys: US', (t) => {
  const { press } = typing('us');
  t.is(allKeys.map((code) => press(code)).join(''), [...printed.keys()].join(''));
  t.is(
    allKeys.map((code) => press(code, shift)).join(''),
    '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"|ZXCVBNM<>?',
  );
  t.is(press(at('a'), altGr), 'a', 'the right Alt of a US keyboard is no AltGr');
});

test('types what is printed on the keys: UK', (t) => {
  const { press } = typing('uk');
  t.is(
    allKeys.map((code) => press(code, shift)).join(''),
    '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~ZXCVBNM<>?',
  );
  t.is(press(86) + press(86, shift) + press(at('\\')), '\\|#');
  t.is(press(at('4'), altGr) + press(at('`'), altGr), '€¦');
  t.is(press(at('e'), altGr) + press(at('e'), [...altGr, ...shift]), 'éÉ');
  t.deepEqual(createLayout('uk'), createLayout('gb'), 'by both names');
});

test('types what is printed on the keys: DE, with dead keys', (t) => {
  const { press } = typing('de');
  t.is(press(at('y')) + press(at('z')) + press(at('['), shift) + press(at(';')), 'zyÜö');
  t.is(press(86) + press(86, shift) + press(86, altGr), '<>|');
  t.is(
    ['q', '7', '8', '9', '0', '-', ']'].map((each) => press(at(each), altGr)).join(''),
    '@{[]}\\~',
  );
  t.is(press(at('m'), altGr) + press(at('2'), altGr), 'µ²');
  const acute = at('=');
  const circumflex = at('`');
  t.is(press(acute) + press(at('e')), 'é');
  t.is(press(acute, shift) + press(at('a'), shift), 'À');
  t.is(press(circumflex) + press(at('o')), 'ô');
  t.is(press(circumflex) + press(key.space), '^');
  t.is(press(circumflex) + press(circumflex), '^');
  t.is(press(acute) + press(at('x')), '´x', 'what has no accent keeps both');
  t.is(press(circumflex, shift), '°');
});

test('control, alt, caps lock and num lock', (t) => {
  const { press, typist } = typing('us');
  const control = [key.leftControl];
  const alt = [key.leftAlt];
  t.is(press(at('c'), control) + press(at('d'), control) + press(at('['), control), '\x03\x04\x1b');
  t.is(
    press(at('\\'), control) + press(key.space, control) + press(at('/'), control),
    '\x1c\0\x1f',
  );
  t.is(press(at('c'), [key.rightControl, key.leftShift]), '\x03');
  t.is(
    press(at('b'), alt) + press(key.enter, alt) + press(key.backspace, alt),
    '\x1bb\x1b\r\x1b\x7f',
  );
  t.is(press(at('x'), [...control, ...alt]), '\x1b\x18');
  t.is(press(key.backspace) + press(key.backspace, control), '\x7f\b');
  press(key.capsLock);
  t.is(press(at('a')) + press(at('1')) + press(at('a'), shift), 'A1a');
  t.deepEqual(typist.lights, { capsLock: true, numLock: true });
  press(key.capsLock);
  t.is(press(key.keypad7) + press(key.keypad0) + press(key.keypadPeriod), '70.');
  press(key.numLock);
  t.is(press(key.keypad7) + press(key.keypad0) + press(key.keypadPlus), '\x1b[H\x1b[2~+');
  t.is(press(76), '5', 'the middle of the keypad stays a digit');
  t.is(typing('de').press(key.capsLock), '');
});

test('sends the sequences of xterm', (t) => {
  const { press, typist } = typing('us');
  t.is(
    [key.up, key.down, key.right, key.left].map((code) => press(code)).join(''),
    '\x1b[A\x1b[B\x1b[C\x1b[D',
  );
  t.is(press(key.home) + press(key.end) + press(key.pageUp), '\x1b[H\x1b[F\x1b[5~');
  t.is(press(key.left, [key.leftControl]) + press(key.right, shift), '\x1b[1;5D\x1b[1;2C');
  t.is(press(key.delete, [key.leftControl, key.leftShift]), '\x1b[3;6~');
  t.is(press(key.f1) + press(63) + press(key.f12), '\x1bOP\x1b[15~\x1b[24~');
  t.is(press(key.f1, shift) + press(key.tab, shift), '\x1b[1;2P\x1b[Z');
  const { text } = typist.take({ code: key.up, isDown: true }, { applicationCursorKeys: true });
  t.is(text, '\x1bOA');
});

test('Ctrl and Pause are a break', (t) => {
  const typist = new Typist(createLayout('us'));
  t.false(typist.take({ code: key.pause, isDown: true }, modes).isBreak);
  typist.take({ code: key.leftControl, isDown: true }, modes);
  t.true(typist.take({ code: key.pause, isDown: true }, modes).isBreak);
});

function decode(set: 1 | 2, bytes: readonly number[]): readonly ScanResult[] {
  const decoder = new ScancodeDecoder(set);
  return bytes.map((byte) => decoder.take(byte)).filter((result) => result !== undefined);
}

test('decodes scan codes of both sets', (t) => {
  const down = (code: number) => ({ code, isDown: true });
  const up = (code: number) => ({ code, isDown: false });
  t.deepEqual(decode(1, [0x1e, 0x9e]), [down(30), up(30)]);
  t.deepEqual(decode(2, [0x1c, 0xf0, 0x1c]), [down(30), up(30)]);
  t.deepEqual(decode(1, [0xe0, 0x48, 0xe0, 0xc8]), [down(key.up), up(key.up)]);
  t.deepEqual(decode(2, [0xe0, 0x75, 0xe0, 0xf0, 0x75]), [down(key.up), up(key.up)]);
  t.deepEqual(decode(1, [0xe0, 0x2a, 0xe0, 0x52, 0xe0, 0xd2, 0xe0, 0xaa]), [
    down(key.insert),
    up(key.insert),
  ]);
  t.deepEqual(decode(1, [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]), [down(key.pause)]);
  t.deepEqual(decode(2, [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77]), [down(key.pause)]);
  t.deepEqual(decode(2, [0x83, 0x78, 0x61, 0x5a, 0x7c]), [
    down(65),
    down(87),
    down(86),
    down(28),
    down(55),
  ]);
  t.deepEqual(decode(1, [0xff, 0x00, 0x7e, 0xe0, 0x01]), [
    'overrun',
    'overrun',
    'unknown',
    'unknown',
  ]);
});

test('noise on the keyboard types something or nothing, and ends no held key for ever', (t) => {
  const seed = Number(process.env.RUNTIMEJS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.log(`RUNTIMEJS_TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  for (const set of [1, 2] as const) {
    const decoder = new ScancodeDecoder(set);
    const typist = new Typist(createLayout('de'));
    for (let round = 0; round < 20_000; round++) {
      const result = decoder.take(random.integer(0, 255));
      if (result === undefined || typeof result === 'string') continue;
      t.true(result.code > 0 && result.code < 128);
      const { text } = typist.take(result, modes);
      t.true(text.length <= 12);
    }
    typist.releaseAll();
    t.is(
      typist
        .take({ code: at('a'), isDown: true }, modes)
        .text.toLowerCase()
        .slice(-1),
      'a',
    );
  }
});
