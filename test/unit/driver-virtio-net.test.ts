import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import type { VirtioNetworkDevice } from '@runtimejs/virtio-net/device.ts';
import { attach } from '@runtimejs/virtio-net/driver.ts';
import test from 'ava';
import { FakePlatform } from './support/fake-platform.ts';
import { Upper } from './support/upper.ts';
import { allFeatures, offered, plainFeatures, VirtioNetModel } from './support/virtio-net-model.ts';
import { type PciOptions, VirtioMmioModel, VirtioPciModel } from './support/virtio-transports.ts';

interface Bench {
  readonly platform: FakePlatform;
  readonly model: VirtioNetModel;
  readonly pci: VirtioPciModel;
  readonly device: VirtioNetworkDevice;
  readonly upper: Upper;
}

/** A card on PCI with its driver running. */
function start(features: readonly number[] = allFeatures, options: PciOptions = {}): Bench {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform, features);
  const pci = new VirtioPciModel(platform, model, options);
  const [device] = attach(platform, platform.memory);
  if (device === undefined) throw new Error(platform.messages.join('\n'));
  const upper = new Upper();
  device.attach(upper);
  return { platform, model, pci, device, upper };
}

const without = (...left: number[]) => allFeatures.filter((number) => !left.includes(number));

/** A frame with recognisable content and an EtherType. */
function frame(length: number, etherType = 0x0800): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff);
  bytes[12] = etherType >> 8;
  bytes[13] = etherType & 0xff;
  return bytes;
}

/** Sends bytes as the stack does. @returns false when there was no packet */
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

/** All bytes of a received packet, over all of its buffers. */
function contentOf(bench: Bench, packet: Packet): Uint8Array {
  const parts: number[] = [];
  for (let at: Packet | null = packet; at !== null; at = at.next) {
    parts.push(...bench.platform.memory.bytes.subarray(at.start, at.end));
  }
  return Uint8Array.from(parts);
}

