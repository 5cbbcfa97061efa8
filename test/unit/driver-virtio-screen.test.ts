/** virtio keyboards and graphics adapters: honest ones, and such that lie or say nothing. */
import { readFileSync } from 'node:fs';
import type { KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { type Font, parseFont } from '@runtimejs/tty/screen/font.ts';
import { Grid } from '@runtimejs/tty/screen/grid.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import { findPlaceable, openPlace } from '@runtimejs/virtio/placement.ts';
import * as virtioGpu from '@runtimejs/virtio-gpu/driver.ts';
import * as virtioInput from '@runtimejs/virtio-input/driver.ts';
import test from 'ava';
import { fetchFont } from '../../lib/cli/src/font.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { type Chain, type DeviceQueue, VirtioModel } from './support/virtio-device.ts';
import { VirtioPciModel } from './support/virtio-transports.ts';

const version1 = 32;

function deliver(platform: FakePlatform): void {
  for (let round = 0; round < 10; round++)
    for (const interrupt of platform.interrupts) interrupt.deliver();
}

/** A keyboard, or what says that it has no Enter key. */
function keyboardModel(platform: FakePlatform, hasEnter = true): VirtioModel {
  const model = new VirtioModel(platform, {
    type: 18,
    features: [version1],
    queues: [64, 8],
    configuration: new Uint8Array(136),
  });
  model.onConfigurationWrite = () => {
    const isKeys = model.configuration[0] === 0x11 && model.configuration[1] === 1;
    model.configuration[2] = isKeys ? 16 : 0;
    model.configuration.fill(isKeys && hasEnter ? 0xff : 0, 8);
  };
  new VirtioPciModel(platform, model);
  return model;
}

/** The device sends an event, of eight bytes unless it lies. */
function sendEvent(
  model: VirtioModel,
  type: number,
  code: number,
  value: number,
  { length = 8, id }: { readonly length?: number; readonly id?: number } = {},
): void {
  const queue = model.queues[0] as DeviceQueue;
  const chain = queue.pop();
  if (chain === null) throw new Error('the driver offers no buffer');
  const at = chain.parts[0]?.offset ?? 0;
  model.view.setUint16(at, type, true);
  model.view.setUint16(at + 2, code, true);
  model.view.setUint32(at + 4, value, true);
  queue.push(id ?? chain.id, length);
  queue.publish();
}

function attachKeyboard(hasEnter = true) {
  const platform = new FakePlatform();
  const model = keyboardModel(platform, hasEnter);
  const [keyboard] = virtioInput.attach(platform);
  const events: KeyEvent[] = [];
  let lost = 0;
  keyboard?.listen(
    (event) => events.push(event),
    () => {
      lost += 1;
    },
  );
  return { platform, model, keyboard, events, lost: () => lost };
}

test('virtio-input: keys, without repeats, marks and what is no key', (t) => {
  const { platform, model, keyboard, events } = attachKeyboard();
  for (let round = 0; round < 100; round++) {
    sendEvent(model, 1, 30, 1);
    sendEvent(model, 1, 30, 2);
    sendEvent(model, 1, 30, 0);
    sendEvent(model, 0, 0, 0);
    sendEvent(model, 1, 0x110, 1);
    sendEvent(model, 1, 30, 77);
    deliver(platform);
  }
  t.is(events.length, 200);
  t.deepEqual(events.slice(0, 2), [
    { code: 30, isDown: true },
    { code: 30, isDown: false },
  ]);
  t.is(keyboard?.counters.unknown, 200);
});

test('virtio-input: mice and tablets are left alone, without a word', (t) => {
  const { platform, model, keyboard } = attachKeyboard(false);
  t.is(keyboard, undefined);
  t.deepEqual(platform.messages, []);
  t.is(model.status, 0, 'it is reset');
});

test('virtio-input: a keyboard is known before it is placed, and left reset; a tablet is none', (t) => {
  for (const hasEnter of [true, false]) {
    const platform = new FakePlatform();
    const model = keyboardModel(platform, hasEnter);
    const [place] = findPlaceable(platform, deviceType.input, 'virtio-input');
    const transport = openPlace(place!, deviceType.input);
    if (typeof transport === 'string') throw new Error(transport);
    const name = virtioInput.identify(platform, transport);
    t.is(name, hasEnter ? `virtio keyboard at ${transport.name}` : undefined);
    t.is(model.status, 0);
  }
});

test('virtio-input: a device that lies is given up, and held keys are let go of', (t) => {
  const lies = [{ id: 999 }, { length: 4000 }];
  for (const lie of lies) {
    const { platform, model, keyboard, lost } = attachKeyboard();
    sendEvent(model, 1, 30, 1);
    deliver(platform);
    sendEvent(model, 1, 31, 1, lie);
    deliver(platform);
    t.is(keyboard?.counters.failures, 1);
    t.is(lost(), 1);
    t.is(model.status, 0);
    t.regex(platform.messages.join(), /gave the device up/);
  }
  const { platform, model, keyboard, events } = attachKeyboard();
  sendEvent(model, 1, 30, 1, { length: 3 });
  deliver(platform);
  t.is(keyboard?.counters.short, 1);
  t.is(events.length, 0);
});

test('virtio-input: lamps go to the device, and do not pile up when it is slow', (t) => {
  const { keyboard, model } = attachKeyboard();
  for (let round = 0; round < 20; round++) keyboard?.setLights({ capsLock: true, numLock: false });
  const chain = model.queues[1]?.pop();
  const at = chain?.parts[0]?.offset ?? 0;
  t.deepEqual(
    [
      model.view.getUint16(at, true),
      model.view.getUint16(at + 2, true),
      model.view.getUint32(at + 4, true),
    ],
    [0x11, 1, 1],
  );
});

let font: Font;
test.before(async () => {
  const parsed = parseFont(
    new Uint8Array(readFileSync((await fetchFont({ detail: () => {} })).font)),
  );
  if (typeof parsed === 'string') throw new Error(parsed);
  font = parsed;
});

/** A graphics adapter that keeps what it was told. */
class AdapterModel {
  readonly platform: FakePlatform;
  readonly model: VirtioModel;
  readonly commands: { readonly type: number; readonly words: readonly number[] }[] = [];
  size = { width: 640, height: 480 };
  answer: number | undefined;
  isMute = false;

  constructor(platform: FakePlatform) {
    this.platform = platform;
    this.model = new VirtioModel(platform, {
      type: 16,
      features: [version1],
      queues: [64, 16],
      configuration: new Uint8Array(16),
    });
    this.model.onNotify = (queue) => {
      for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
        if (!this.isMute) this.#serve(queue, chain);
      }
    };
    new VirtioPciModel(platform, this.model);
  }

  #serve(queue: DeviceQueue, chain: Chain): void {
    const [request, reply] = chain.parts;
    const { view } = this.model;
    if (request === undefined || reply === undefined)
      throw new Error('a command without an answer');
    const type = view.getUint32(request.offset, true);
    const words = Array.from({ length: (request.length - 24) / 4 }, (_, at) =>
      view.getUint32(request.offset + 24 + 4 * at, true),
    );
    this.commands.push({ type, words });
    const isInfo = type === 0x100;
    view.setUint32(reply.offset, this.answer ?? (isInfo ? 0x1101 : 0x1100), true);
    if (isInfo) {
      view.setUint32(reply.offset + 32, this.size.width, true);
      view.setUint32(reply.offset + 36, this.size.height, true);
      view.setUint32(reply.offset + 40, 1, true);
    }
    queue.push(chain.id, isInfo ? 408 : 24);
    queue.publish();
  }
}

