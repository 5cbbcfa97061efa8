/** Reassembly and fragmentation of both IP versions. */
import { anyV6 } from '@runtimejs/net/address.ts';
import { packetHeadroom } from '@runtimejs/net/device.ts';
import { PacketPool } from '@runtimejs/net/ip/pool.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import test from 'ava';
import {
  addressBytes,
  checksumOf,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  ipv6,
  ipv6Type,
  openIpv4,
  TestStack,
  udp,
  word16,
  word32,
} from './net-ip-fixtures.ts';

/** A stack with a UDP endpoint on port 7000 of both versions, and what it received. */
function receiver() {
  const it = new TestStack();
  const api = new Udp(it.stack);
  const received: number[][] = [];
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = api.bind({ address: anyV6, port: 7000, scope: 0 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  const endpoint = api.open(binding, {
    receive: (packet, length) => {
      const bytes: number[] = [];
      for (let part = packet as typeof packet | null; part !== null; part = part.next) {
        bytes.push(...it.memory.bytes.subarray(part.start, part.end));
      }
      received.push(bytes.slice(0, length));
      return true;
    },
    failed: () => {},
    sendable: () => {},
  });
  return { it, endpoint, received };
}

const data = Array.from({ length: 77 }, (_, n) => (n * 7) & 255);
const datagram4 = udp(data);
const datagram6 = udp(data, [5000, 7000], '2001:db8::1', '2001:db8::2');

function piece4(from: number, to: number, id = 1, more = to < datagram4.length): number[] {
  return ethernet(
    ipv4Type,
    ipv4({
      identification: id,
      fragment: (more ? 0x2000 : 0) | (from >> 3),
      payload: datagram4.slice(from, to),
    }),
  );
}

function piece6(from: number, to: number, id = 1, more = to < datagram6.length): number[] {
  const header = [17, 0, ...word16(from | (more ? 1 : 0)), ...word32(id)];
  return ethernet(
    ipv6Type,
    ipv6({ nextHeader: 44, payload: [...header, ...datagram6.slice(from, to)] }),
  );
}

function permutations<Item>(items: Item[]): Item[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

const cuts = [0, 24, 40, 64, 85];

for (const [version, piece] of [
  ['IPv4', piece4],
  ['IPv6', piece6],
] as const) {
  test(`${version}: fragments in every order make the datagram`, (t) => {
    const { it, received } = receiver();
    let id = 1;
    for (const order of permutations([0, 1, 2, 3])) {
      id += 1;
      for (const n of order) it.exchange(piece(cuts[n] as number, cuts[n + 1] as number, id));
      t.deepEqual(received.pop(), data, order.join());
    }
    t.is(received.length, 0);
    t.is(it.stack.pool.inUse, 0);
    t.is(it.device.outstanding, 0);
    t.is(it.stack.reassembly.size, 0);
  });

  test(`${version}: duplicates are ignored`, (t) => {
    const { it, received } = receiver();
    it.exchange(piece(0, 24), piece(0, 24), piece(64, 85), piece(64, 85), piece(24, 64));
    t.deepEqual(received, [data]);
    t.is(it.counter('ip.reassembly', 'dropDuplicate'), 2);
  });

  test(`${version}: an overlap of any kind ends the datagram for good`, (t) => {
    const overlaps: [number, number, boolean?][] = [
      [0, 32],
      [16, 24],
      [16, 40],
      [8, 16],
      [32, 48],
      [32, 72],
      [40, 48],
      [56, 80, true],
      [64, 72],
      [80, 85],
    ];
    for (const [from, to, more] of overlaps) {
      const { it, received } = receiver();
      it.exchange(piece(0, 24), piece(40, 64), piece(64, 85));
      it.exchange(piece(from, to, 1, more ?? to < 85));
      it.exchange(piece(24, 40));
      t.deepEqual(received, [], `${from} to ${to}`);
      t.is(it.counter('ip.reassembly', 'dropOverlap'), 2, `${from} to ${to}`);
      t.is(it.stack.pool.inUse, 0);
      it.advance(31_000_000);
      t.is(it.stack.reassembly.size, 0);
    }
  });

  test(`${version}: lengths that cannot be are dropped`, (t) => {
    const { it, received } = receiver();
    it.exchange(piece(0, 20, 1, true));
    t.is(it.counter('ip.reassembly', 'dropLength'), 1);
    it.exchange(piece(0, 4, 1, true));
    t.is(it.counter('ip.reassembly', 'dropLength'), 2);
    // Beyond 65535 bytes: the ping of death.
    const far = [...piece(0, 24)];
    const at = version === 'IPv4' ? 20 : 14 + 42;
    far.splice(at, 2, ...word16(version === 'IPv4' ? 0x1fff : 0xfff8));
    if (version === 'IPv4') {
      far.splice(24, 2, 0, 0);
      far.splice(24, 2, ...word16(checksumOf(far.slice(14, 34))));
    }
    it.exchange(far);
    t.is(it.counter('ip.reassembly', 'dropTooLong'), 1);
    t.deepEqual(received, []);
    t.is(it.stack.pool.inUse, 0);
  });

  test(`${version}: what is incomplete goes after its time, and a flood is bounded`, (t) => {
    const { it, received } = receiver();
    for (let id = 0; id < 1000; id += 1) it.exchange(piece(24, 40, id));
    t.true(it.stack.reassembly.size <= 64);
    t.true(it.stack.reassembly.memory <= 1 << 20);
    t.true(it.counter('ip.reassembly', 'evicted') >= 936);
    it.advance(31_000_000);
    t.is(it.stack.reassembly.size, 0);
    t.is(it.stack.reassembly.memory, 0);
    t.is(it.stack.pool.inUse, 0);
    it.exchange(piece(0, 85, 5000, true), piece(0, 40), piece(40, 85));
    t.deepEqual(received, [data]);
  });
}

test('IPv4: the first fragment must hold the transport header', (t) => {
  const { it } = receiver();
  const tiny = ipv4({ protocol: 6, fragment: 0x2000, payload: data.slice(0, 16) });
  it.exchange(ethernet(ipv4Type, tiny));
  t.is(it.counter('ip.reassembly', 'dropTiny'), 1);
});

test('IPv4: a first fragment whose rest never comes is answered with time exceeded', (t) => {
  const { it } = receiver();
  it.knowPeer('192.168.1.1');
  it.exchange(piece4(0, 24));
  it.exchange(piece4(40, 64, 2));
  it.advance(29_000_000);
  it.device.sent = [];
  it.knowPeer('192.168.1.1');
  it.advance(2_000_000);
  const sent = it.take().map(openIpv4);
  t.is(sent.length, 1, 'only for the datagram whose first fragment came');
  t.deepEqual(sent[0]?.payload.slice(0, 2), [11, 1]);
  t.deepEqual(sent[0]?.payload.slice(8, 32), piece4(0, 24).slice(14, 38));
});

test('IPv6: an atomic fragment stands alone', (t) => {
  const { it, received } = receiver();
  it.exchange(piece6(0, 24));
  it.exchange(piece6(0, 85, 1));
  t.deepEqual(received, [data]);
  it.exchange(piece6(24, 85));
  t.deepEqual(received, [data, data]);
});

test('a large datagram leaves in fragments that a receiver puts together again', (t) => {
  const large = Array.from({ length: 5000 }, (_, n) => (n * 31) & 255);
  const { it, endpoint } = receiver();
  it.knowPeer('192.168.1.1', '2001:db8::1');
  it.memory.bytes.set(large, 3 << 20);
  const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };
  const send = (to: string) =>
    endpoint.send({ address: ip(to), port: 9, scope: 0 }, 3 << 20, large.length, options);

  t.is(send('192.168.1.1'), null);
  const four = it.take().map(openIpv4);
  t.deepEqual(
    four.map(({ fragment, payload }) => [fragment, payload.length]),
    [
      [0x2000, 1480],
      [0x2000 | 185, 1480],
      [0x2000 | 370, 1480],
      [555, 568],
    ],
  );
  t.is(new Set(four.map(({ identification }) => identification)).size, 1);
  t.deepEqual(four.flatMap(({ payload }) => payload).slice(8), large);
  t.deepEqual(
    four.flatMap(({ payload }) => payload),
    udp(large, [7000, 9], '192.168.1.2', '192.168.1.1'),
  );

  t.is(send('2001:db8::1'), null);
  const six = it.take().map((frame) => frame.slice(14));
  t.deepEqual(
    six.map((packet) => [packet[6], ((packet[42] as number) << 8) | (packet[43] as number)]),
    [
      [44, 1],
      [44, 1448 | 1],
      [44, 2896 | 1],
      [44, 4344],
    ],
  );
  t.deepEqual(
    six.flatMap((packet) => packet.slice(48)),
    udp(large, [7000, 9], '2001:db8::2', '2001:db8::1'),
  );
  t.deepEqual(six[0]?.slice(8, 24), addressBytes('2001:db8::2'));
  t.is(it.stack.pool.inUse, 0);
  t.is(it.device.outstanding, 0);
});

test('a datagram that must not be fragmented is EMSGSIZE, also below a learnt path MTU', (t) => {
  const { it, endpoint } = receiver();
  it.knowPeer('192.168.1.1');
  endpoint.settings.dontFragment = true;
  const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };
  const to = { address: ip('192.168.1.1'), port: 9, scope: 0 };
  t.is(endpoint.send(to, 0, 1473, options), 'EMSGSIZE');
  t.is(endpoint.send(to, 0, 1472, options), null);
  t.is(openIpv4(it.take()[0] as number[]).fragment, 0x4000);
  it.stack.network.learnMtu(to.address, 1000);
  t.is(endpoint.send(to, 0, 1472, options), 'EMSGSIZE');
  t.is(endpoint.send(to, 0, 972, options), null);
  endpoint.settings.dontFragment = false;
  it.take();
  t.is(endpoint.send(to, 0, 1472, options), null);
  t.is(it.take().length, 2);
  t.is(endpoint.send(to, 0, 65_508, options), 'EMSGSIZE');
});

test('loopback carries the largest datagrams whole', (t) => {
  const { it, endpoint, received } = receiver();
  const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };
  for (const to of ['127.0.0.1', '::1', '192.168.1.2', '2001:db8::2', '127.9.9.9']) {
    const length = to.includes(':') ? 65_527 : 65_507;
    t.is(endpoint.send({ address: ip(to), port: 7000, scope: 0 }, 5, length, options), null, to);
    it.run();
    t.is(received.pop()?.length, length, to);
  }
  t.is(it.take().length, 0);
  t.is(it.stack.pool.inUse, 0);
});