test('negotiates, reads the identity and runs', (t) => {
  const { model, device, platform, pci } = start();
  t.deepEqual([...device.hardwareAddress], [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
  t.is(device.mtu, 1500);
  t.true(device.linkUp);
  t.true(device.offloads.transmitChecksum);
  t.true(device.offloads.segmentation4 > 60000);
  t.true(device.offloads.segmentation6 > 60000);
  t.true(model.isRunning);
  t.deepEqual(model.statusWrites, [0, 1, 3, 11, 15], 'reset, then one step after the other');
  t.false(model.agreed(offered.multiqueue), 'one pair of queues is enough');
  t.is(model.queue(0).waiting, 64, 'receive buffers, to begin with');
  t.is(pci.function.command & 6, 6, 'memory and bus mastering are on');
  t.regex(platform.messages.join('\n'), /info: virtio-net0: at PCI 0000:00:03.0, MTU 1500/);
});

test('sends a frame with an empty header, and tells the device once per flush', (t) => {
  const bench = start();
  const { model, device } = bench;
  t.true(send(bench, frame(60)));
  t.true(send(bench, frame(1514)));
  t.is(model.sent.length, 0, 'nothing before flush()');
  device.flush();
  t.is(model.queue(1).notifications, 1);
  t.deepEqual(
    model.sent.map(({ bytes }) => bytes),
    [frame(60), frame(1514)],
  );
  t.deepEqual([...(model.sent[0]?.header ?? [])], new Array(12).fill(0));
  t.is(device.counters.sentPackets, 2);
  t.is(device.counters.sentBytes, 1574);
});

test('asks for checksum and segmentation in the header', (t) => {
  const bench = start();
  const { model, device } = bench;
  // Ethernet, IPv4 of 20 bytes, TCP of 32 bytes.
  const bytes = frame(14 + 20 + 32 + 5000);
  bytes[34 + 12] = 0x80;
  send(bench, bytes, (packet) => {
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start + 34;
    packet.checksumOffset = 16;
    packet.segmentSize = 1448;
  });
  device.flush();
  // flags, type, header length 66, segment size 1448, checksum start 34, offset 16, no buffers
  t.deepEqual(
    [...(model.sent[0]?.header ?? [])],
    [1, 1, 66, 0, 1448 & 255, 1448 >> 8, 34, 0, 16, 0, 0, 0],
  );
  t.deepEqual(model.sent[0]?.bytes, bytes);
});

test('segments IPv6 as such, and sends what fits one segment as a plain frame', (t) => {
  const bench = start();
  const { model, device } = bench;
  const mark = (packet: Packet) => {
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start + 54;
    packet.checksumOffset = 16;
    packet.segmentSize = 1000;
  };
  const large = frame(14 + 40 + 20 + 2001, 0x86dd);
  large[54 + 12] = 0x50;
  const small = frame(14 + 40 + 20 + 1000, 0x86dd);
  small[54 + 12] = 0x50;
  send(bench, large, mark);
  send(bench, small, mark);
  device.flush();
  t.is(model.sent[0]?.header[1], 4);
  t.is(model.sent[0]?.header[2], 74);
  t.deepEqual([...(model.sent[1]?.header ?? [])], [1, 0, 0, 0, 0, 0, 54, 0, 16, 0, 0, 0]);
});

test('refuses to send what the device cannot do, and counts it', (t) => {
  const bench = start(plainFeatures);
  const { device, model } = bench;
  t.is(device.offloads.segmentation4, 0);
  t.false(device.offloads.transmitChecksum);
  send(bench, frame(200), (packet) => {
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start + 34;
    packet.checksumOffset = 16;
  });
  send(bench, frame(200), (packet) => {
    packet.segmentSize = 100;
  });
  send(bench, frame(60), (packet) => {
    packet.end = packet.start + 13;
  });
  device.flush();
  t.is(model.sent.length, 0);
  t.is(device.counters.dropSendOffload, 2);
  t.is(device.counters.dropSendLength, 1);
  t.is(device.allocate(40000), null, 'no buffer is that large');
});

test('receives frames, and gives the buffers to the device again', (t) => {
  const bench = start();
  const { device, model, upper } = bench;
  for (let round = 0; round < 1000; round++) {
    t.true(model.receive(frame(60 + (round % 1400))));
    device.poll(64);
    const packet = upper.packets.pop();
    if (packet === undefined) return t.fail(`nothing came in round ${round}`);
    t.deepEqual(contentOf(bench, packet), frame(60 + (round % 1400)));
    t.is((packet.start + 14) % 4, 0, 'the IP header is aligned');
    packet.release();
  }
  t.is(device.counters.receivedPackets, 1000);
  return undefined;
});

test('puts a frame together from several buffers', (t) => {
  const bench = start();
  const { device, model, upper } = bench;
  const large = frame(40000);
  model.receive(large, {
    flags: 1,
    type: 1,
    segmentSize: 1448,
    checksumStart: 34,
    checksumOffset: 16,
  });
  model.receive(frame(60));
  t.false(device.poll(64));
  const [first, second] = upper.packets;
  if (first === undefined || second === undefined) return t.fail('two packets were to come');
  t.deepEqual(contentOf(bench, first), large);
  t.is(first.segmentSize, 1448);
  t.is(first.checksum, checksumState.partial);
  t.is(first.checksumStart, first.start + 34);
  t.is(first.checksumOffset, 16);
  t.deepEqual(contentOf(bench, second), frame(60));
  t.is(second.checksum, checksumState.none);
  first.release();
  second.release();
  device.armInterrupt(true);
  t.is(model.queue(0).waiting, 64, 'all buffers are back');
  return undefined;
});

test('passes on that the device verified a checksum', (t) => {
  const { device, model, upper } = start();
  model.receive(frame(100), { flags: 2 });
  device.poll(64);
  t.is(upper.packets[0]?.checksum, checksumState.verified);
});

test('drops frames with impossible offload fields, and goes on', (t) => {
  const { device, model, upper } = start(without(offered.guestTso6));
  model.receive(frame(100), { flags: 1, checksumStart: 90, checksumOffset: 9 });
  model.receive(frame(100), { flags: 1, checksumStart: 65535, checksumOffset: 65535 });
  model.receive(frame(100), { type: 4, segmentSize: 1000 });
  model.receive(frame(100), { type: 3, segmentSize: 1000 });
  model.receive(frame(100), { type: 1, segmentSize: 0 });
  model.receive(frame(13));
  model.receive(frame(101));
  device.poll(64);
  t.is(upper.packets.length, 1);
  t.is(device.counters.dropReceivedOffload, 5);
  t.is(device.counters.dropReceivedShort, 1);
  t.true(device.linkUp);
});

test('hands up no more than the budget', (t) => {
  const { device, model, upper } = start();
  for (let count = 0; count < 10; count++) model.receive(frame(60));
  t.true(device.poll(4));
  t.is(upper.packets.length, 4);
  t.true(device.poll(4));
  t.false(device.poll(4));
  t.is(upper.packets.length, 10);
});

test('goes on receiving when the layers above kept all buffers for a while', (t) => {
  const { device, model, upper } = start(without(offered.guestTso4, offered.guestTso6));
  let received = 0;
  while (model.receive(frame(60))) {
    received += 1;
    device.poll(64);
    if (received > 2000) return t.fail('buffers without end');
  }
  t.is(received, 512, 'the queue twice over');
  for (const packet of upper.packets.splice(0)) packet.release();
  t.false(device.armInterrupt(true));
  t.is(model.queue(0).waiting, 256);
  t.true(model.receive(frame(60)));
  return undefined;
});

for (const name of ['eventIndex', 'no eventIndex'] as const) {
  // Without the control queue, whose answers interrupt, too.
  const features =
    name === 'eventIndex' ? without(offered.control) : without(offered.control, offered.eventIndex);

  test(`interrupts only when armed, with ${name}`, (t) => {
    const bench = start(features);
    const { device, model, platform } = bench;
    device.armInterrupt(false);
    model.receive(frame(60));
    platform.deliverInterrupts();
    t.is(device.counters.interrupts, 0);
    t.true(device.armInterrupt(true), 'something came meanwhile');
    device.poll(64);
    t.false(device.armInterrupt(true));
    model.receive(frame(60));
    platform.deliverInterrupts();
    t.is(device.counters.interrupts, 1);
    device.poll(64);
    device.armInterrupt(false);
    model.receive(frame(60));
    platform.deliverInterrupts();
    t.is(device.counters.interrupts, 1);
  });

  test(`sends 10,000 frames without an interrupt, with ${name}`, (t) => {
    const bench = start(features);
    const { device, model, platform } = bench;
    for (let count = 0; count < 10_000; count++) {
      if (!send(bench, frame(60))) return t.fail('no buffer');
      if (count % 7 === 0) device.flush();
      if (count % 50 === 0) device.poll(64);
      platform.deliverInterrupts();
    }
    device.flush();
    t.is(model.sent.length, 10_000);
    // The event index comes round once in 65,536 buffers, so not even that.
    t.is(device.counters.interrupts, 0);
    return undefined;
  });

  test(`asks for an interrupt when packets ran out, with ${name}`, (t) => {
    const bench = start(features);
    const { device, model, platform } = bench;
    model.holdsSent = true;
    let sent = 0;
    while (send(bench, frame(60))) sent += 1;
    device.flush();
    t.is(sent, 1024, 'as many as the pool makes, queue and backlog');
    t.is(device.counters.dropSendNoBuffer, 1);
    t.is(model.held, 256, 'as many as the queue takes');
    device.poll(64);
    t.false(device.armInterrupt(true));
    model.completeSent();
    platform.deliverInterrupts();
    t.is(device.counters.interrupts, 1);
    // The backlog moves on by polling alone, in order.
    for (let round = 0; round < 10 && model.sent.length < sent; round++) {
      device.poll(64);
      model.completeSent();
    }
    t.is(model.sent.length, sent);
    device.poll(64);
    t.true(send(bench, frame(60)));
  });
}

test('notifies again when a notification got lost', (t) => {
  const bench = start();
  const { device, model, platform } = bench;
  model.faults.lostNotifications = 1;
  send(bench, frame(60));
  device.flush();
  t.is(model.sent.length, 0);
  // A second one, while the device's wish to be notified is out of date.
  platform.advance(2_500_000);
  t.is(model.sent.length, 1);
  t.true(device.counters.watchdogKicks >= 1);
});

test('finds what came when an interrupt got lost', (t) => {
  const { device, model, platform, upper } = start(without(offered.control));
  device.armInterrupt(true);
  model.faults.lostInterrupts = 1;
  model.receive(frame(60));
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 0);
  platform.advance(1_100_000);
  t.is(device.counters.watchdogFound, 1);
  device.poll(64);
  t.is(upper.packets.length, 1);
});

test('leaves an idle device alone', (t) => {
  const { device, model, platform } = start();
  device.poll(64);
  device.armInterrupt(true);
  platform.advance(5_000_000);
  const { notifications } = model.queue(0);
  platform.advance(60_000_000);
  t.is(model.queue(0).notifications, notifications);
  t.is(platform.timers, 1);
});

test('reports the link going down and up', (t) => {
  const { device, model, platform, upper } = start();
  for (const up of [false, true, false]) {
    model.setLink(up);
    platform.deliverInterrupts();
    t.true(device.armInterrupt(true), 'there is something to poll for');
    device.poll(64);
    t.is(device.linkUp, up);
  }
  t.deepEqual(upper.links, [false, true, false]);
  t.is(device.counters.linkChanges, 3);
});

test('finds a link change whose interrupt got lost', (t) => {
  const { device, model, platform, upper } = start();
  model.raise = () => {};
  model.setLink(false);
  platform.advance(3_000_000);
  device.poll(64);
  t.deepEqual(upper.links, [false]);
});

const violations: Record<string, (model: VirtioNetModel) => void> = {
  'an id out of range': (model) => model.queue(0).push(256, 100),
  'an id of 32 bits': (model) => model.queue(0).push(0xffff_ffff, 100),
  'an id twice': (model) => {
    const chain = model.queue(0).pop();
    model.queue(0).push(chain?.id ?? 0, 100);
    model.queue(0).push(chain?.id ?? 0, 100);
  },
  'more bytes than the buffer has': (model) => {
    const chain = model.queue(0).pop();
    model.queue(0).push(chain?.id ?? 0, 4096);
  },
  'an absurd length': (model) => {
    const chain = model.queue(0).pop();
    model.queue(0).push(chain?.id ?? 0, 0xffff_ffff);
  },
  'a used index far ahead': (model) => model.queue(0).skipUsed(300),
  'a used index that went back': (model) => model.queue(0).skipUsed(-2),
  'less than a header': (model) => {
    const chain = model.queue(0).pop();
    model.queue(0).push(chain?.id ?? 0, 11);
  },
  'no buffers at all': (model) => model.receive(frame(60), { bufferCount: 0 }),
  'more buffers than came': (model) => model.receive(frame(60), { bufferCount: 2 }),
  'more buffers than the queue has': (model) => model.receive(frame(60), { bufferCount: 65535 }),
  'bytes written to a sent frame': (model) => model.queue(1).push(0, 1),
};

for (const [name, act] of Object.entries(violations)) {
  test(`gives up a device that returns ${name}`, (t) => {
    const bench = start();
    const { device, model, platform, upper } = bench;
    model.holdsSent = true;
    send(bench, frame(60));
    device.flush();
    model.receive(frame(70));
    act(model);
    model.queue(0).publish();
    model.queue(1).publish();
    device.poll(64);
    device.poll(64);
    t.false(device.linkUp);
    t.deepEqual(upper.links, [false]);
    t.is(model.status, 0, 'the device is reset');
    t.is(bench.pci.function.command & 4, 0, 'and cut off from memory');
    t.is(device.counters.failures, 1);
    t.regex(platform.messages.at(-1) ?? '', /^error: virtio-net0: gave the device up: /);
    // The stack may go on calling: nothing happens, and no buffer is lost.
    for (let count = 0; count < 3000; count++) {
      if (!send(bench, frame(60))) return t.fail('a buffer got lost');
    }
    t.is(device.counters.dropSendDown, 3000);
    device.flush();
    t.false(device.poll(64));
    t.false(device.armInterrupt(true));
    platform.advance(10_000_000);
    t.is(platform.timers, 0);
    return undefined;
  });
}

test('starts again when the device asks for a reset', (t) => {
  const bench = start();
  const { device, model, platform, upper } = bench;
  model.holdsSent = true;
  send(bench, frame(60));
  device.flush();
  device.armInterrupt(true);
  model.needReset();
  platform.deliverInterrupts();
  device.poll(64);
  model.holdsSent = false;
  t.true(model.isRunning);
  t.deepEqual(model.statusWrites.slice(-4), [1, 3, 11, 15]);
  t.true(device.linkUp);
  t.is(device.counters.resets, 1);
  t.is(model.queue(0).waiting, 64);
  model.receive(frame(80));
  platform.deliverInterrupts();
  device.poll(64);
  t.is(upper.packets.length, 1);
  send(bench, frame(90));
  device.flush();
  t.deepEqual(model.sent.at(-1)?.bytes, frame(90));
});

test('gives up a device that asks for a reset again and again', (t) => {
  const { device, model, platform } = start();
  for (let count = 0; count < 6; count++) {
    model.needReset();
    platform.deliverInterrupts();
    device.poll(64);
  }
  t.is(model.status, 0);
  t.is(device.counters.failures, 1);
  t.regex(platform.messages.at(-1) ?? '', /asked for a reset 6 times in a row/);
});

test('tells the device its groups', (t) => {
  const { device, model } = start();
  const allNodes = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
  // At the start: an empty table, not all multicast, not everything.
  for (let count = 0; count < 5; count++) device.poll(64);
  t.deepEqual(
    model.commands.map((command) => [...command]),
    [
      [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ],
  );
  device.setMulticast(allNodes, true);
  device.setMulticast(allNodes, true);
  for (let count = 0; count < 5; count++) device.poll(64);
  t.deepEqual([...(model.commands.at(-1) ?? [])], [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, ...allNodes]);
  t.is(model.commands.length, 4);
  device.setMulticast(allNodes, false);
  for (let count = 0; count < 5; count++) device.poll(64);
  t.deepEqual([...(model.commands.at(-1) ?? [])], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('takes all multicast when there are many groups, or when the table is refused', (t) => {
  const { device, model } = start();
  for (let group = 0; group < 65; group++) {
    device.setMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, group), true);
  }
  for (let count = 0; count < 8; count++) device.poll(64);
  t.deepEqual([...(model.commands.at(-2) ?? [])], [0, 1, 1]);

  const refusing = start();
  refusing.model.answer = (command) => (command[0] === 1 ? 1 : 0);
  refusing.device.setMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, 1), true);
  for (let count = 0; count < 8; count++) refusing.device.poll(64);
  t.true(refusing.model.commands.some((command) => command.join() === '0,1,1'));
  t.is(refusing.device.counters.controlRefused, 1);

  const stubborn = start();
  stubborn.model.answer = () => 1;
  stubborn.device.setMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, 1), true);
  for (let count = 0; count < 20; count++) stubborn.device.poll(64);
  t.true(stubborn.model.commands.length < 8, 'it does not insist');
});

