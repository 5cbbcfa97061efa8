/** Parsers of Ethernet, ARP, IPv4, IPv6, ICMP and UDP, alone and through the stack, with every kind of rubbish. */
import { anyV4, anyV6 } from '@runtimejs/net/address.ts';
import { formatAddress, parseAddress } from '@runtimejs/net/address-text.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import { ArpHeader, parseArp } from '@runtimejs/net/wire/arp.ts';
import {
  Icmpv4Header,
  parseIcmpv4,
  parseQuotedIpv4,
  QuotedIpv4,
} from '@runtimejs/net/wire/icmpv4.ts';
import { Ipv4Header, parseIpv4 } from '@runtimejs/net/wire/ipv4.ts';
import { ExtensionWalk, Ipv6Header, parseIpv6, walkExtensions } from '@runtimejs/net/wire/ipv6.ts';
import { parseUdp, UdpHeader } from '@runtimejs/net/wire/udp.ts';
import test from 'ava';
import {
  arp,
  broadcast,
  checksumOf,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  ipv6,
  ipv6Type,
  noHardware,
  peerHardware,
  TestStack,
  udp,
  word16,
} from './net-ip-fixtures.ts';

const data = [1, 2, 3, 4, 5, 6, 7, 8, 9];

function icmpUnreachable(quoted: number[]): number[] {
  const message = [3, 3, 0, 0, 0, 0, 0, 0, ...quoted];
  message.splice(2, 2, ...word16(checksumOf(message)));
  return message;
}

const quoted = ipv4({
  source: '192.168.1.2',
  destination: '192.168.1.1',
  payload: udp(data, [7000, 5000], '192.168.1.2', '192.168.1.1'),
});
const hopByHop = [17, 0, 5, 2, 0, 0, 1, 0];
const udp6 = udp(data, [5000, 7000], '2001:db8::1', '2001:db8::2');
const samples: Record<string, number[]> = {
  arp: ethernet(0x806, arp(1, peerHardware, '192.168.1.1', noHardware, '192.168.1.2'), broadcast),
  'udp over IPv4': ethernet(ipv4Type, ipv4({ payload: udp(data) })),
  options: ethernet(ipv4Type, ipv4({ options: [148, 4, 0, 0, 1, 1, 1, 0], payload: udp(data) })),
  fragment: ethernet(
    ipv4Type,
    ipv4({ fragment: 0x2000, payload: udp([...data, 1, 1, 1, 1, 1, 1, 1]) }),
  ),
  echo: ethernet(ipv4Type, ipv4({ protocol: 1, payload: [8, 0, 0xf7, 0xff, 0, 0, 0, 0] })),
  'ICMP error': ethernet(ipv4Type, ipv4({ protocol: 1, payload: icmpUnreachable(quoted) })),
  'udp over IPv6': ethernet(ipv6Type, ipv6({ payload: udp6 })),
  'hop-by-hop': ethernet(ipv6Type, ipv6({ nextHeader: 0, payload: [...hopByHop, ...udp6] })),
  'IPv6 fragment': ethernet(
    ipv6Type,
    ipv6({ nextHeader: 44, payload: [17, 0, 0, 1, 0, 0, 0, 9, ...udp6.slice(0, 16)] }),
  ),
};

