import { readCapabilities } from '@runtimejs/pci/capabilities.ts';
import { findFunctions, PciFunction } from '@runtimejs/pci/function.ts';
import { chooseFeatures, Features } from '@runtimejs/virtio/features.ts';
import { type ChainPart, Virtqueue } from '@runtimejs/virtio/queue.ts';
import { attach } from '@runtimejs/virtio-rng/driver.ts';
import test from 'ava';
import { FakeFunction, FakePlatform } from './support/fake-platform.ts';
import { createRegisters } from './support/trapped-registers.ts';
import { type DeviceQueue, VirtioModel } from './support/virtio-device.ts';
import { VirtioPciModel } from './support/virtio-transports.ts';

const version1 = 32;
const indirect = 28;
const eventIndex = 29;

test('walks a capability list that loops, leaves the space or ends in nothing', (t) => {
  const platform = new FakePlatform();
  const looping = new FakeFunction(platform, 1, 1, 1);
  looping.addCapability(5, [0, 0]);
  const second = looping.addCapability(9, [0, 0]);
  looping.space.setUint8(second + 1, 0x40);
  t.deepEqual(
    readCapabilities(looping).map(({ kind }) => kind),
    [5, 9],
  );
  looping.space.setUint8(second + 1, 0x10);
  t.is(readCapabilities(looping).length, 2, 'a pointer into the header ends the list');
  const blind = new FakeFunction(platform, 2, 1, 1);
  blind.addCapability(0xff, [0, 0]);
  t.deepEqual(readCapabilities(blind), []);
  const none = new FakeFunction(platform, 3, 1, 1);
  none.space.setUint8(0x34, 0x40);
  t.deepEqual(readCapabilities(none), [], 'the status register says that there is no list');
});

test('finds functions by vendor, device and class', (t) => {
  const platform = new FakePlatform();
  const card = new FakeFunction(platform, 4, 0x8086, 0x100e);
  card.space.setUint8(0x0b, 2);
  new FakeFunction(platform, 5, 0x8086, 0x7010);
  new FakeFunction(platform, 6, 0x1af4, 0x1000);
  const names = (match: Parameters<typeof findFunctions>[1]) =>
    findFunctions(platform, match).map(({ name }) => name);
  t.deepEqual(names({ vendor: 0x8086 }), ['0000:00:04.0', '0000:00:05.0']);
  t.deepEqual(names({ devices: [0x1000, 0x100e] }), ['0000:00:04.0', '0000:00:06.0']);
  t.deepEqual(names({ class: 0x0200 }), ['0000:00:04.0']);
});

test('programs MSI, in both widths, and turns it off again', (t) => {
  for (const is64Bit of [false, true]) {
    const platform = new FakePlatform();
    const access = new FakeFunction(platform, 4, 1, 1);
    const at = access.addCapability(5, [is64Bit ? 0x80 : 0, 0, ...new Array(12).fill(0)]);
    const interrupts = new PciFunction(access).openInterrupts(4);
    t.is(interrupts.kind, 'msi');
    t.is(interrupts.vectors.length, 1);
    t.is(access.read(at + 2, 2), is64Bit ? 0x81 : 0x01);
    t.is(access.read(at + 4, 4), 0xfee00000);
    t.is(access.read(at + (is64Bit ? 12 : 8), 2), interrupts.vectors[0]?.messageData ?? 0);
    t.is(access.command & 0x400, 0x400, 'the line is off');
    interrupts.release();
    t.is(access.read(at + 2, 2) & 1, 0);
  }
});

test('masks MSI-X vectors, and reads what is pending', (t) => {
  const platform = new FakePlatform();
  const access = new FakeFunction(platform, 4, 1, 1);
  const table = new Uint32Array(0x400);
  const registers = createRegisters(0x1000, {
    read: (offset) => table[offset / 4] as number,
    write: (offset, _width, value) => {
      table[offset / 4] = value;
    },
  });
  access.bars[2] = { kind: 'memory', size: 0x1000, registers };
  const at = access.addCapability(0x11, [7, 0, 2, 0, 0, 0, 2, 8, 0, 0]);
  const interrupts = new PciFunction(access).openInterrupts(2);
  t.is(interrupts.kind, 'msix');
  t.is(access.read(at + 2, 2), 0x8007);
  const masks = () => Array.from({ length: 8 }, (_, vector) => table[4 * vector + 3]);
  t.deepEqual(masks(), [0, 0, 1, 1, 1, 1, 1, 1]);
  interrupts.setMasked(1, true);
  t.is(masks()[1], 1);
  table[0x800 / 4] = 2;
  t.true(interrupts.isPending(1));
  t.false(interrupts.isPending(0));
  interrupts.release();
  t.is(access.read(at + 2, 2), 7);
});