test('does without the control queue when it does not answer', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform);
  model.faults.deafQueues.add(2);
  new VirtioPciModel(platform, model);
  const [device] = attach(platform, platform.memory);
  const upper = new Upper();
  device?.attach(upper);
  for (let second = 0; second < 5; second++) {
    device?.setMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, second), true);
    platform.advance(1_000_000);
    device?.poll(64);
  }
  t.is(device?.counters.controlTimeouts, 1);
  t.regex(platform.messages.join('\n'), /control queue does not answer/);
  model.receive(frame(60));
  device?.poll(64);
  t.is(upper.packets.length, 1, 'frames still come');
});

test('stop() leaves the device reset, without interrupts, timers and access to memory', (t) => {
  const bench = start();
  bench.device.stop();
  t.is(bench.model.status, 0);
  t.is(bench.pci.function.command & 4, 0);
  t.is(bench.platform.timers, 0);
  t.true(
    bench.platform.interrupts.every(
      ({ messageAddress, isReleased }) => messageAddress === 0 || isReleased,
    ),
  );
  t.true(send(bench, frame(60)));
  t.is(bench.device.counters.dropSendDown, 1);
  bench.device.stop();
});

test('a device that does not finish its reset is cut off and left out; others go on', (t) => {
  const platform = new FakePlatform();
  const broken = new VirtioNetModel(platform);
  broken.status = 15;
  broken.faults.neverResets = true;
  new VirtioPciModel(platform, broken, { device: 3 });
  const good = new VirtioNetModel(platform);
  new VirtioPciModel(platform, good, { device: 4 });
  const devices = attach(platform, platform.memory);
  t.deepEqual(
    devices.map(({ name }) => name),
    ['virtio-net0'],
  );
  t.regex(
    platform.messages[0] ?? '',
    /error: virtio-net: left out the card at PCI 0000:00:03.0: it does not finish its reset/,
  );
  t.is((platform.functions[0]?.read(4, 2) ?? 4) & 4, 0);
  t.true(good.isRunning);
});