test('the pool: what runs out of one size can be had of a larger one, and no size takes it all', (t) => {
  const pool = new PacketPool({ offset: 4096, size: 1 << 20 });
  const take = (size: number) => {
    const taken: Packet[] = [];
    for (let one = pool.allocate(size); one !== null; one = pool.allocate(size)) {
      t.true(pool.owns(one) && one.capacity >= size + packetHeadroom);
      t.is(one.base % 64, 0);
      taken.push(one);
    }
    return taken;
  };
  const small = take(100);
  t.is(small.length, 128 + 16 + 7);
  const ends = small
    .map((one) => [one.base, one.base + one.capacity])
    .sort((a, b) => (a[0] as number) - (b[0] as number));
  t.true(ends.every(([start], n) => n === 0 || (start as number) >= (ends[n - 1]?.[1] as number)));
  t.true((ends[0]?.[0] as number) >= 4096 && (ends.at(-1)?.[1] as number) <= 4096 + (1 << 20));
  t.is(pool.allocate(60_000), null);
  for (const one of small) one.release();
  t.is(take(60_000).length, 7, 'there is still room for large ones');
  t.is(pool.inUse, 7);
  t.is(pool.allocate(70_000), null);
  t.throws(() => new PacketPool({ offset: 0, size: 1000 }), { message: /256 KiB/ });
});