test('virtio-gpu: shows what is drawn, and follows the size of its window', (t) => {
  const platform = new FakePlatform();
  const adapter = new AdapterModel(platform);
  const [display] = virtioGpu.attach(platform, () => font);
  let changes = 0;
  display?.onChange(() => {
    changes += 1;
  });
  for (let round = 0; round < 20; round++) deliver(platform);
  t.is(changes, 1);
  t.deepEqual(display?.size, { columns: 80, rows: 30 });
  const grid = new Grid(80, 30);
  grid.put(3, 2, 0x41, 7 | (16 << 5), 1);
  display?.draw({ grid, cursor: undefined, reverseVideo: false });
  for (let round = 0; round < 20; round++) deliver(platform);
  const flushes = adapter.commands.filter(({ type }) => type === 0x104);
  t.true(flushes.length > 0);
  t.true(
    adapter.commands.some(
      ({ type, words }) => type === 0x103 && words[2] === 640 && words[3] === 480,
    ),
  );
  t.true(
    adapter.commands.some(({ type }) => type === 0x102),
    'the first picture is given back',
  );
  adapter.size = { width: 100_000, height: 16 };
  adapter.model.changeConfiguration((bytes) => {
    bytes[0] = 1;
  });
  for (let round = 0; round < 20; round++) deliver(platform);
  t.deepEqual(display?.size, { columns: 160, rows: 1 }, 'no larger than there is memory for');
  display?.stop();
  t.is(adapter.model.status, 0);
});

test('virtio-gpu: an adapter that refuses or says nothing is given up', (t) => {
  const refusing = new FakePlatform();
  const adapter = new AdapterModel(refusing);
  adapter.answer = 0x1200;
  virtioGpu.attach(refusing, () => font);
  for (let round = 0; round < 20; round++) deliver(refusing);
  t.regex(refusing.messages.join(), /gave the device up: it does not show a picture/);

  const mute = new FakePlatform();
  new AdapterModel(mute).isMute = true;
  const [display] = virtioGpu.attach(mute, () => font);
  const grid = new Grid(10, 10);
  for (let second = 0; second < 30; second++) {
    display?.draw({ grid, cursor: undefined, reverseVideo: false });
    mute.advance(1_000_000);
  }
  t.regex(mute.messages.join(), /it does not answer/);
});