const refusals: Record<string, [RegExp, () => FakePlatform]> = {
  'without version 1': [
    /lacks VIRTIO_F_VERSION_1/,
    () => {
      const platform = new FakePlatform();
      new VirtioPciModel(platform, new VirtioNetModel(platform, [offered.mac]));
      return platform;
    },
  ],
  'that is legacy on PCI': [
    /legacy device.*disable-modern=off/,
    () => {
      const platform = new FakePlatform();
      new VirtioPciModel(platform, new VirtioNetModel(platform), { isLegacy: true, id: 0x1000 });
      return platform;
    },
  ],
  'that is legacy on MMIO': [
    /legacy device.*force-legacy=false/,
    () => {
      const platform = new FakePlatform();
      new VirtioMmioModel(platform, new VirtioNetModel(platform), 1);
      return platform;
    },
  ],
  'that refuses the features': [
    /refused the features/,
    () => {
      const platform = new FakePlatform();
      const model = new VirtioNetModel(platform);
      model.faults.refusesFeatures = true;
      new VirtioPciModel(platform, model);
      return platform;
    },
  ],
  'that refuses interrupt vectors': [
    /refused an interrupt vector/,
    () => {
      const platform = new FakePlatform();
      new VirtioPciModel(platform, new VirtioNetModel(platform), { refusesVectors: true });
      return platform;
    },
  ],
  'without queues': [
    /has no queue 0/,
    () => {
      const platform = new FakePlatform();
      new VirtioPciModel(platform, new VirtioNetModel(platform, allFeatures, 0));
      return platform;
    },
  ],
  'for which there is no memory': [
    /out of DMA memory/,
    () => {
      const platform = new FakePlatform();
      platform.dmaLimit = 600_000;
      new VirtioPciModel(platform, new VirtioNetModel(platform));
      return platform;
    },
  ],
};

