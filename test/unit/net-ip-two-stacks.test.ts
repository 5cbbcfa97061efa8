/** Two stacks on a wire that loses, repeats and reorders frames: datagrams arrive whole or not at all. */
import { anyV6 } from '@runtimejs/net/address.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import test from 'ava';
import { ip, ourHardware, peerHardware, TestStack } from './net-ip-fixtures.ts';

const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };

function host(seed: number, hardware: number[], addresses: string[]) {
  const it = new TestStack({ seed, hardware, addresses: false });
  for (const address of addresses) {
    it.eth0.addAddress(ip(address), address.includes(':') ? 64 : 24);
  }
  const api = new Udp(it.stack);
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = api.bind({ address: anyV6, port: 7000, scope: 0 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  const received: Uint8Array[] = [];
  const endpoint = api.open(binding, {
    receive: (packet, length) => {
      const bytes = new Uint8Array(length);
      let at = 0;
      for (let part = packet as typeof packet | null; part !== null; part = part.next) {
        bytes.set(
          it.memory.bytes.subarray(part.start, Math.min(part.end, part.start + length - at)),
          at,
        );
        at += part.length;
      }
      received.push(bytes);
      return true;
    },
    failed: () => {},
    sendable: () => {},
  });
  return { it, endpoint, received };
}

/** A datagram whose bytes follow from its number. */
function content(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (number * 131 + at * 7 + (at >> 8)) & 255;
  bytes[0] = number >> 8;
  bytes[1] = number;
  return bytes;
}

for (let seed = 1; seed <= 12; seed += 1) {
  test(`seed ${seed}`, (t) => {
    const left = host(seed, ourHardware, ['192.168.1.2', '2001:db8::2']);
    const right = host(seed + 100, peerHardware, ['192.168.1.1', '2001:db8::1']);
    left.it.knowPeer('2001:db8::1');
    const { random } = left.it;
    const roll = (limit: number): number => random.call(left.it, limit);
    const lengths = new Map<number, number>();
    const wire: number[][] = [];
    const loss = seed % 3 === 0 ? 10 : 0;
    const turn = (): void => {
      left.it.run();
      wire.push(...left.it.device.sent.splice(0));
      // Some frames stay on the wire for a while, some come twice, some never.
      for (let count = wire.length; count > 0; count -= 1) {
        const [frame] = wire.splice(roll(wire.length), 1) as [number[]];
        if (roll(100) < loss) continue;
        if (roll(100) < 5) wire.push(frame);
        if (roll(4) === 0) wire.push(frame);
        else right.it.device.inject(frame);
      }
      right.it.run();
      for (const frame of right.it.device.sent.splice(0)) left.it.device.inject(frame);
    };
    for (let number = 0; number < 150; number += 1) {
      const length = 2 + roll(roll(3) === 0 ? 20_000 : 3000);
      lengths.set(number, length);
      left.it.memory.bytes.set(content(number, length), 3 << 20);
      const to = { address: ip(roll(2) ? '192.168.1.1' : '2001:db8::1'), port: 7000, scope: 0 };
      t.is(left.endpoint.send(to, 3 << 20, length, options), null);
      turn();
    }
    for (let n = 0; n < 50; n += 1) turn();
    const seen = new Set<number>();
    for (const bytes of right.received) {
      const number = ((bytes[0] as number) << 8) | (bytes[1] as number);
      t.deepEqual(bytes, content(number, lengths.get(number) as number));
      seen.add(number);
    }
    t.true(seen.size >= (loss === 0 ? 145 : 50), `${seen.size} of 150 arrived`);
    for (const { it } of [left, right]) {
      it.advance(120_000_000);
      t.is(it.stack.pool.inUse, 0);
      t.is(it.device.outstanding, 0);
      t.is(it.stack.reassembly.size, 0);
    }
  });
}
