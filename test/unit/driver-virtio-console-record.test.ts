/** What a virtio console's driver that has ended leaves: whenever that is, it is known what was sent and received. */
import { attach } from '@runtimejs/virtio-console/driver.ts';
import type { ConsolePort } from '@runtimejs/virtio-console/port.ts';
import { PortRecord, settlePort } from '@runtimejs/virtio-console/record.ts';
import test from 'ava';
import { type Random, seededRandom } from '../sim/support/random.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { VirtioConsoleModel } from './support/virtio-console-model.ts';

function start(queueSize?: number) {
  const platform = new FakePlatform();
  const options = queueSize === undefined ? {} : { queueSize };
  const model = new VirtioConsoleModel(platform, [{ isConsole: true }], options);
  const port = attach(platform)[0] as ConsolePort;
  const record = platform.allocateDma(4096).offset;
  port.record = new PortRecord(platform.memory.words, record);
  port.start({
    readable() {},
    writable() {},
    resized() {},
    breakReceived() {},
    connectionChanged() {},
  });
  const { memory } = platform;
  const settle = (shown: number) =>
    settlePort({ memory, start: 0, size: memory.bytes.length, record, shown });
  return { platform, model, port, settle, record };
}

/** Runs a port for some steps, as its isolate does. @returns what was given to it, and shown of what it received */
function run(random: Random, queueSize?: number) {
  const { platform, model, port, settle } = start(queueSize);
  model.isStalled = true;
  const [typed, written, shown]: number[][] = [[], [], []];
  const into = new Uint8Array(16 * 1024);
  for (let step = random.integer(0, 200); step > 0; step--) {
    const bytes = new Uint8Array(random.integer(1, 9000));
    random.fill(bytes);
    if (random.chance(0.3) && model.waiting(0) < 50_000) {
      model.send(0, bytes);
      typed!.push(...bytes);
    }
    if (random.chance(0.4)) written!.push(...bytes.subarray(0, port.write(bytes)));
    if (random.chance(0.4)) model.take(0, random.integer(0, 3));
    if (random.chance(0.5)) platform.deliverInterrupts();
    if (random.chance(0.4)) {
      const space = into.subarray(0, random.integer(1, into.length));
      shown!.push(...space.subarray(0, port.read(space)));
    }
  }
  return { model, settle, typed: typed!, written: written!, shown: shown! };
}

for (const queueSize of [undefined, 4]) {
  test(`every byte is accounted for, whenever it ends, queues of ${queueSize ?? 'any size'}`, (t) => {
    for (let seed = 1; seed <= 60; seed++) {
      const { model, settle, typed, written, shown } = run(seededRandom(seed), queueSize);
      const { sent, input } = settle(shown.length);
      const output = model.output.get(0) ?? [];
      t.is(sent, output.length, `seed ${seed}: what has left`);
      t.true(Buffer.from(written.slice(0, sent)).equals(Buffer.from(output)));
      const received = [...shown, ...(input ?? [])];
      t.is(received.length, typed.length - model.waiting(0), `seed ${seed}: what has come`);
      t.true(Buffer.from(received).equals(Buffer.from(typed.slice(0, received.length))));
    }
  });
}

test('a driver that had not begun leaves nothing', (t) => {
  const platform = new FakePlatform();
  const record = platform.allocateDma(4096).offset;
  const { memory } = platform;
  const { length } = memory.bytes;
  t.deepEqual(settlePort({ memory, start: 0, size: length, record, shown: 0 }), {});
});

test('nothing is believed that lies outside the memory, or cannot be', (t) => {
  const { platform, model, port, settle, record } = start();
  model.send(0, Buffer.from('typed'));
  port.write(Buffer.from('written'));
  const random = seededRandom(7);
  const words = platform.memory.words.subarray(record / 4, record / 4 + 140);
  const before = words.slice();
  for (let round = 0; round < 2000; round++) {
    words.set(before);
    for (let each = random.integer(1, 4); each > 0; each--) {
      words[random.integer(0, words.length - 1)] = random.integer(0, 2 ** 32 - 1) | 0;
    }
    const { input } = settle(random.integer(0, 10));
    if ((input?.length ?? 0) > platform.memory.bytes.length) t.fail(`round ${round}`);
  }
  t.pass();
});
