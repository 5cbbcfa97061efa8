/** A PS/2 keyboard whose driver has an isolate of its own: stopped anywhere, it loses and doubles no key. */
import { PlacedKeyboard } from '@runtimejs/placement/keyboard-device.ts';
import { KeyboardBridge } from '@runtimejs/placement/keyboard-isolate.ts';
import {
  keyBytes,
  keyboardRecord,
  keyRing,
  keyWord,
} from '@runtimejs/placement/keyboard-layout.ts';
import { keyboardOrder } from '@runtimejs/placement/keyboard-messages.ts';
import { control } from '@runtimejs/placement/ring.ts';
import type { KeyboardControllerDevice } from '@runtimejs/platform/platform.ts';
import { attach, resume } from '@runtimejs/ps2/driver.ts';
import { notes, type Ps2Remains, settleKeyboard } from '@runtimejs/ps2/remains.ts';
import type { KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { ScreenDevice } from '@runtimejs/tty/screen/screen-device.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import test, { type ExecutionContext } from 'ava';
import { FakeInterrupt, FakePlatform } from './support/fake-platform.ts';
import { ControllerModel, TextScreenModel } from './support/pc-models.ts';
import { DriverLives } from './support/placed-screen.ts';

/** What a keyboard sends: A with shift, cursor up in pieces, Pause, A again, Enter of the keypad. */
const typing: readonly (readonly number[])[] = [
  [0x2a, 0x1e],
  [0x9e, 0xaa, 0xe0],
  [0x48],
  [0xe0, 0xc8, 0xe1, 0x1d],
  [0x45, 0xe1, 0x9d, 0xc5, 0x1e],
  [],
  [0x9e, 0xe0, 0x1c, 0xe0],
  [0x9c],
];
const typed = [42, 30, -30, -42, 103, -103, 119, 30, -30, 96, -96];

/** A keyboard whose driver is started anew when it was stopped. */
class Bench {
  readonly model = new ControllerModel();
  readonly keys: number[] = [];
  readonly violations: string[] = [];
  lost = 0;
  keyboard!: PlacedKeyboard;
  readonly lives = new DriverLives((context) => {
    this.keyboard = new PlacedKeyboard('PS/2 keyboard', context, settleKeyboard);
    this.keyboard.onViolation = (reason) => this.violations.push(reason);
    this.keyboard.listen(
      ({ code, isDown }) => this.keys.push(isDown ? code : -code),
      () => {
        this.lost += 1;
      },
    );
    return this.keyboard;
  });
  /** Steps that later lives have; those after them are not stopped. */
  readonly #later: number[];
  #status = 0;

  /** @param first steps of the first life, when it has started; @param later those of the ones that follow */
  constructor(first?: number, ...later: readonly number[]) {
    this.#later = [...later];
    this.begin();
    this.lives.limit(first);
  }

  type(bytes: readonly number[]): void {
    this.model.send(...bytes);
    this.deliver();
  }

  deliver(): void {
    if (!this.lives.drive(() => this.model.interrupt.deliver())) this.begin(this.#later.shift());
  }

  begin(steps?: number): void {
    const device: KeyboardControllerDevice = {
      ...this.model.device,
      // What the isolate's host does.
      ports: this.lives.ports(this.model.device.ports, (port, value) => this.#note(port, value)),
      openInterrupt: () => {
        this.model.interrupt = new FakeInterrupt(0, 0); // an edge that nobody waited for is lost
        return this.model.interrupt;
      },
    };
    const machine = new FakePlatform(2 ** 16);
    const platform = this.lives.platform(machine, [device]);
    const remains = this.keyboard.remains() as unknown as Ps2Remains | undefined;
    const isAlive = this.lives.begin(steps, (voice) => {
      const [keyboard] = remains === undefined ? attach(platform) : resume(platform, remains);
      if (keyboard === undefined) throw new Error(machine.messages.join('\n'));
      new KeyboardBridge(keyboard, this.lives.driverMemory, platform, voice).start(keyboard.set);
      machine.advance(1);
    });
    if (!isAlive) this.begin(this.#later.shift());
  }

  #note(port: number, value: number): void {
    if (port === 1) this.#status = value;
    if (port !== 0) return;
    const { words, bytes } = this.lives.driverMemory;
    const count = words[0] as number;
    const entries = new Uint16Array(bytes.buffer, bytes.byteOffset + notes.offset, notes.count);
    entries[count % notes.count] = (this.#status << 8) | value;
    words[0] = count + 1;
  }
}

/** Types all, with lives of so many steps. @returns whether the first one was stopped at all */
function typeAll(t: ExecutionContext, first: number, ...later: readonly number[]): boolean {
  const bench = new Bench(first, ...later);
  for (const bytes of typing) bench.type(bytes);
  bench.lives.limit(undefined);
  bench.deliver();
  const lives = `lives of ${[first, ...later].join(', ')} steps`;
  t.deepEqual(bench.keys, typed, lives);
  t.is(bench.lost, 0, lives);
  t.deepEqual(bench.violations, [], lives);
  return (bench.keyboard.counters.driverEnds ?? 0) > 0;
}

test('wherever the driver is stopped, no key is lost or doubled', (t) => {
  let first = 0;
  while (typeAll(t, first)) first += 1;
  t.true(first > 50, `${first} steps`);
});

test('wherever the drivers after it are stopped, too', (t) => {
  for (let first = 0; first < 40; first += 3) {
    for (let second = 0; second < 30; second++) typeAll(t, first, second, second >> 1, 5);
  }
  t.pass();
});

test('a driver that was stopped before it had started sets the controller up anew', (t) => {
  const bench = new Bench();
  bench.lives.end();
  bench.begin(3);
  bench.type([0x1e, 0x9e]);
  t.deepEqual(bench.keys, [30, -30]);
});

test('a key that is held repeats no more while the driver is away, and again when it is back', (t) => {
  const { device } = new TextScreenModel();
  const platform = new FakePlatform(2 ** 16);
  platform.devices.push(device);
  const displays = vga.attach(platform);
  let take: (event: KeyEvent) => void = () => {};
  const keyboard = {
    name: 'keyboard',
    counters: {},
    isAway: false,
    listen: (taker: typeof take) => {
      take = taker;
    },
    setLights() {},
    stop() {},
  };
  const screen = new ScreenDevice(platform, { displays, keyboards: [keyboard], layout: 'us' });
  screen.start({
    readable() {},
    writable() {},
    resized() {},
    breakReceived() {},
    connectionChanged() {},
  });
  const into = new Uint8Array(100);
  const typedWithin = (microseconds: number): number => {
    platform.advance(microseconds);
    return screen.read(into);
  };
  take({ code: 30, isDown: true });
  t.true(typedWithin(1_000_000) > 5);
  keyboard.isAway = true;
  t.is(typedWithin(3_000_000), 0);
  keyboard.isAway = false;
  t.is(typedWithin(400_000), 0, 'a release that has waited may still be on its way');
  t.true(typedWithin(1_000_000) > 5);
});

test('keys that the controller has lost are no longer held, whoever sees that', (t) => {
  for (const steps of [3, 4, 5, 6, 200]) {
    const bench = new Bench(steps);
    bench.type([0x2a, 0xff]);
    t.is(bench.lost, 1, `${steps} steps`);
  }
});

test('without what the host has noted, keys are lost with the driver and none is held', (t) => {
  let lost = 0;
  let keyboard!: PlacedKeyboard;
  const lives = new DriverLives((context) => {
    keyboard = new PlacedKeyboard('keyboard', context, undefined);
    keyboard.listen(
      () => {},
      () => {
        lost += 1;
      },
    );
    return keyboard;
  });
  lives.begin(undefined, () => Atomics.store(lives.driverMemory.words, keyboardRecord / 4, 1));
  lives.end();
  t.is(lost, 1);
  t.is(keyboard.remains(), undefined);
});

test('a driver that says what no keyboard says is ended', (t) => {
  const cases: readonly [(words: Int32Array) => void, RegExp][] = [
    [(words) => words.fill(200, keyRing.offset / 4), /a key that no keyboard has/],
    [(words) => words.fill(-1, keyRing.offset / 4), /a key that no keyboard has/],
    [(words) => words.fill(4, keyRing.control / 4, keyRing.control / 4 + 1), /half a key/],
    [(words) => words.fill(-8, keyRing.control / 4, keyRing.control / 4 + 1), /more than fits/],
  ];
  for (const [lie, violation] of cases) {
    const bench = new Bench();
    const { words } = bench.lives.driverMemory;
    const written = keyRing.control / 4 + control.written;
    Atomics.store(words, written, keyBytes);
    lie(words);
    bench.lives.drive(() => {});
    bench.lives.end();
    t.regex(bench.violations.join(), violation);
    t.deepEqual(bench.keys, []);
  }
});

test('a driver that has a position that cannot be starts anew', (t) => {
  const bench = new Bench();
  const { words } = bench.lives.driverMemory;
  const at = keyRing.offset / 4;
  words[at] = keyWord({ code: 30, isDown: true });
  words[at + 1] = 123_456;
  Atomics.store(words, keyRing.control / 4 + control.written, keyBytes);
  bench.lives.end();
  t.deepEqual(bench.keys, [30]);
  t.is(bench.lost, 1);
  t.is(bench.keyboard.remains(), undefined);
});

test('lamps are told to every life', (t) => {
  const bench = new Bench();
  bench.keyboard.setLights({ capsLock: true, numLock: false });
  t.deepEqual(keyboardOrder({ is: 'lights', capsLock: true, numLock: false }), {
    is: 'lights',
    capsLock: true,
    numLock: false,
  });
  t.is(keyboardOrder({ is: 'lights', capsLock: 1, numLock: false }), undefined);
  t.deepEqual(keyboardOrder({ is: 'stop' }), { is: 'stop' });
});
