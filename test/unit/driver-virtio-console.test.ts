/** The driver of virtio consoles, with a model of the device: ports, input, output, and devices that lie. */
import type { TerminalHost } from '@runtimejs/tty/device.ts';
import { attach } from '@runtimejs/virtio-console/driver.ts';
import type { ConsolePort } from '@runtimejs/virtio-console/port.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { event, type PortKind, VirtioConsoleModel } from './support/virtio-console-model.ts';

const oneConsole: readonly PortKind[] = [{ isConsole: true }];
const lookPeriod = 1_000_000;

/** Whoever uses a port. */
class Host implements TerminalHost {
  readonly port: ConsolePort;
  readonly received: number[] = [];
  hasInput = false;
  hasRoom = true;
  sizes: unknown[] = [];
  connections: boolean[] = [];

  constructor(port: ConsolePort) {
    this.port = port;
    port.start(this);
  }

  readable(): void {
    this.hasInput = true;
  }

  writable(): void {
    this.hasRoom = true;
  }

  resized(): void {
    this.sizes.push(this.port.size);
  }

  breakReceived(): void {}

  connectionChanged(): void {
    this.connections.push(this.port.isConnected);
  }

  /** Reads what there is once it was told so. @param most in one go */
  read(most = 4096): void {
    if (!this.hasInput) return;
    this.hasInput = false;
    const into = new Uint8Array(most);
    const count = this.port.read(into);
    if (count === 0) return;
    this.hasInput = true;
    this.received.push(...into.subarray(0, count));
  }

  readAll(): string {
    while (this.hasInput) this.read();
    return Buffer.from(this.received.splice(0)).toString('latin1');
  }

  /** Writes as long as there is room. @returns how much was taken */
  write(bytes: Uint8Array): number {
    let taken = 0;
    while (this.hasRoom && taken < bytes.length) {
      const count = this.port.write(bytes.subarray(taken));
      taken += count;
      this.hasRoom = taken === bytes.length;
    }
    return taken;
  }
}

function start(
  kinds: ConstructorParameters<typeof VirtioConsoleModel>[1] = oneConsole,
  options: ConstructorParameters<typeof VirtioConsoleModel>[2] = {},
) {
  const platform = new FakePlatform();
  const model = new VirtioConsoleModel(platform, kinds, options);
  const ports = attach(platform);
  const hosts = ports.map((port) => new Host(port));
  return { platform, model, ports, hosts, host: hosts[0] as Host };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

test('ports that are consoles become terminals, those for data stay closed', (t) => {
  const kinds = [
    { isConsole: true },
    { isConsole: false },
    undefined,
    { isConsole: true, isOpen: false },
  ];
  const { model, ports, platform } = start(kinds);
  t.deepEqual(
    ports.map(({ name, fileName, number, isConnected }) => [name, fileName, number, isConnected]),
    [
      ['virtio', 'hvc0', 0, true],
      ['virtio1', 'hvc1', 3, false],
    ],
  );
  t.deepEqual(
    [...model.opened],
    [
      [0, true],
      [3, true],
    ],
  );
  t.deepEqual(platform.messages, []);
});

for (const hasEventIndex of [true, false]) {
  const how = hasEventIndex ? 'with an event index' : 'without an event index';

  test(`each key interrupts, though nothing is written in between, ${how}`, (t) => {
    const { model, platform, host } = start(oneConsole, { hasEventIndex });
    for (let round = 0; round < 300; round += 1) {
      model.send(0, bytes('k'));
      platform.deliverInterrupts();
      t.is(host.readAll(), 'k', `round ${round}`);
    }
    t.is(platform.timers, 0, 'an idle port has no timer');
  });

  test(`a paste arrives whole, however fast either side is, ${how}`, (t) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seededRandom(seed);
      const { model, platform, host } = start(oneConsole, { hasEventIndex });
      const paste = new Uint8Array(200_000);
      random.fill(paste);
      let sent = 0;
      for (let step = 0; step < 100_000 && host.received.length < paste.length; step += 1) {
        const burst = paste.subarray(sent, sent + random.integer(0, 6000));
        if (model.waiting(0) === 0) {
          model.send(0, burst);
          sent += burst.length;
        }
        if (random.chance(0.5)) platform.deliverInterrupts();
        if (random.chance(0.5)) host.read(random.integer(1, 5000));
      }
      t.true(Buffer.from(host.received).equals(paste), `seed ${seed}: ${host.received.length}`);
      t.is(host.port.counters.receivedBytes, paste.length);
    }
  });

  test(`output goes on by interrupts alone, ${how}`, (t) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seededRandom(seed);
      const { model, platform, host } = start(oneConsole, { hasEventIndex });
      const output = new Uint8Array(1_000_000);
      random.fill(output);
      model.isStalled = true;
      let taken = 0;
      for (let step = 0; step < 100_000 && taken < output.length; step += 1) {
        taken += host.write(output.subarray(taken, taken + random.integer(1, 40_000)));
        model.take(0, random.integer(0, 3));
        if (random.chance(0.7)) platform.deliverInterrupts();
      }
      model.take(0);
      platform.deliverInterrupts();
      t.true(Buffer.from(model.output.get(0) ?? []).equals(output), `seed ${seed}`);
      t.is(host.port.unsent, 0, `seed ${seed}: nobody waits for what has been sent`);
      t.is(host.port.counters.lostInterrupts, 0);
      t.is(platform.timers, 0);
    }
  });
}

