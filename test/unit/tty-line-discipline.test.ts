// The line discipline beside Linux's own: what is typed, what programs read and what is shown were recorded from a
// pseudo-terminal of Linux 6.18 (test/unit/tty/record.py).
import { readFileSync } from 'node:fs';
import {
  type KeySignal,
  keySignal,
  LineDiscipline,
  type LineDisciplineHost,
} from '@runtimejs/tty/line-discipline.ts';
import {
  defaultSettings,
  inputFlag,
  localFlag,
  type TerminalSettings,
} from '@runtimejs/tty/settings.ts';
import test from 'ava';

interface Session {
  readonly name: string;
  readonly prompt: string;
  readonly typed: string;
  readonly inputFlags: number;
  readonly outputFlags: number;
  readonly localFlags: number;
  readonly reads: readonly string[];
  readonly shown: string;
}

const sessions = JSON.parse(
  readFileSync(new URL('tty/linux-sessions.json', import.meta.url), 'utf8'),
) as readonly Session[];

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A kernel with an app that reads at once, and a terminal. */
class Host implements LineDisciplineHost {
  readonly reads: string[] = [];
  readonly signals: [KeySignal, boolean][] = [];
  shown: string;
  isHeld = false;
  free = Number.POSITIVE_INFINITY;
  #isInLine = false;

  constructor(prompt = '') {
    this.shown = prompt;
  }

  room(): number {
    return this.free;
  }

