/** The way of a TCP segment in and of one out allocates nothing. */
import { getHeapStatistics } from 'node:v8';
import { Packet } from '@runtimejs/net/packet.ts';
import test from 'ava';
import { ethernet, ip, ipv4, ipv4Type, ipv6, ipv6Type, TestStack } from './net-ip-fixtures.ts';

function allocatedBytes(): number {
  return (getHeapStatistics() as unknown as { total_allocated_bytes: number })
    .total_allocated_bytes;
}

const segment = [0x13, 0x88, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 255, 255, 0, 0, 0, 0];

for (const [version, peer, frame] of [
  ['IPv4', '192.168.1.1', ethernet(ipv4Type, ipv4({ protocol: 6, payload: segment }))],
  ['IPv6', '2001:db8::1', ethernet(ipv6Type, ipv6({ nextHeader: 6, payload: segment }))],
] as const) {
  test(`${version}: a segment in and one out allocate nothing`, (t) => {
    const it = new TestStack({ offloads: { transmitChecksum: true } });
    const { network } = it.stack;
    it.knowPeer(peer);
    const counts = new Int32Array(2);
    const incoming = new Packet(7 << 20, 2048, 0, () => {
      counts[0] = (counts[0] as number) + 1;
    });
    const outgoing = new Packet((7 << 20) + 2048, 2048, 0, () => {
      counts[1] = (counts[1] as number) + 1;
    });
    it.memory.bytes.set(frame, incoming.base + 64);
    it.device.allocate = () => {
      outgoing.reset(128);
      return outgoing;
    };
    it.device.transmit = (packet) => packet.release();
    const options = { hopLimit: 0, trafficClass: 0, dontFragment: true };
    const route = network.route(ip(peer), undefined, 0);
    if (typeof route === 'string') throw new Error(route);
    it.stack.registerTransport(6, {
      receive: (packet, header) => {
        const out = network.allocate(route, segment.length);
        if (out === null) throw new Error('no packet');
        out.end = out.start + segment.length;
        out.checksumStart = header.pseudoHeaderSum() & network.pseudoHeaderSum(route, 6, 20);
        network.confirmReachable(route);
        network.send(route, out, 6, options);
        packet.release();
      },
      networkError: () => {},
    });
    const run = (count: number): void => {
      for (let n = 0; n < count; n += 1) {
        incoming.reset(64);
        incoming.end = incoming.start + frame.length;
        incoming.checksum = 1;
        it.eth0.receive(incoming);
      }
    };
    // Until the compiler is done, interpreted code allocates: the best of many rounds counts.
    let least = Number.POSITIVE_INFINITY;
    let rounds = 0;
    for (; rounds < 200 && least >= 1; rounds += 1) {
      const before = allocatedBytes();
      run(20_000);
      least = Math.min(least, (allocatedBytes() - before) / 20_000);
    }
    t.true(least < 1, `${least} bytes for each segment`);
    t.deepEqual([...counts], [rounds * 20_000, rounds * 20_000]);
  });
}