test('what nobody reads stays with the device, what nobody takes with the app', (t) => {
  const { model, platform, host } = start();
  model.isStalled = true;
  const taken = host.write(new Uint8Array(1_000_000));
  t.is(taken, 64 * 1024);
  t.is(host.port.unsent, taken);
  model.send(0, new Uint8Array(100_000));
  platform.deliverInterrupts();
  t.is(model.waiting(0), 100_000 - 4 * 4096);
  platform.advance(20 * lookPeriod);
  t.is(host.port.counters.lostInterrupts, 0, 'a device that takes nothing has lost nothing');
  t.is(host.readAll().length, 100_000);
});

test('a lost interrupt and a lost notification are made up for within a second', (t) => {
  const { model, platform, host } = start();
  model.isStalled = true;
  host.write(new Uint8Array(70_000));
  model.faults.lostInterrupts = 1;
  model.take(0);
  platform.deliverInterrupts();
  t.false(host.hasRoom);
  platform.advance(lookPeriod + 1);
  t.true(host.hasRoom);
  t.is(host.port.counters.lostInterrupts, 1);
  model.isStalled = false;
  model.faults.lostNotifications = 1;
  t.is(host.write(bytes('unheard')), 7);
  t.false(model.text(0).endsWith('unheard'));
  platform.advance(3 * lookPeriod);
  t.true(model.text(0).endsWith('unheard'));
});

test('sizes: of a port by messages, of a device with one port by its configuration', (t) => {
  const { model, platform, host } = start();
  model.control(0, event.resize, 0, [100, 0, 30, 0]);
  model.control(0, event.resize, 0, [0, 0, 0, 0]);
  platform.deliverInterrupts();
  t.deepEqual(host.sizes, [{ columns: 100, rows: 30 }], 'no size is no news');
  const single = start('single');
  t.is(single.host.port.name, 'virtio');
  t.is(single.host.port.size, undefined);
  single.model.changeConfiguration((space) => space.set([132, 0, 43, 0]));
  single.platform.deliverInterrupts();
  t.deepEqual(single.host.sizes, [{ columns: 132, rows: 43 }]);
  single.model.send(0, bytes('hello'));
  single.platform.deliverInterrupts();
  t.is(single.host.readAll(), 'hello');
  single.host.write(bytes('there'));
  t.is(single.model.text(0), 'there');
});

test('a port that is unplugged is gone, and works when it is plugged in again', (t) => {
  const { model, platform, host } = start();
  model.control(0, event.remove, 1);
  platform.deliverInterrupts();
  t.deepEqual(host.connections, [false]);
  model.opened.clear();
  model.control(0, event.add, 1);
  platform.deliverInterrupts();
  platform.deliverInterrupts();
  t.deepEqual(host.connections, [false, true]);
  t.true(model.opened.get(0), 'the device knows that it is in use');
  model.send(0, bytes('again'));
  platform.deliverInterrupts();
  t.is(host.readAll(), 'again');
});

test('a console that is plugged in late is counted, and no harm is done', (t) => {
  const { model, platform, host } = start([{ isConsole: true }, undefined]);
  model.kinds[1] = { isConsole: true };
  model.control(1, event.add, 1);
  platform.deliverInterrupts();
  platform.deliverInterrupts();
  t.is(host.port.counters.lateConsoles, 1);
});