for (const [name, [message, make]] of Object.entries(refusals)) {
  test(`leaves out a device ${name}, and keeps nothing`, (t) => {
    const platform = make();
    t.deepEqual(attach(platform, platform.memory), []);
    t.regex(platform.messages.join('\n'), message);
    t.is(platform.messages.length, 1);
    t.is(platform.dmaInUse, 0);
    t.is(platform.timers, 0);
  });
}

test('a machine without cards', (t) => {
  const platform = new FakePlatform();
  t.deepEqual(attach(platform, platform.memory), []);
  t.deepEqual(platform.messages, []);
});

test('works over MMIO, beside empty slots', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform);
  new VirtioMmioModel(platform, model);
  const [device] = attach(platform, platform.memory);
  if (device === undefined) return t.fail(platform.messages.join('\n'));
  const upper = new Upper();
  device.attach(upper);
  device.armInterrupt(true);
  model.receive(frame(100));
  platform.deliverInterrupts();
  t.is(device.counters.interrupts, 1);
  t.true(platform.interrupts.some(({ acknowledged }) => acknowledged === 1));
  device.poll(64);
  t.is(upper.packets.length, 1);
  model.setLink(false);
  platform.deliverInterrupts();
  device.poll(64);
  t.deepEqual(upper.links, [false]);
  device.stop();
  t.is(model.status, 0);
  return undefined;
});