test('falls back to the line when the MSI-X table lies outside of its registers', (t) => {
  const platform = new FakePlatform();
  const access = new FakeFunction(platform, 4, 1, 1);
  const registers = createRegisters(0x1000, { read: () => 0, write: () => t.fail('no write') });
  access.bars[2] = { kind: 'memory', size: 0x1000, registers };
  access.addCapability(0x11, [0xff, 7, 2, 0, 0, 0, 2, 8, 0, 0]);
  t.is(new PciFunction(access).openInterrupts(2).kind, 'line');
});

test('chooses features: needed, usable, and what they need in turn', (t) => {
  const wishes = {
    needed: { V1: version1 },
    usable: { A: 1, B: 2, C: 3, D: 40 },
    requirements: [
      [1, 2],
      [2, 3],
    ] as const,
  };
  const choose = (...bits: number[]) => chooseFeatures(Features.of(bits), wishes);
  t.deepEqual(choose(1, 2, 3), ['V1']);
  t.deepEqual(choose(1, 2, 3, 32, 50), Features.of([1, 2, 3, 32]));
  t.deepEqual(choose(1, 2, 32, 40), Features.of([32, 40]), 'B needs C, so A goes as well');
});

/** A queue and the device's end of it. */
function connect(options: { size: number; longestChain?: number }, features: readonly number[]) {
  const platform = new FakePlatform();
  const model = new VirtioModel(platform, {
    type: 1,
    features,
    queues: [options.size],
    configuration: new Uint8Array(0),
  });
  const queue = new Virtqueue<{ name: number }>(platform, options);
  const agreed = Features.of(features);
  const device = model.queues[0] as DeviceQueue;
  queue.prepare(agreed);
  queue.connect(() => model.notify(0));
  model.accepted = model.offered;
  model.status = 15;
  device.size = options.size;
  device.descriptors = queue.memory.deviceAddress;
  device.available = device.descriptors + queue.placement.available;
  device.used = device.descriptors + queue.placement.used;
  device.isEnabled = true;
  return { platform, model, queue, device };
}

for (const features of [[], [indirect], [eventIndex], [indirect, eventIndex]]) {
  test(`chains go out and come back in any order, with features [${features.join()}]`, (t) => {
    const { platform, queue, device } = connect({ size: 8, longestChain: 4 }, features);
    const { deviceAddress } = platform.allocateDma(4096);
    let next = 0;
    let submitted = 0;
    const expected = new Map<number, number>();
    const flying: { id: number; name: number }[] = [];
    // A fixed sequence of choices; it goes around the rings many times.
    let seed = 1;
    const choose = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 16) % below;
    };
    for (let step = 0; step < 200_000; step++) {
      if (choose(2) === 0) {
        const parts: ChainPart[] = [];
        const count = 1 + choose(4);
        for (let at = 0; at < count; at++) {
          parts.push({
            deviceAddress: deviceAddress + 16 * at,
            length: 1 + choose(16),
            deviceWrites: at >= count / 2,
          });
        }
        const buffer = { name: next };
        const isTaken =
          count === 1
            ? queue.submit(buffer, deviceAddress, parts[0]?.length ?? 1, false)
            : queue.submitChain(buffer, parts);
        if (isTaken) {
          const room = count === 1 ? 0 : parts.filter((part) => part.deviceWrites);
          const writable = room === 0 ? 0 : room.reduce((sum, { length }) => sum + length, 0);
          expected.set(next, writable);
          next += 1;
          submitted += 1;
          queue.flush();
        }
      } else {
        for (let chain = device.pop(); chain !== null; chain = device.pop()) {
          const writes = chain.parts.filter((part) => part.deviceWrites);
          if (features.includes(indirect) && chain.parts.length > 1) t.true(chain.isIndirect);
          flying.push({ id: chain.id, name: next });
          if (writes.length > 0 && choose(2) === 0) break;
        }
        const index = choose(Math.max(1, flying.length));
        const [done] = flying.splice(index, 1);
        if (done !== undefined) {
          device.push(done.id, 0);
          device.publish();
        }
        for (let used = queue.takeUsed(); used !== null; used = queue.takeUsed()) {
          if (!expected.delete(used.name)) return t.fail(`buffer ${used.name} came twice`);
          submitted -= 1;
        }
        if (queue.violation !== null) return t.fail(queue.violation);
        t.is(queue.inFlight, submitted);
      }
    }
    t.true(next > 10_000, 'the rings went around');
    queue.drain((buffer) => expected.delete(buffer.name));
    t.is(expected.size, 0);
    t.is(queue.free, 8);
    t.is(queue.inFlight, 0);
    return undefined;
  });
}