test('messages that mean nothing are counted: ports that are none, unknown events, pieces', (t) => {
  const { model, platform, host } = start();
  for (const port of [1, 7, 99, 0xffffffff]) model.control(port, event.open, 1);
  model.control(0, 77, 1);
  model.controlBytes(new Uint8Array(3));
  model.controlBytes(new Uint8Array(0));
  model.control(0, event.resize, 0);
  platform.deliverInterrupts();
  t.is(host.port.counters.unknownMessages, 5);
  t.is(host.port.counters.malformedMessages, 3);
  model.send(0, bytes('on'));
  platform.deliverInterrupts();
  t.is(host.readAll(), 'on');
});

test('a device that lies about what it used is given up, and its ports are gone', (t) => {
  const lies: readonly ((model: VirtioConsoleModel) => void)[] = [
    (model) => model.queueOf(0, 'receive').push(999, 1),
    (model) => model.queueOf(0, 'receive').push(model.queueOf(0, 'receive').pop()?.id ?? 0, 5000),
    (model) => model.queueOf(0, 'receive').skipUsed(1000),
    (model) => model.queueOf(0, 'transmit').push(5, 0),
    (model) => model.queues[2]?.push(200, 8),
  ];
  for (const [index, lie] of lies.entries()) {
    const { model, platform, host } = start();
    lie(model);
    for (const queue of model.queues) queue.publish();
    platform.deliverInterrupts();
    host.readAll();
    t.is(platform.messages.length, 1, `lie ${index}`);
    t.regex(platform.messages[0] ?? '', /gave the device up: used/, `lie ${index}`);
    t.deepEqual(host.connections, [false], `lie ${index}`);
    t.is(model.status & 4, 0, `lie ${index}: the device is reset`);
    host.write(new Uint8Array(100_000)); // and does not hang
    model.raise('queue', model.queues[0]);
    platform.deliverInterrupts();
    host.readAll();
  }
});

test('a device that asks for a reset is given up', (t) => {
  const { model, platform, host } = start();
  model.needReset();
  platform.deliverInterrupts();
  t.regex(platform.messages.join(), /gave the device up: it asked for a reset/);
  t.deepEqual(host.connections, [false]);
});

test('a device that never stops to send messages does not hold the loop', (t) => {
  const { model, platform, host } = start();
  const queue = model.queues[2];
  // Each buffer that comes back is used at once.
  const flood = (): void => {
    while (model.control(0, event.name, 1)) queue?.wantNotifications(true);
  };
  const { onNotify } = model;
  model.onNotify = (notified) => {
    if (notified === queue) flood();
    else onNotify(notified);
  };
  flood();
  platform.deliverInterrupts();
  const before = host.port.counters.controlMessages ?? 0;
  t.true(before < 200, `${before} messages in one turn`);
  platform.advance(10);
  t.true((host.port.counters.controlMessages ?? 0) > before, 'it goes on in the next ones');
});

test('a device that says nothing of its ports, or has no queues, is left out', (t) => {
  const platform = new FakePlatform();
  const silent = new VirtioConsoleModel(platform, oneConsole);
  silent.isSilent = true;
  t.deepEqual(attach(platform), []);
  t.regex(platform.messages.join(), /left out the device .*: it does not tell which ports it has/);
  t.is(silent.status, 0);
  const without = new FakePlatform();
  new VirtioConsoleModel(without, oneConsole, { queueSize: 0 });
  t.deepEqual(attach(without), []);
  t.regex(without.messages.join(), /it has no queue 0/);
});

test('queues of two work as well', (t) => {
  const { model, platform, host } = start('single', { queueSize: 2 });
  model.isStalled = true;
  const output = new Uint8Array(100_000).fill(0x61);
  let taken = 0;
  for (let round = 0; round < 20 && taken < output.length; round += 1) {
    taken += host.write(output.subarray(taken));
    model.take(0);
    platform.deliverInterrupts();
  }
  t.is(model.text(0).length, output.length);
  model.send(0, new Uint8Array(50_000));
  for (let round = 0; round < 20; round += 1) {
    platform.deliverInterrupts();
    host.read();
  }
  platform.deliverInterrupts();
  host.readAll();
  t.is(model.waiting(0), 0);
});

test('a port that was closed says so', (t) => {
  const { model, platform, host } = start();
  host.port.stop();
  t.false(model.opened.get(0));
  model.send(0, bytes('late'));
  platform.deliverInterrupts();
  t.false(host.hasInput);
  t.is(platform.timers, 0);
});