for (const [name, options, limit] of [
  ['without MSI-X, by the line', { hasMsix: false }, 16],
  ['when no vector is left, by the line', {}, 0],
  ['with one vector for all', {}, 1],
] as const) {
  test(`works ${name}`, (t) => {
    const platform = new FakePlatform();
    platform.messageLimit = limit;
    const model = new VirtioNetModel(platform);
    const pci = new VirtioPciModel(platform, model, options);
    const [device] = attach(platform, platform.memory);
    if (device === undefined) return t.fail(platform.messages.join('\n'));
    const upper = new Upper();
    device.attach(upper);
    device.armInterrupt(true);
    model.receive(frame(100));
    platform.deliverInterrupts();
    t.true(device.counters.interrupts > 0);
    device.poll(64);
    t.is(upper.packets.length, 1);
    model.setLink(false);
    platform.deliverInterrupts();
    device.poll(64);
    t.deepEqual(upper.links, [false]);
    if (limit !== 1) {
      t.is(pci.function.line.acknowledged, 2);
      t.is(pci.function.command & 0x400, 0, 'the line is on');
    }
    return undefined;
  });
}

test('reads configuration again that changes under its eyes', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform);
  let changes = 3;
  model.onConfigurationRead = (offset) => {
    if (offset !== 2 || changes === 0) return;
    changes -= 1;
    model.configuration.set([0x52, 0x54, 0, 9, 9, changes]);
    model.generation += 1;
  };
  new VirtioPciModel(platform, model);
  const [device] = attach(platform, platform.memory);
  t.deepEqual([...(device?.hardwareAddress ?? [])], [0x52, 0x54, 0, 9, 9, 0]);
});

