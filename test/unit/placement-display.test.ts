/** A display whose driver has an isolate of its own: stopped anywhere, its next life shows what is to be seen. */

import { type DisplayIdentity, PlacedDisplay } from '@runtimejs/placement/display-device.ts';
import { DisplayBridge } from '@runtimejs/placement/display-isolate.ts';
import { displayMessage } from '@runtimejs/placement/display-messages.ts';
import { picturePlace, pictureReserved } from '@runtimejs/placement/picture-layout.ts';
import { PictureReader, PictureWriter } from '@runtimejs/placement/shared-picture.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';
import { Grid } from '@runtimejs/tty/screen/grid.ts';
import { ScreenDevice } from '@runtimejs/tty/screen/screen-device.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import test from 'ava';
import { FakePlatform } from './support/fake-platform.ts';
import { TextScreenModel } from './support/pc-models.ts';
import { DriverLives } from './support/placed-screen.ts';

const lines = [
  'hello',
  '\r\n\x1b[31;44mred on blue\x1b[0m',
  '\x1b[25;80Hx\r\nit has scrolled',
  '\x1b[?25l\x1b[5;5Hno cursor',
  '\x1b[?25h\x1b[2;2H日本',
];
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A screen with one display, which stands before a driver that can be stopped. */
class Bench {
  readonly platform = new FakePlatform(2 ** 16);
  readonly violations: string[] = [];
  readonly model = new TextScreenModel();
  display!: PlacedDisplay;
  readonly screen: ScreenDevice;
  resizes = 0;
  bridge: DisplayBridge | undefined;
  readonly lives: DriverLives;
  readonly #make: (lives: DriverLives) => Display | undefined;
  readonly #most: TerminalSize;

  constructor(
    identity: DisplayIdentity = vga.identity,
    most: TerminalSize = vga.size,
    make?: (lives: DriverLives) => Display,
  ) {
    this.#make = make ?? ((lives) => this.#vga(lives));
    this.#most = most;
    this.lives = new DriverLives((context) => {
      this.display = new PlacedDisplay(identity, most, context);
      this.display.onViolation = (reason) => this.violations.push(reason);
      return this.display;
    });
    const { display } = this;
    this.screen = new ScreenDevice(this.platform, {
      displays: [display],
      keyboards: [],
      layout: 'us',
    });
    this.screen.start({
      readable() {},
      writable() {},
      resized: () => {
        this.resizes += 1;
      },
      breakReceived() {},
      connectionChanged() {},
    });
  }

  /** A life begins. */
  begin(steps?: number): void {
    const isAlive = this.lives.begin(steps, (voice) => {
      const device = this.#make(this.lives);
      if (device === undefined) throw new Error('there is no display');
      const picture = new PictureReader(this.lives.driverMemory.words, picturePlace(this.#most, 0));
      this.bridge = new DisplayBridge(device, picture, this.platform, voice);
      this.bridge.start();
    });
    if (!isAlive) this.begin();
  }

  show(text: string): void {
    this.screen.write(encode(text));
    this.turn();
  }

  /** A frame, and a turn of the driver. */
  turn(): void {
    this.platform.advance(50_000);
    this.lives.turn();
    if (this.bridge === undefined) return;
    const { bridge } = this;
    const isAlive = this.lives.drive(() => {
      bridge.wake();
      bridge.turn();
      bridge.sleep();
    });
    if (isAlive) return;
    this.begin();
    this.turn();
  }

  /** All that is on the screen, row by row, and where the cursor is. */
  get picture(): readonly string[] {
    const cells = Array.from({ length: 25 }, (_, row) =>
      Array.from({ length: 80 }, (__, column) => this.model.cell(column, row).toString(16)).join(),
    );
    const [start, high, low] = [10, 14, 15].map((at) => this.model.registers.get(at) ?? 0);
    return [...cells, (start ?? 0) === 0x20 ? 'no cursor' : `cursor ${high}, ${low}`];
  }

  #vga(lives: DriverLives): Display | undefined {
    const device = { ...this.model.device, ports: lives.ports(this.model.device.ports) };
    const [display] = vga.attach(lives.platform(this.platform, [device]));
    return display;
  }
}

/** What is to be seen after each line. */
function undisturbed(): readonly (readonly string[])[] {
  const bench = new Bench();
  bench.begin();
  return lines.map((line) => {
    bench.show(line);
    return bench.picture;
  });
}

test('wherever the driver is stopped, the picture is right when it is back', (t) => {
  const expected = undisturbed();
  for (let steps = 0; ; steps++) {
    const bench = new Bench();
    bench.begin();
    bench.lives.limit(steps);
    for (const [index, line] of lines.entries()) {
      bench.show(line);
      t.deepEqual(bench.picture, expected[index], `after ${steps} steps, line ${index}`);
    }
    t.is(bench.screen.unsent, 0);
    if (bench.display.counters.driverEnds === 0) {
      t.true(steps > 20, `${steps} steps`);
      break;
    }
  }
});

test('what is written while there is no driver is shown by the next one, and is unsent until then', (t) => {
  const expected = undisturbed();
  const bench = new Bench();
  bench.turn();
  t.is(bench.screen.unsent, 1);
  bench.begin();
  bench.lives.end();
  bench.bridge = undefined;
  for (const line of lines) bench.show(line);
  t.is(bench.screen.unsent, 1);
  bench.begin();
  bench.turn();
  t.deepEqual(bench.picture, expected.at(-1));
  t.is(bench.screen.unsent, 0);
  t.is(bench.display.counters.driverEnds, 1);
});

/** A display that tells what it is given. */
class Recorder implements Display {
  readonly name = 'recorder';
  readonly isTextScreen = false;
  readonly replacesTextScreen = false;
  readonly counters = { draws: 0 };
  size: TerminalSize;
  readonly rows: number[][] = [];
  text = '';
  changed: () => void = () => {};