  deliver(bytes: Uint8Array, isLine: boolean): void {
    this.free -= bytes.length;
    if (isLine || !this.#isInLine || this.reads.length === 0) this.reads.push(textOf(bytes));
    else this.reads.push(`${this.reads.pop()}${textOf(bytes)}`);
    this.#isInLine = !isLine;
  }

  echo(bytes: Uint8Array): void {
    this.shown += textOf(bytes);
  }

  column(): number {
    return this.shown.length - this.shown.lastIndexOf('\n') - 1;
  }

  signal(signal: KeySignal, flush: boolean): void {
    this.signals.push([signal, flush]);
  }

  holdOutput(isHeld: boolean): void {
    this.isHeld = isHeld;
  }
}

const withFlags = (
  change: Partial<Omit<TerminalSettings, 'controlCharacters'>>,
): TerminalSettings => ({ ...defaultSettings(), ...change });

for (const session of sessions) {
  test(`as on Linux: ${session.name}`, (t) => {
    const host = new Host(session.prompt);
    const discipline = new LineDiscipline(host, withFlags(session));
    const bytes = bytesOf(session.typed);
    t.is(discipline.receive(bytes), bytes.length);
    t.deepEqual(host.reads, session.reads);
    t.is(host.shown, session.shown);
  });

  test(`key by key it is the same: ${session.name}`, (t) => {
    const host = new Host(session.prompt);
    const discipline = new LineDiscipline(host, withFlags(session));
    for (const byte of bytesOf(session.typed)) discipline.receive(Uint8Array.of(byte));
    t.is(host.reads.join('|'), session.reads.join('|'));
  });
}

test('keys for signals', (t) => {
  const host = new Host();
  const discipline = new LineDiscipline(host, defaultSettings());
  discipline.receive(bytesOf('\x03\x1c\x1a'));
  t.deepEqual(host.signals, [
    [keySignal.interrupt, true],
    [keySignal.quit, true],
    [keySignal.suspend, true],
  ]);
  const { localFlags } = defaultSettings();
  discipline.change(withFlags({ localFlags: localFlags | localFlag.noFlush }));
  discipline.receive(bytesOf('\x03'));
  t.deepEqual(host.signals.at(-1), [keySignal.interrupt, false]);
});

test('Ctrl-S stops output, Ctrl-Q, a signal or another mode lets it go on', (t) => {
  const host = new Host();
  const discipline = new LineDiscipline(host, defaultSettings());
  discipline.receive(bytesOf('a\x13b'));
  t.true(host.isHeld);
  t.true(discipline.isOutputHeld);
  discipline.receive(bytesOf('\x11'));
  t.false(host.isHeld);
  discipline.receive(bytesOf('\x13\x03'));
  t.false(host.isHeld);
  discipline.receive(bytesOf('\x13'));
  discipline.change(withFlags({ inputFlags: 0 }));
  t.false(host.isHeld);
  const { inputFlags } = defaultSettings();
  discipline.change(withFlags({ inputFlags: inputFlags | inputFlag.anyRestarts }));
  discipline.receive(bytesOf('\x13x'));
  t.false(host.isHeld);
  t.is(discipline.counters.heldOutputs, 4);
});

test('what was typed of a line can be read when lines end to matter', (t) => {
  const host = new Host();
  const discipline = new LineDiscipline(host, defaultSettings());
  discipline.receive(bytesOf('abc'));
  t.deepEqual(host.reads, []);
  discipline.change(withFlags({ localFlags: 0 }));
  t.deepEqual(host.reads, ['abc']);
});

test('without room nothing is lost: the rest is taken later', (t) => {
  for (const localFlags of [0, localFlag.echo, defaultSettings().localFlags]) {
    const host = new Host();
    host.free = 10;
    const discipline = new LineDiscipline(host, withFlags({ localFlags }));
    const typed = bytesOf('one\ntwo\nthree\nfour\n');
    let taken = 0;
    for (let step = 0; step < 20 && taken < typed.length; step += 1) {
      taken += discipline.receive(typed.subarray(taken));
      t.true(host.free >= 0);
      host.free += 7;
    }
    t.is(taken, typed.length);
    t.is(host.reads.join(''), 'one\ntwo\nthree\nfour\n');
  }
});

test('what is too long for a line is counted', (t) => {
  const host = new Host();
  const { inputFlags } = defaultSettings();
  const settings = withFlags({ inputFlags: inputFlags | inputFlag.bellWhenFull });
  const discipline = new LineDiscipline(host, settings);
  discipline.receive(bytesOf(`${'x'.repeat(5000)}\n`));
  t.is(host.reads[0]?.length, 4096);
  t.is(discipline.counters.overlongLineBytes, 5000 - 4095);
  t.is(host.shown.split('\x07').length - 1, 5000 - 4095);
});

test('a break is ignored, a zero byte, or an interrupt', (t) => {
  const host = new Host();
  const raw = { localFlags: 0, inputFlags: 0 };
  const discipline = new LineDiscipline(host, withFlags(raw));
  discipline.receiveBreak();
  t.deepEqual(host.reads, ['\0']);
  discipline.change(withFlags({ ...raw, inputFlags: inputFlag.ignoreBreak }));
  discipline.receiveBreak();
  t.deepEqual(host.reads, ['\0']);
  discipline.change(withFlags({ ...raw, inputFlags: inputFlag.breakInterrupts }));
  discipline.receiveBreak();
  t.deepEqual(host.signals, [[keySignal.interrupt, true]]);
});

test('any bytes at any settings: what is raw is whole, nothing throws, the line stays bounded', (t) => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 300; round += 1) {
    const host = new Host();
    const discipline = new LineDiscipline(
      host,
      withFlags({ inputFlags: random(0x8000), localFlags: random(0x10000) }),
    );
    const noise = Uint8Array.from({ length: 2000 }, () => random(256));
    t.is(discipline.receive(noise), noise.length);
    discipline.change(withFlags({ inputFlags: 0, localFlags: 0 }));
    host.reads.length = 0;
    discipline.receive(noise);
    t.is(host.reads.join(''), textOf(noise));
  }
});

for (const [mode, local] of [
  ['lines', defaultSettings().localFlags],
  ['keys', defaultSettings().localFlags & ~localFlag.canonical],
] as const) {
  test(`what the app answers at once is shown behind the echo: ${mode}`, (t) => {
    class Answering extends Host {
      override deliver(bytes: Uint8Array, isLine: boolean): void {
        super.deliver(bytes, isLine);
        this.shown += `hello ${textOf(bytes)}`;
      }
    }
    const host = new Answering('name? ');
    const discipline = new LineDiscipline(host, { ...defaultSettings(), localFlags: local });
    discipline.receive(bytesOf('you\r'));
    t.is(host.shown, 'name? you\r\nhello you\n');
  });
}