test('makes up an address where the device has none, and ignores a tiny MTU', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform, without(offered.mac));
  new DataView(model.configuration.buffer).setUint16(10, 68, true);
  new VirtioPciModel(platform, model);
  const [device] = attach(platform, platform.memory);
  t.is((device?.hardwareAddress[0] as number) & 3, 2, 'locally administered, unicast');
  t.is(device?.mtu, 1500);
});

test('packets of a large MTU fit', (t) => {
  const platform = new FakePlatform();
  const model = new VirtioNetModel(platform, [...plainFeatures, offered.mtu]);
  new DataView(model.configuration.buffer).setUint16(10, 9000, true);
  const pci = new VirtioPciModel(platform, model);
  const [device] = attach(platform, platform.memory);
  if (device === undefined) return t.fail(platform.messages.join('\n'));
  t.is(device.mtu, 9000);
  const upper = new Upper();
  device.attach(upper);
  const bench = { platform, model, pci, device, upper };
  t.true(send(bench, frame(9014)));
  device.flush();
  t.is(model.sent[0]?.bytes.length, 9014);
  model.receive(frame(9014));
  device.poll(64);
  t.deepEqual(contentOf(bench, upper.packets[0] as Packet), frame(9014));
  return undefined;
});

test('gives the device more buffers when it uses many of them at once', (t) => {
  const bench = start();
  const { device, model, upper } = bench;
  const buffers: number[] = [];
  for (let round = 0; round < 5; round++) {
    while (model.receive(frame(60)));
    while (device.poll(64));
    for (const packet of upper.packets.splice(0)) packet.release();
    device.armInterrupt(true);
    buffers.push(model.queue(0).waiting);
  }
  t.deepEqual(buffers, [128, 256, 256, 256, 256]);
});