test('notifies once for many buffers, and not while the device is awake', (t) => {
  for (const features of [[], [eventIndex]]) {
    const { platform, queue, device } = connect({ size: 16 }, features);
    const { deviceAddress } = platform.allocateDma(4096);
    for (let count = 0; count < 5; count++) queue.submit({ name: 1 }, deviceAddress, 1, false);
    t.is(device.notifications, 0);
    queue.flush();
    queue.flush();
    t.is(device.notifications, 1);
    device.wantNotifications(false);
    queue.submit({ name: 1 }, deviceAddress, 1, false);
    queue.flush();
    t.is(device.notifications, 1);
    t.is(queue.suppressed, 1);
    while (device.pop() !== null);
    device.wantNotifications(true);
    queue.submit({ name: 1 }, deviceAddress, 1, false);
    queue.flush();
    t.is(device.notifications, 2);
  }
});

test('a queue refuses sizes and chains that it was not made for', (t) => {
  const platform = new FakePlatform();
  for (const size of [0, 3, 65536]) {
    t.throws(() => new Virtqueue(platform, { size }), { message: /a power of two/ });
  }
  const queue = new Virtqueue(platform, { size: 4 });
  const part = { deviceAddress: 0, length: 1, deviceWrites: false };
  t.throws(() => queue.submitChain({}, [part, part]), { message: /a chain of 2 parts/ });
});

/** An entropy source that gives bytes of a kind. */
function entropySource(platform: FakePlatform, bytes = 64): VirtioModel {
  const model = new VirtioModel(platform, {
    type: 4,
    features: [version1, eventIndex],
    queues: [8],
    configuration: new Uint8Array(0),
  });
  model.onNotify = (queue) => {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const part = chain.parts[0];
      if (part === undefined) continue;
      platform.memory.bytes.fill(0xa5, part.offset, part.offset + Math.min(bytes, part.length));
      queue.push(chain.id, bytes);
    }
    queue.wantNotifications(true);
    queue.publish();
  };
  return model;
}

test('an entropy source feeds the pool at the start, every five minutes and on request', (t) => {
  const platform = new FakePlatform();
  const model = entropySource(platform);
  new VirtioPciModel(platform, model, { id: 0x1005 });
  const [source] = attach(platform);
  platform.deliverInterrupts();
  t.is(platform.entropy.length, 1);
  t.deepEqual(platform.entropy[0], new Uint8Array(64).fill(0xa5));
  platform.advance(299_000_000);
  t.is(platform.entropy.length, 1);
  platform.advance(2_000_000);
  platform.deliverInterrupts();
  t.is(platform.entropy.length, 2);
  source?.request();
  source?.request();
  platform.deliverInterrupts();
  t.is(platform.entropy.length, 3);
  source?.stop();
  t.is(model.status, 0);
  t.is(platform.timers, 0);
  source?.request();
  t.is(platform.entropy.length, 3);
});

test('an entropy source whose interrupt or notification got lost', (t) => {
  const platform = new FakePlatform();
  const model = entropySource(platform);
  model.faults.lostInterrupts = 1;
  new VirtioPciModel(platform, model);
  attach(platform);
  platform.deliverInterrupts();
  t.is(platform.entropy.length, 0);
  platform.advance(1_500_000);
  t.is(platform.entropy.length, 1);
  model.faults.lostNotifications = 1;
  platform.advance(305_000_000);
  platform.deliverInterrupts();
  t.is(platform.entropy.length, 2);
});

test('an entropy source that gives nothing, or nonsense, or never answers', (t) => {
  const empty = new FakePlatform();
  new VirtioPciModel(empty, entropySource(empty, 0));
  const [source] = attach(empty);
  empty.deliverInterrupts();
  t.is(source?.counters.empty, 1);
  t.is(empty.entropy.length, 0);

  const hostile = new FakePlatform();
  const liar = entropySource(hostile, 65);
  new VirtioPciModel(hostile, liar);
  attach(hostile);
  hostile.deliverInterrupts();
  t.is(hostile.entropy.length, 0, 'nothing of it is believed');
  t.is(liar.status, 0);
  t.regex(hostile.messages.at(-1) ?? '', /gave the device up: used entry of 65 bytes/);

  const silent = new FakePlatform();
  const deaf = entropySource(silent);
  deaf.faults.deafQueues.add(0);
  new VirtioPciModel(silent, deaf);
  attach(silent);
  silent.advance(60_000_000);
  t.is(deaf.status, 0);
  t.is(silent.timers, 0);
  t.regex(silent.messages.at(-1) ?? '', /does not answer/);
});