function listening(): TestStack {
  const it = new TestStack();
  const api = new Udp(it.stack);
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = api.bind({ address: anyV6, port: 7000, scope: 0 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  api.open(binding, { receive: () => true, failed: () => {}, sendable: () => {} });
  return it;
}

/** Everything that arrived is given back, or waits where waiting is bounded. */
function assertNothingLeaks(t: import('ava').ExecutionContext, it: TestStack): void {
  it.run();
  const waiting = it.stack.pool.inUse;
  t.true(it.stack.reassembly.memory <= 1 << 20);
  it.advance(120_000_000);
  t.is(it.stack.pool.inUse, 0, `${waiting} buffers of the pool were waiting`);
  t.is(it.device.outstanding, 0, 'the stack keeps no buffer of the device');
}

for (const [name, frame] of Object.entries(samples)) {
  test(`${name}: a frame cut at every byte is dropped or ignored, and given back`, (t) => {
    const it = listening();
    for (let length = 0; length <= frame.length; length += 1) {
      it.exchange(frame.slice(0, length));
    }
    t.is(it.counter('interface.eth0', 'receivedPackets'), frame.length + 1);
    assertNothingLeaks(t, it);
  });

  test(`${name}: each byte set to every odd value changes nothing but counters`, (t) => {
    const it = listening();
    for (let at = 12; at < frame.length; at += 1) {
      for (const value of [0, 1, 0x3f, 0x7f, 0x80, 0xff]) {
        const changed = [...frame];
        changed[at] = value;
        it.exchange(changed);
      }
    }
    assertNothingLeaks(t, it);
  });

  test(`${name}: the frame split into buffers at every place`, (t) => {
    const it = listening();
    for (let at = 1; at < frame.length; at += 1) {
      it.device.inject(frame, [at]);
      if (at + 3 < frame.length) it.device.inject(frame, [at, at + 3]);
      it.run();
    }
    assertNothingLeaks(t, it);
  });
}

/** Bytes that throw when somebody reads beyond them. */
function guarded(bytes: number[]): Uint8Array {
  return new Proxy(Uint8Array.from(bytes), {
    get(target, name) {
      const at = typeof name === 'string' ? Number(name) : Number.NaN;
      if (Number.isInteger(at) && (at < 0 || at >= target.length)) {
        throw new RangeError(`byte ${at} of ${target.length} was read`);
      }
      return Reflect.get(target, name, target);
    },
  });
}

test('no parser reads beyond the length that it is given', (t) => {
  const it = new TestStack();
  const parse = (bytes: number[]): void => {
    const view = guarded(bytes);
    const { length } = bytes;
    const walk = new ExtensionWalk();
    parseArp(view, 0, length, new ArpHeader());
    parseIpv4(view, 0, length, length, new Ipv4Header());
    parseIpv6(view, 0, length, length, new Ipv6Header());
    parseIcmpv4(view, 0, length, new Icmpv4Header());
    parseQuotedIpv4(view, 0, length, new QuotedIpv4());
    parseUdp(view, 0, length, length, new UdpHeader());
    for (const next of [0, 43, 60]) {
      if (length >= 40) walkExtensions(view, 0, 40, next, 6, length, walk);
    }
  };
  for (const frame of Object.values(samples)) {
    for (let end = 14; end <= frame.length; end += 1) parse(frame.slice(14, end));
  }
  for (let round = 0; round < 5000; round += 1) {
    parse(Array.from({ length: it.random(100) }, () => it.random(it.random(2) ? 256 : 8)));
  }
  t.pass();
});

test('random frames of every type do no harm', (t) => {
  const it = listening();
  const types = [ipv4Type, ipv6Type, 0x806, 0x8100, 0x100];
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Array.from({ length: it.random(120) }, () => it.random(256));
    // Some first bytes that get past the first check.
    if (bytes.length > 0 && it.random(4) > 0) {
      bytes[0] = it.random(2) ? 0x45 + it.random(3) : 0x60;
    }
    it.device.inject(ethernet(types[it.random(types.length)] as number, bytes));
    if (round % 64 === 0) it.run();
  }
  assertNothingLeaks(t, it);
});

test('random payloads behind correct IPv4 and IPv6 headers do no harm', (t) => {
  const it = listening();
  for (let round = 0; round < 20_000; round += 1) {
    const payload = Array.from({ length: 1 + it.random(90) }, () => it.random(256));
    const kinds = [1, 2, 6, 17, 0, 43, 44, 58, 59, 60, 200];
    const kind = kinds[it.random(kinds.length)] as number;
    const frame = it.random(2)
      ? ethernet(
          ipv4Type,
          ipv4({ protocol: kind, fragment: it.random(4) ? 0 : it.random(0x10000), payload }),
        )
      : ethernet(ipv6Type, ipv6({ nextHeader: kind, payload }));
    it.device.inject(frame);
    if (round % 64 === 0) it.run();
  }
  it.advance(10_000_000);
  assertNothingLeaks(t, it);
});

test('what is refused is counted under its reason', (t) => {
  const it = listening();
  const good = ipv4({ payload: udp(data) });
  const change = (at: number, value: number): number[] => {
    const packet = [...good];
    packet[at] = value;
    return packet;
  };
  const cases: [number[], string, string][] = [
    [[1, 2, 3], 'interface.eth0', 'dropShort'],
    [ethernet(ipv4Type, good, [2, 9, 9, 9, 9, 9]), 'interface.eth0', 'dropOtherHost'],
    [ethernet(ipv4Type, good, undefined, broadcast), 'interface.eth0', 'dropSource'],
    [ethernet(0x8100, good), 'interface.eth0', 'dropEtherType'],
    [ethernet(ipv4Type, good.slice(0, 19)), 'ipv4', 'dropShort'],
    [ethernet(ipv4Type, change(0, 0x65)), 'ipv4', 'dropVersion'],
    [ethernet(ipv4Type, change(0, 0x44)), 'ipv4', 'dropHeaderLength'],
    [ethernet(ipv4Type, change(3, 255)), 'ipv4', 'dropTotalLength'],
    [ethernet(ipv4Type, change(8, 63)), 'ipv4', 'dropChecksum'],
    [ethernet(ipv4Type, change(good.length - 1, 77)), 'udp', 'dropChecksum'],
    [ethernet(ipv4Type, ipv4({ options: [131, 7, 4, 1, 2, 3, 4, 0] })), 'ipv4', 'dropOptions'],
    [ethernet(ipv4Type, ipv4({ options: [7, 40, 4, 0] })), 'ipv4', 'dropOptions'],
    [ethernet(ipv4Type, ipv4({ source: '127.0.0.1' })), 'ipv4', 'dropMartianSource'],
    [ethernet(ipv4Type, ipv4({ source: '0.1.2.3' })), 'ipv4', 'dropMartianSource'],
    [ethernet(ipv4Type, ipv4({ source: '224.0.0.1' })), 'ipv4', 'dropMartianSource'],
    [ethernet(ipv4Type, ipv4({ source: '192.168.1.255' })), 'ipv4', 'dropMartianSource'],
    [ethernet(ipv4Type, ipv4({ source: '192.168.1.2' })), 'ipv4', 'dropSourceIsOurs'],
    [ethernet(ipv4Type, ipv4({ destination: '127.0.0.1' })), 'ipv4', 'dropMartianDestination'],
    [ethernet(ipv4Type, ipv4({ destination: '192.168.1.3' })), 'ipv4', 'dropNotOurs'],
    [ethernet(ipv4Type, ipv4({ destination: '224.0.0.251' })), 'ipv4', 'dropNotMember'],
    [ethernet(ipv4Type, good, broadcast), 'ipv4', 'dropLinkBroadcast'],
    [ethernet(ipv4Type, ipv4({ protocol: 200 })), 'ip.delivery', 'dropUnknownProtocol'],
    [ethernet(ipv4Type, ipv4({ payload: [0, 1, 0, 0, 0, 8, 0, 0] })), 'udp', 'dropPort'],
    [ethernet(ipv4Type, ipv4({ payload: [0, 1, 0, 2, 0, 99, 0, 0] })), 'udp', 'dropLength'],
    [ethernet(ipv4Type, ipv4({ payload: [0, 1, 0] })), 'udp', 'dropShort'],
    [ethernet(ipv6Type, ipv6({ source: '::1', payload: udp6 })), 'ipv6', 'dropMartianSource'],
    [ethernet(ipv6Type, ipv6({ source: '::', payload: udp6 })), 'ipv6', 'dropMartianSource'],
    [ethernet(ipv6Type, ipv6({ source: 'ff02::1', payload: udp6 })), 'ipv6', 'dropMartianSource'],
    [
      ethernet(ipv6Type, ipv6({ destination: '2001:db8::3', payload: udp6 })),
      'ipv6',
      'dropNotOurs',
    ],
    [
      ethernet(ipv6Type, ipv6({ destination: 'ff01::1', payload: udp6 })),
      'ipv6',
      'dropMartianDestination',
    ],
    [ethernet(ipv6Type, ipv6({ destination: 'ff02::99', payload: udp6 })), 'ipv6', 'dropNotMember'],
    [
      ethernet(ipv6Type, ipv6({ payload: udp6.slice(0, 20) }).slice(0, 50)),
      'ipv6',
      'dropPayloadLength',
    ],
    [ethernet(ipv6Type, ipv6({ nextHeader: 59, payload: [1] })), 'ipv6', 'dropNoNextHeader'],
    [
      ethernet(ipv6Type, ipv6({ nextHeader: 43, payload: [17, 0, 0, 1, 0, 0, 0, 0, ...udp6] })),
      'ipv6',
      'dropRouting',
    ],
    [
      ethernet(ipv6Type, ipv6({ nextHeader: 60, payload: [0, 0, 1, 4, 0, 0, 0, 0, ...hopByHop] })),
      'ipv6',
      'dropExtensionOrder',
    ],
    [
      ethernet(ipv6Type, ipv6({ nextHeader: 60, payload: [17, 0, 0x80, 4, 0, 0, 0, 0, ...udp6] })),
      'ipv6',
      'dropUnknownOption',
    ],
  ];
  for (const [frame, group, name] of cases) {
    const before = it.counter(group, name);
    it.exchange(frame);
    t.is(it.counter(group, name), before + 1, `${group} ${name}`);
  }
  t.is(it.counter('udp', 'received'), 4);
});

test('a mapped address in an IPv6 header is refused: it would pass for IPv4', (t) => {
  const it = listening();
  const packet = ipv6({ payload: udp6 });
  packet.splice(8, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 1, 1);
  it.exchange(ethernet(ipv6Type, packet));
  t.is(it.counter('ipv6', 'dropMartianSource'), 1);
});

test('extension headers that are known are stepped over, and at most eight', (t) => {
  const it = listening();
  const padding = (next: number): number[] => [next, 0, 1, 4, 0, 0, 0, 0];
  it.exchange(
    ethernet(
      ipv6Type,
      ipv6({ nextHeader: 0, payload: [60, ...hopByHop.slice(1), ...padding(17), ...udp6] }),
    ),
  );
  t.is(it.counter('udp', 'received'), 1);
  const many = Array.from({ length: 9 }, () => padding(60)).flat();
  it.exchange(
    ethernet(ipv6Type, ipv6({ nextHeader: 60, payload: [...many, ...padding(17), ...udp6] })),
  );
  t.is(it.counter('ipv6', 'dropTooManyExtensions'), 1);
});

test('padding behind the IP packet is cut off, in the first buffer and in later ones', (t) => {
  const it = new TestStack();
  const lengths: number[] = [];
  it.stack.registerTransport(99, {
    receive: (packet, header) => {
      let length = 0;
      for (let part = packet as typeof packet | null; part !== null; part = part.next) {
        length += part.length;
      }
      lengths.push(length, header.payloadLength);
      packet.release();
    },
    networkError: () => {},
  });
  const frame = [
    ...ethernet(ipv4Type, ipv4({ protocol: 99, payload: data })),
    ...Array.from({ length: 30 }, () => 0),
  ];
  it.device.inject(frame);
  it.device.inject(frame, [42]);
  it.device.inject(frame, [45, 60]);
  it.run();
  t.deepEqual(lengths, [9, 9, 9, 9, 9, 9]);
  t.is(it.device.outstanding, 0);
});

test('addresses as text go both ways', (t) => {
  for (const text of [
    '0.0.0.0',
    '192.168.1.2',
    '::',
    '::1',
    'fe80::1',
    '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1',
    'ff02::1:ff00:2',
  ]) {
    t.is(formatAddress(ip(text)), text);
  }
  t.is(formatAddress(ip('2001:0DB8:0:0:1:0:0:1')), '2001:db8::1:0:0:1');
  t.true(ip('::ffff:1.2.3.4').isV4);
  t.true(anyV4.isV4);
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':::',
    '1::2::3',
    '1:2:3',
    '12345::',
    '::1.2.3',
    'g::',
  ]) {
    t.is(parseAddress(text), undefined, text);
  }
});
