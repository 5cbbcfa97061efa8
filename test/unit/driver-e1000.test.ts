import type { E1000Device } from '@runtimejs/e1000/device.ts';
import { attach } from '@runtimejs/e1000/driver.ts';
import { internetChecksum } from '@runtimejs/net/memory.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import test from 'ava';
import { E1000Model } from './support/e1000-model.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { Upper } from './support/upper.ts';

interface Bench {
  readonly platform: FakePlatform;
  readonly model: E1000Model;
  readonly device: E1000Device;
  readonly upper: Upper;
}

function start(prepare: (model: E1000Model) => void = () => {}): Bench {
  const platform = new FakePlatform();
  const model = new E1000Model(platform);
  prepare(model);
  const [device] = attach(platform, platform.memory);
  if (device === undefined) throw new Error(platform.messages.join('\n'));
  const upper = new Upper();
  device.attach(upper);
  return { platform, model, device, upper };
}

function frame(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 5 + length) & 0xff);
}

function send(bench: Bench, bytes: Uint8Array, mark: (packet: Packet) => void = () => {}): boolean {
  const packet = bench.device.allocate(bytes.length - 14);
  if (packet === null) return false;
  packet.start -= 14;
  packet.end = packet.start + bytes.length;
  bench.platform.memory.bytes.set(bytes, packet.start);
  mark(packet);
  bench.device.transmit(packet);
  return true;
}

function contentOf(bench: Bench, packet: Packet | undefined): Uint8Array {
  return bench.platform.memory.bytes.slice(packet?.start ?? 0, packet?.end ?? 0);
}

test('starts the card with its address', (t) => {
  const { device, model, platform } = start();
  t.deepEqual([...device.hardwareAddress], [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
  t.true(device.linkUp);
  t.true(model.isReceiving);
  t.is(model.buffers, 255, 'all but one');
  t.regex(platform.messages.join('\n'), /info: e1000-0: 82540EM at PCI 0000:00:05.0, MTU 1500/);
});

test('reads the address from the EEPROM when the card has not loaded it', (t) => {
  const { device } = start((model) => {
    model.forgetAddress();
    model.eeprom.splice(0, 3, 0x0002, 0x0403, 0x0605);
  });
  t.deepEqual([...device.hardwareAddress], [2, 0, 3, 4, 5, 6]);
});

test('sends frames, told once per flush', (t) => {
  const bench = start();
  send(bench, frame(60));
  send(bench, frame(1514));
  t.is(bench.model.sent.length, 0);
  bench.device.flush();
  t.is(bench.model.tailWrites, 2, 'one at the start');
  t.deepEqual(bench.model.sent, [frame(60), frame(1514)]);
});

test('has the card fill in checksums, and says where only when that changes', (t) => {
  const bench = start();
  const mark = (start: number, offset: number) => (packet: Packet) => {
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start + start;
    packet.checksumOffset = offset;
    // The sum of the pseudo-header would be there.
    bench.platform.memory.bytes.fill(
      0,
      packet.start + start + offset,
      packet.start + start + offset + 2,
    );
  };
  send(bench, frame(101), mark(34, 16));
  send(bench, frame(200), mark(34, 16));
  send(bench, frame(300));
  send(bench, frame(400), mark(54, 6));
  bench.device.flush();
  t.is(bench.model.get(0x3810), 6, 'four frames and two contexts');
  for (const [index, start] of [34, 34, undefined, 54].entries()) {
    const sent = bench.model.sent[index] as Uint8Array;
    if (start === undefined) t.deepEqual(sent, frame(300));
    else t.is(internetChecksum(sent, start, sent.length - start, 0), 0xffff);
  }
});

test('refuses what the card cannot send, and counts it', (t) => {
  const bench = start();
  const { device, model } = bench;
  send(bench, frame(13));
  send(bench, frame(1515));
  send(bench, frame(200), (packet) => {
    packet.segmentSize = 100;
  });
  send(bench, frame(400), (packet) => {
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start + 250;
    packet.checksumOffset = 16;
  });
  device.flush();
  t.is(model.sent.length, 0);
  t.is(device.counters.dropSendLength, 2);
  t.is(device.counters.dropSendOffload, 2);
  t.is(device.allocate(4000), null);
});

test('sends 5,000 frames through the ring, and 1,023 held by the card', (t) => {
  const bench = start();
  const { device, model } = bench;
  for (let count = 0; count < 5000; count++) {
    if (!send(bench, frame(60 + (count % 100)))) return t.fail('no buffer');
    if (count % 9 === 0) device.flush();
  }
  device.flush();
  t.is(model.sent.length, 5000);
  device.poll(64);
  model.holdsSent = true;
  let sent = 0;
  while (send(bench, frame(60))) sent += 1;
  t.is(sent, 1024);
  device.flush();
  device.poll(64);
  t.false(device.armInterrupt(true), 'nothing is sent yet');
  model.send(100);
  bench.platform.deliverInterrupts();
  t.true(device.counters.interrupts > 0);
  for (let round = 0; round < 20; round++) {
    device.poll(64);
    model.send();
  }
  t.is(model.sent.length, 5000 + sent);
  t.true(send(bench, frame(60)));
  return undefined;
});

test('receives frames, and gives the buffers to the card again', (t) => {
  const bench = start();
  const { device, model, upper } = bench;
  for (let round = 0; round < 1000; round++) {
    t.true(model.receive(frame(60 + round)));
    device.poll(64);
    const packet = upper.packets.pop();
    t.deepEqual(contentOf(bench, packet), frame(60 + round));
    packet?.release();
  }
  t.is(device.counters.receivedPackets, 1000);
});

test('goes on when the layers above kept all buffers for a while', (t) => {
  const { device, model, upper } = start();
  let received = 0;
  while (model.receive(frame(60))) {
    received += 1;
    device.poll(64);
  }
  t.is(received, 512);
  for (const packet of upper.packets.splice(0)) packet.release();
  device.armInterrupt(true);
  t.is(model.buffers, 255);
});

test('passes on verified checksums, and drops damaged and split frames', (t) => {
  const { device, model, upper } = start();
  model.receive(frame(60), 0x22);
  model.receive(frame(60), 0x2022); // its checksum is wrong: the layers above find out
  model.receive(frame(60), 0x26); // the bits say nothing
  model.receive(frame(60), 0x0102); // CRC
  model.receive(frame(60), 0); // begins a frame of two buffers
  model.receive(frame(60), 2); // and ends it
  model.receive(frame(10), 2);
  model.receive(frame(61), 2);
  device.poll(64);
  t.deepEqual(
    upper.packets.map(({ checksum }) => checksum),
    [checksumState.verified, checksumState.none, checksumState.none, checksumState.none],
  );
  t.is(device.counters.dropReceivedDamaged, 2);
  t.is(device.counters.dropReceivedShort, 1);
});

test('gives up a card that claims more bytes than a buffer has', (t) => {
  const bench = start();
  const { device, model, platform, upper } = bench;
  model.receive(frame(60), 2, 2049);
  device.poll(64);
  device.poll(64);
  t.deepEqual(upper.links, [false]);
  t.false(model.isReceiving);
  t.is(model.function.command & 4, 0);
  t.regex(platform.messages.at(-1) ?? '', /gave the device up: a frame of 2049 bytes/);
  for (let count = 0; count < 3000; count++) t.true(send(bench, frame(60)));
  platform.advance(10_000_000);
  t.is(platform.timers, 0);
});

test('interrupts only when armed, and says what came meanwhile', (t) => {
  const { device, model, platform } = start();
  device.armInterrupt(false);
  model.receive(frame(60));
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 0);
  t.true(device.armInterrupt(true));
  device.poll(64);
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 0, 'what was polled does not interrupt later');
  t.false(device.armInterrupt(true));
  model.receive(frame(60));
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 1);
  t.is(model.function.line.acknowledged, 1);
});

