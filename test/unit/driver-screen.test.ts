/** Drivers of screens and keyboards, with models of the devices: VGA, PS/2, framebuffers; and devices that lie. */
import { readFileSync } from 'node:fs';
import type { PixelLayout } from '@runtimejs/platform/platform.ts';
import * as ps2 from '@runtimejs/ps2/driver.ts';
import type { KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { type Font, parseFont } from '@runtimejs/tty/screen/font.ts';
import { Grid } from '@runtimejs/tty/screen/grid.ts';
import { PixelScreen } from '@runtimejs/tty/screen/pixels.ts';
import { ScreenDevice } from '@runtimejs/tty/screen/screen-device.ts';
import { Terminal } from '@runtimejs/tty/screen/terminal.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import test from 'ava';
import { fetchFont } from '../../lib/cli/src/font.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { ControllerModel, TextScreenModel } from './support/pc-models.ts';

function attachKeyboard(model: ControllerModel) {
  const platform = new FakePlatform();
  platform.devices.push(model.device);
  const [keyboard] = ps2.attach(platform);
  const events: KeyEvent[] = [];
  let lost = 0;
  keyboard?.listen(
    (event) => events.push(event),
    () => {
      lost += 1;
    },
  );
  return { platform, keyboard, events, lost: () => lost };
}

test('ps2: takes keys, drops what a mouse says, and acknowledges the line', (t) => {
  const model = new ControllerModel();
  const { keyboard, events } = attachKeyboard(model);
  t.is(
    model.configuration & 0x43,
    0x41,
    'the interrupt of the keyboard is on, that of the mouse off',
  );
  model.interrupt.deliver();
  model.output.push({ byte: 0x12, isMouse: true });
  model.send(0x1e, 0x9e);
  model.interrupt.deliver();
  t.deepEqual(events, [
    { code: 30, isDown: true },
    { code: 30, isDown: false },
  ]);
  t.is(keyboard?.counters.mouseBytes, 1);
  t.true(model.interrupt.acknowledged > 0);
  keyboard?.stop();
  t.true(model.interrupt.isReleased);
});

test('ps2: keys that are pressed while the machine boots are no answers of the controller', (t) => {
  const model = new ControllerModel();
  model.configuration = 0x53; // with the keyboard off
  model.typedAhead = [0x1d, 0x2e, 0xae, 0x9d];
  const { events } = attachKeyboard(model);
  model.interrupt.deliver();
  t.deepEqual(
    events.map(({ code, isDown }) => (isDown ? code : -code)),
    [29, 46, -46, -29],
  );
});

test('ps2: takes set 2 from a controller that does not translate', (t) => {
  const model = new ControllerModel();
  model.ignoresTranslation = true;
  const { events } = attachKeyboard(model);
  model.interrupt.deliver();
  model.send(0x1c, 0xf0, 0x1c);
  model.interrupt.deliver();
  t.deepEqual(
    events.map(({ code }) => code),
    [30, 30],
  );
});

test('ps2: lamps go out byte by byte, each with its acknowledgement, and are sent again', (t) => {
  const model = new ControllerModel();
  model.keyboardAnswers = [0xfa, 0xfe, 0xfa, 0xfa];
  const { keyboard } = attachKeyboard(model);
  keyboard?.setLights({ capsLock: true, numLock: false });
  for (let round = 0; round < 6; round++) model.interrupt.deliver();
  t.deepEqual(model.sent, [0xf4, 0xed, 0xed, 4]);
});

test('ps2: a keyboard that never acknowledges types all the same', (t) => {
  const model = new ControllerModel();
  model.keyboardAnswers = [];
  const { platform, keyboard, events } = attachKeyboard(model);
  keyboard?.setLights({ capsLock: true, numLock: true });
  platform.advance(5_000_000);
  t.true((keyboard?.counters.unanswered ?? 0) > 0);
  model.send(0x1e);
  model.interrupt.deliver();
  t.is(events.length, 1);
});

test('ps2: an interrupt that is lost costs two seconds, not the keyboard', (t) => {
  const model = new ControllerModel();
  const { platform, keyboard, events } = attachKeyboard(model);
  model.interrupt.deliver();
  model.send(0x1e);
  model.interrupt.raised = 0;
  platform.advance(2_500_000);
  t.is(events.length, 1);
  t.true((keyboard?.counters.withoutInterrupt ?? 0) >= 1);
});

test('ps2: an overrun lets go of all keys', (t) => {
  const model = new ControllerModel();
  const { keyboard, lost } = attachKeyboard(model);
  model.interrupt.deliver();
  model.send(0x1e, 0xff);
  model.interrupt.deliver();
  t.is(lost(), 1);
  t.is(keyboard?.counters.overruns, 1);
});

test('ps2: controllers that cannot be used are left out, in bounded time', (t) => {
  const broken: readonly [(model: ControllerModel) => void, RegExp][] = [
    [(model) => Object.assign(model, { isStuck: true }), /does not take commands/],
    [(model) => Object.assign(model, { neverStops: true }), /never stops sending/],
    [(model) => Object.assign(model, { selfTest: 0xfc }), /self-test gave 0xfc/],
  ];
  for (const [breakIt, problem] of broken) {
    const model = new ControllerModel();
    breakIt(model);
    const { platform, keyboard } = attachKeyboard(model);
    t.is(keyboard, undefined);
    t.regex(platform.messages.join(), problem);
  }
});

test('ps2: a keyboard that floods takes no more than its share of a turn', (t) => {
  const model = new ControllerModel();
  const { keyboard } = attachKeyboard(model);
  model.neverStops = true;
  model.interrupt.raised = 1;
  model.interrupt.deliver();
  t.true((keyboard?.counters.floods ?? 0) >= 1);
});

/** A text screen with its driver. */
function textScreen() {
  const { device, registers, cell } = new TextScreenModel();
  const platform = new FakePlatform();
  platform.devices.push(device);
  const [display] = vga.attach(platform);
  if (display === undefined) throw new Error('there is no display');
  return { platform, display, registers, cell };
}

test('vga: characters of code page 437, colours in its own order, the cursor where it is', (t) => {
  const { display, registers, cell } = textScreen();
  const terminal = new Terminal(80, 25, { reply() {} });
  const show = (text: string) => {
    terminal.write(new TextEncoder().encode(text));
    const { column, row } = terminal.cursor;
    const cursor = terminal.modes.cursorVisible ? { column, row } : undefined;
    display.draw({ grid: terminal.grid, cursor, reverseVideo: false });
    terminal.grid.changed.fill(0);
  };
  show('Aé\x1b[31;44m─\x1b[0;1mB\x1b[0;7mC\x1b[0m日x');
  t.is(cell(0, 0), 0x0741);
  t.is(cell(1, 0), 0x0782);
  t.is(cell(2, 0), 0x14c4, 'red on blue');
  t.is(cell(3, 0), 0x0f42);
  t.is(cell(4, 0), 0x7043);
  t.is(cell(5, 0), 0x07fe, 'a square for what the font lacks');
  t.is(cell(7, 0), 0x0778, 'two cells further');
  t.is(((registers.get(14) ?? 0) << 8) | (registers.get(15) ?? 0), 8);
  show('\x1b[?25l');
  t.is((registers.get(10) ?? 0) & 0x20, 0x20, 'no cursor');
});

async function loadFont(): Promise<Font> {
  const font = parseFont(
    new Uint8Array(readFileSync((await fetchFont({ detail: () => {} })).font)),
  );
  if (typeof font === 'string') throw new Error(font);
  return font;
}

test('pixels: glyphs in 16, 24 and 32 bits, padding between lines left alone', async (t) => {
  const font = await loadFont();
  for (const bitsPerPixel of [15, 16, 24, 32]) {
    const bytes = (bitsPerPixel + 7) >> 3;
    const small = bitsPerPixel < 24;
    const layout: PixelLayout = {
      width: 20,
      height: 18,
      pitch: 20 * bytes + 6,
      bitsPerPixel,
      red: small ? { position: 10, size: 5 } : { position: 16, size: 8 },
      green: small ? { position: 5, size: 5 } : { position: 8, size: 8 },
      blue: small ? { position: 0, size: 5 } : { position: 0, size: 8 },
    };
    const memory = new Uint8Array(layout.pitch * layout.height);
    const screen = new PixelScreen(memory, layout, font);
    t.deepEqual(screen.size, { columns: 2, rows: 1 });
    const grid = new Grid(2, 1);
    grid.put(0, 0, 0x2588, 15 | (16 << 5), 1);
    const changed = screen.draw({ grid, cursor: undefined, reverseVideo: false });
    t.deepEqual(changed, { x: 0, y: 0, width: 8, height: 16 });
    const white = small ? [0xff, 0x7f] : [0xff, 0xff, 0xff];
    t.deepEqual([...memory.subarray(0, white.length)], white, `${bitsPerPixel} bits`);
    t.is(memory[20 * bytes], 0, 'behind the line');
    t.is(screen.draw({ grid, cursor: undefined, reverseVideo: false }), undefined);
  }
  const layout = { width: 7, height: 7, pitch: 28, bitsPerPixel: 32 } as PixelLayout;
  t.throws(
    () =>
      new PixelScreen(
        new Uint8Array(4096),
        {
          ...layout,
          red: { position: 0, size: 8 },
          green: { position: 8, size: 8 },
          blue: { position: 16, size: 8 },
        },
        font,
      ),
    {
      message: /too small/,
    },
  );
});

test('fonts that are damaged are refused', async (t) => {
  const whole = new Uint8Array(readFileSync((await fetchFont({ detail: () => {} })).font));
  t.is(typeof parseFont(whole), 'object');
  t.is(typeof parseFont(whole.subarray(0, 3)), 'string');
  t.is(typeof parseFont(whole.subarray(0, 4000)), 'string');
  t.is(typeof parseFont(new Uint8Array(100)), 'string');
  const psf2 = new Uint8Array(32);
  new DataView(psf2.buffer).setUint32(0, 0x864ab572, true);
  new DataView(psf2.buffer).setUint32(16, 0xffffffff, true);
  t.is(typeof parseFont(psf2), 'string');
});

test('a screen device: keys become input, output pictures, and a key that is held repeats', (t) => {
  const { platform, display, cell } = textScreen();
  const model = new ControllerModel();
  platform.devices.push(model.device);
  const keyboards = ps2.attach(platform);
  const screen = new ScreenDevice(platform, { displays: [display], keyboards, layout: 'de' });
  let readable = 0;
  let writable = 0;
  screen.start({
    readable: () => {
      readable += 1;
    },
    writable: () => {
      writable += 1;
    },
    resized() {},
    breakReceived() {},
    connectionChanged() {},
  });
  const read = (): string => {
    const bytes = new Uint8Array(8192);
    return new TextDecoder().decode(bytes.subarray(0, screen.read(bytes)));
  };
  model.interrupt.deliver();
  model.send(0x15); // Z on a German keyboard
  model.interrupt.deliver();
  t.is(read(), 'z');
  t.true(readable > 0);
  platform.advance(700_000);
  const repeats = read();
  t.regex(repeats, /^z{3,}$/);
  model.send(0x95);
  model.interrupt.deliver();
  platform.advance(1_000_000);
  t.is(read(), '', 'it was released');

  t.is(screen.write(new TextEncoder().encode('hello\x1b[6n')), 9);
  t.is(read(), '\x1b[1;6R', 'what the program asks is answered');
  platform.advance(50_000);
  t.is(cell(0, 0) & 0xff, 'h'.charCodeAt(0));

  // More than a picture's worth has to wait for the picture.
  const much = new Uint8Array(200_000).fill(0x61);
  const taken = screen.write(much);
  t.true(taken > 0 && taken < much.length);
  t.is(writable, 0);
  platform.advance(50_000);
  t.is(writable, 1);
  t.is(screen.unsent, 0);

  // Nobody reads: input is dropped and counted, and the rest goes on.
  for (let key = 0; key < 5000; key++) model.send(0x15, 0x95);
  for (let round = 0; round < 200; round++) {
    model.interrupt.raised = 1;
    model.interrupt.deliver();
  }
  t.true(screen.counters.droppedInput > 0);
  t.true(read().length <= 4096);
  screen.stop();
  t.true(model.interrupt.isReleased);
});
