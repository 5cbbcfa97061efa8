// The recording of packets as pcapng, read back by this test and by tshark where there is one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BlockRing } from '@runtimejs/net/capture/block-ring.ts';
import { Capture } from '@runtimejs/net/capture/capture.ts';
import { packetBlockSize, put32 } from '@runtimejs/net/capture/pcapng.ts';
import type { DeviceReceiver, NetworkDevice } from '@runtimejs/net/device.ts';
import { HostMemory, internetChecksum } from '@runtimejs/net/memory.ts';
import { checksumState, Packet } from '@runtimejs/net/packet.ts';
import test from 'ava';

const memory = new HostMemory(65536);

class FakeDevice implements NetworkDevice {
  readonly name = 'fake0';
  readonly kind = 'ethernet';
  readonly hardwareAddress = new Uint8Array([2, 0, 0, 0, 0, 1]);
  readonly mtu = 1500;
  readonly offloads = { transmitChecksum: true, segmentation4: 0, segmentation6: 0 };
  readonly linkUp = true;
  readonly counters = {};
  receiver: DeviceReceiver | null = null;
  sent = 0;

  attach(receiver: DeviceReceiver): void {
    this.receiver = receiver;
  }
  allocate(): Packet | null {
    return null;
  }
  transmit(): void {
    this.sent += 1;
  }
  flush(): void {}
  poll(): boolean {
    return false;
  }
  armInterrupt(): boolean {
    return false;
  }
  setMulticast(): void {}
}

/** An Ethernet frame with UDP over IPv4; the checksum of UDP holds the pseudo-header's sum only. */
function frame(payload: string): Packet {
  const packet = new Packet(1024, 4096, 0, () => {});
  packet.reset(128);
  const length = 8 + payload.length;
  const ip = [0x45, 0, (20 + length) >> 8, (20 + length) & 255, 0, 1, 0, 0, 64, 17, 0, 0];
  const addresses = [10, 0, 0, 1, 10, 0, 0, 2];
  const header = new Uint8Array([...ip, ...addresses]);
  const sum = ~internetChecksum(header, 0, header.length, 0);
  header[10] = (sum >> 8) & 255;
  header[11] = sum & 255;
  const pseudo = new Uint8Array([...addresses, 0, 17, length >> 8, length & 255]);
  const partial = internetChecksum(pseudo, 0, pseudo.length, 0);
  const udp = [0, 53, 0, 99, length >> 8, length & 255, partial >> 8, partial & 255];
  const bytes = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, ...header, ...udp];
  memory.bytes.set([...bytes, ...Buffer.from(payload)], packet.start);
  packet.end = packet.start + bytes.length + payload.length;
  packet.checksum = checksumState.partial;
  packet.checksumStart = packet.start + 34;
  packet.checksumOffset = 6;
  return packet;
}

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

function blocks(file: Uint8Array): Block[] {
  const all = Buffer.from(file);
  const found: Block[] = [];
  for (let at = 0; at < all.length; ) {
    const size = all.readUInt32LE(at + 4);
    if (all.readUInt32LE(at + size - 4) !== size) throw new Error(`lengths differ at ${at}`);
    found.push({ type: all.readUInt32LE(at), body: all.subarray(at + 8, at + size - 4) });
    at += size;
  }
  return found;
}

test('both directions are recorded, with times and complete checksums', (t) => {
  const clock = { now: 5 };
  const epoch = 1_795_305_600_123_456;
  const capture = new Capture(memory, clock, { epoch });
  const inner = new FakeDevice();
  const device = capture.wrap(inner);
  const received: Packet[] = [];
  device.attach({ receive: (packet) => received.push(packet), linkChanged: () => {} });
  device.transmit(frame('sent away'));
  clock.now = 7;
  inner.receiver?.receive(frame('odd'));
  t.is(inner.sent, 1);
  t.is(received.length, 1);

  const [section, description, sent, back, statistics, ...more] = blocks(capture.file());
  t.deepEqual(more, []);
  t.is(section?.type, 0x0a0d0d0a);
  t.is(description?.type, 1);
  t.is(statistics?.type, 5);
  t.deepEqual([sent?.type, back?.type], [6, 6]);
  const time = (block: Block | undefined): bigint =>
    (BigInt(block!.body.readUInt32LE(4)) << 32n) | BigInt(block!.body.readUInt32LE(8));
  t.is(time(sent), BigInt(epoch + 5) * 1000n);
  t.is(time(back), BigInt(epoch + 7) * 1000n);
  const flags = (block: Block | undefined): number =>
    block!.body.readUInt32LE(block!.body.length - 8);
  t.deepEqual([flags(sent), flags(back)], [2, 1]);

  const folder = mkdtempSync(path.join(tmpdir(), 'capture-'));
  try {
    const file = path.join(folder, 'packets.pcapng');
    writeFileSync(file, capture.file());
    const fields = ['frame.interface_name', 'ip.dst', 'udp.checksum.status', 'frame.p2p_dir'];
    const { stdout, error } = spawnSync(
      'tshark',
      [
        '-r',
        file,
        '-o',
        'udp.check_checksum:TRUE',
        '-T',
        'fields',
        ...fields.flatMap((f) => ['-e', f]),
      ],
      { encoding: 'utf8' },
    );
    if (error === undefined) {
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t').slice(0, 3));
      t.deepEqual(lines, [
        ['fake0', '10.0.0.2', '1'],
        ['fake0', '10.0.0.2', '1'],
      ]);
    } else {
      t.log('tshark is not installed');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('packets are cut at the snap length, and not recorded while switched off', (t) => {
  const capture = new Capture(memory, { now: 0 }, { snapLength: 20 });
  const device = capture.wrap(new FakeDevice());
  device.transmit(frame('x'.repeat(100)));
  capture.enabled = false;
  device.transmit(frame('x'));
  const packets = blocks(capture.file()).filter(({ type }) => type === 6);
  t.is(packets.length, 1);
  t.deepEqual([packets[0]?.body.readUInt32LE(12), packets[0]?.body.readUInt32LE(16)], [20, 142]);
});

test('the newest packets stay when the store is full', (t) => {
  const capture = new Capture(memory, { now: 0 }, { size: 2000 });
  const device = capture.wrap(new FakeDevice());
  for (let index = 0; index < 100; index++) device.transmit(frame(`packet ${index}`));
  const names = blocks(capture.file())
    .filter(({ type }) => type === 6)
    .map(({ body }) => /packet \d+/.exec(body.toString('latin1'))?.[0]);
  t.is(names.at(-1), 'packet 99');
  t.is(names.length + capture.overwritten, 100);
  t.deepEqual(
    names,
    Array.from(names, (_, index) => `packet ${100 - names.length + index}`),
  );
});

test('a store of blocks of any size keeps them whole and in order', (t) => {
  const ring = new BlockRing(4096);
  let random = 99;
  for (let index = 0; index < 20_000; index++) {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    const size = packetBlockSize((random >> 8) % 1200);
    const at = ring.add(size);
    put32(ring.bytes, at, index);
    put32(ring.bytes, at + 4, size);
    const seen: number[] = [];
    ring.forEach((block, length) => {
      if (block + length > 4096) throw new Error('a block reaches out of the store');
      seen.push(new DataView(ring.bytes.buffer).getUint32(block, true));
    });
    const first = index + 1 - seen.length;
    if (seen.some((value, place) => value !== first + place)) t.fail(`${index}: ${seen}`);
  }
  t.is(ring.add(8192), -1);
});
