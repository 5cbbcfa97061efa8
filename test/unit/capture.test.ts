// What looks for faults in the captures of the guest tests.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { internetChecksum } from '@runtimejs/net/memory.ts';
import anyTest, { type ExecutionContext } from 'ava';
import { examineCapture } from '../guest/support/capture.ts';
import { testWhenPossible } from '../guest/support/skip.ts';

const test = testWhenPossible(
  anyTest,
  spawnSync('tshark', ['--version']).error === undefined ? undefined : 'tshark is not installed',
);

const guest = '52:54:00:09:00:02';
const peer = '52:54:00:09:00:01';
const addresses = { [peer]: [10, 0, 9, 1], [guest]: [10, 0, 9, 2] } as const;
const ethernetHeader = 14;
const ipHeader = 20;
const tcpHeader = 20;

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

const hardwareAddress = (text: string) => text.split(':').map((part) => Number.parseInt(part, 16));

/**
 * A TCP segment on Ethernet whose checksum is 0.
 * @param written what is written as its checksum
 */
function frame(from: keyof typeof addresses, written: number): Uint8Array {
  const to = from === guest ? peer : guest;
  const bytes = new Uint8Array(ethernetHeader + ipHeader + tcpHeader + 2);
  bytes.set([...hardwareAddress(to), ...hardwareAddress(from), 0x08, 0x00]);
  const ip = ethernetHeader;
  const length = tcpHeader + 2;
  bytes.set([0x45, 0, 0, ipHeader + length, 0, 1, 0x40, 0, 64, 6], ip);
  bytes.set([...addresses[from], ...addresses[to]], ip + 12);
  put16(bytes, ip + 10, ~internetChecksum(bytes, ip, ipHeader, 0) & 0xffff);
  const tcp = ip + ipHeader;
  // Ports, sequence numbers, header length, PSH and ACK, window.
  bytes.set([0x23, 0x31, 0xde, 0x18, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x20, 0], tcp);
  const pseudo = internetChecksum(bytes, ip + 12, 8, 6 + length);
  put16(bytes, tcp + tcpHeader, ~internetChecksum(bytes, tcp, length, pseudo) & 0xffff);
  put16(bytes, tcp + 16, written);
  return bytes;
}

/** A pcap file of Ethernet frames. Source: pcap-savefile(5). */
function capture(t: ExecutionContext, frames: readonly Uint8Array[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'capture-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'frames.pcap');
  const header = new Uint32Array([0xa1b2c3d4, 2 | (4 << 16), 0, 0, 65536, 1]);
  const records = frames.flatMap((bytes, index) => [
    new Uint8Array(new Uint32Array([index, 0, bytes.length, bytes.length]).buffer),
    bytes,
  ]);
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), ...records]));
  return file;
}

const facts = { offload: false, lossy: true, mac: guest };

test('a TCP checksum of 0 that Linux has written as 0xffff is no fault', async (t) => {
  const file = capture(t, [frame(guest, 0), frame(peer, 0), frame(peer, 0xffff)]);
  t.deepEqual(await examineCapture({ ...facts, file }), { packets: 3, faults: [] });
});

test('a TCP checksum of 0 that the guest has written as 0xffff is a fault', async (t) => {
  const { faults } = await examineCapture({ ...facts, file: capture(t, [frame(guest, 0xffff)]) });
  t.is(faults.length, 1, faults.join('\n'));
  t.regex(faults.join(), /0xffff instead of 0x0000/);
});

test('a wrong TCP checksum is a fault, whoever sends it', async (t) => {
  for (const from of [guest, peer] as const) {
    const file = capture(t, [frame(guest, 0), frame(from, 0x1234)]);
    const { faults } = await examineCapture({ ...facts, file });
    t.is(faults.length, 1, faults.join('\n'));
  }
});