test('acknowledges a shared line that somebody else raised', (t) => {
  const { device, model, platform } = start();
  device.armInterrupt(true);
  model.function.line.raised += 1;
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 0);
  t.is(model.function.line.acknowledged, 1);
});

test('reports link changes, also when their interrupt was lost', (t) => {
  const { device, model, platform, upper } = start();
  model.setLink(false);
  platform.deliverInterrupts();
  t.true(device.armInterrupt(true));
  device.poll(64);
  model.linkUp = true;
  platform.advance(2_000_000);
  device.poll(64);
  t.deepEqual(upper.links, [false, true]);
});

test('tells the card again when it missed the tail', (t) => {
  const bench = start();
  bench.model.faults.lostTails = 1;
  send(bench, frame(60));
  bench.device.flush();
  t.is(bench.model.sent.length, 0);
  bench.platform.advance(3_000_000);
  t.is(bench.model.sent.length, 1);
  t.is(bench.device.counters.watchdogKicks, 1);
});

test('joins and leaves groups', (t) => {
  const { device, model } = start();
  const one = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
  const other = Uint8Array.of(1, 0, 0x5e, 0, 0x13, 0xfb);
  t.false(model.takesGroup(one));
  device.setMulticast(one, true);
  device.setMulticast(other, true);
  t.true(model.takesGroup(one));
  t.true(model.takesGroup(other));
  device.setMulticast(one, false);
  t.false(model.takesGroup(one));
  t.true(model.takesGroup(other));
});

test('stop() leaves the card without access to memory, interrupts and timers', (t) => {
  const { device, model, platform } = start();
  device.stop();
  t.false(model.isReceiving);
  t.is(model.function.command & 4, 0);
  t.is(platform.timers, 0);
  t.true(model.function.line.isReleased);
});

const refusals: Record<string, [RegExp, (platform: FakePlatform) => void]> = {
  'that does not reset': [
    /does not finish its reset/,
    (platform) => {
      new E1000Model(platform).faults.neverResets = true;
    },
  ],
  'without an address': [
    /no MAC address/,
    (platform) => {
      const model = new E1000Model(platform);
      model.forgetAddress();
      model.faults.eepromIsDead = true;
    },
  ],
  'for which there is no memory': [
    /out of DMA memory/,
    (platform) => {
      new E1000Model(platform);
      platform.dmaLimit = 300_000;
    },
  ],
};

for (const [name, [message, prepare]] of Object.entries(refusals)) {
  test(`leaves out a card ${name}, and keeps nothing`, (t) => {
    const platform = new FakePlatform();
    prepare(platform);
    t.deepEqual(attach(platform, platform.memory), []);
    t.regex(platform.messages.join('\n'), message);
    t.is(platform.dmaInUse, 0);
    t.is(platform.timers, 0);
    t.is((platform.functions[0]?.read(4, 2) ?? 4) & 4, 0);
  });
}