  constructor(size: TerminalSize) {
    this.size = size;
  }

  onChange(changed: () => void): void {
    this.changed = changed;
  }

  draw({ grid }: View): void {
    this.counters.draws += 1;
    this.rows.push([...grid.changed.entries()].filter(([, flag]) => flag).map(([row]) => row));
    this.text = grid.text(0);
  }

  stop(): void {}
}

test('only rows that changed are drawn, and all of them when the display asks', (t) => {
  const size = { columns: 20, rows: 4 };
  const recorder = new Recorder(size);
  const bench = new Bench({ ...recorder, size }, { columns: 40, rows: 10 }, () => recorder);
  bench.begin();
  bench.show('one');
  bench.show('\x1b[3;1Htwo');
  t.deepEqual(recorder.rows.at(-1), [2]);
  t.is(recorder.text, 'one');
  recorder.changed();
  t.deepEqual(recorder.rows.at(-1), [0, 1, 2, 3]);
});

test('the screen follows the size of its display', (t) => {
  const size = { columns: 20, rows: 4 };
  const recorder = new Recorder(size);
  const bench = new Bench({ ...recorder, size }, { columns: 40, rows: 10 }, () => recorder);
  bench.begin();
  bench.show('first');
  recorder.size = { columns: 30, rows: 6 };
  bench.lives.drive(() => recorder.changed());
  bench.turn();
  t.deepEqual(bench.screen.size, { columns: 30, rows: 6 });
  t.is(bench.resizes, 1);
  t.deepEqual(recorder.rows.at(-1), [0, 1, 2, 3, 4, 5]);
  t.is(recorder.text, 'first');
  recorder.size = { columns: 400, rows: 100 };
  bench.lives.drive(() => recorder.changed());
  t.deepEqual(bench.screen.size, { columns: 40, rows: 10 }, 'no more than there is memory for');
});

test('messages of a display are checked', (t) => {
  t.deepEqual(displayMessage({ is: 'size', columns: 80, rows: 25 }), {
    is: 'size',
    columns: 80,
    rows: 25,
  });
  for (const columns of [0, -1, 1.5, 65_536, '80', null]) {
    t.is(displayMessage({ is: 'size', columns, rows: 25 }), undefined);
  }
  t.deepEqual(displayMessage({ is: 'stopped' }), { is: 'stopped' });
  t.is(displayMessage({ is: 'break' }), undefined);
});

test('a picture of any size, whatever is in the memory, is read within it', (t) => {
  const most = { columns: 4, rows: 3 };
  const words = new Int32Array(pictureReserved(most) / 4 + 8);
  words.fill(0x7fff_fff0);
  const view = new PictureReader(words, picturePlace(most, 0)).take();
  t.is(view?.grid.columns, 4);
  t.is(view?.grid.rows, 3);
  t.is(view?.cursor, undefined);
  words.fill(0);
  const writer = new PictureWriter(words, picturePlace(most, 0));
  writer.write({ grid: new Grid(90, 90), cursor: { column: 80, row: 0 }, reverseVideo: true });
  t.deepEqual(
    [...words.subarray(-8)],
    Array.from({ length: 8 }, () => 0),
  );
});
