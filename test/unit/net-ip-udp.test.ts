/** UDP: demultiplexing, groups, errors, options. */
import { anyV4, anyV6, type Endpoint } from '@runtimejs/net/address.ts';
import { formatAddress } from '@runtimejs/net/address-text.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import type { UdpEndpoint } from '@runtimejs/net/udp/types.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import test from 'ava';
import {
  broadcast,
  checksumOf,
  type DeviceOptions,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  ipv6,
  ipv6Type,
  openIpv4,
  peerHardware,
  TestStack,
  udp,
  word16,
} from './net-ip-fixtures.ts';

interface Opened {
  readonly endpoint: UdpEndpoint;
  readonly received: string[];
  readonly errors: SocketError[];
  sendable: number;
  accept: boolean;
}

interface Flags {
  readonly reuseAddress?: boolean;
  readonly reusePort?: boolean;
  readonly v6Only?: boolean;
}

const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };

function at(address: string, port: number, scope = 0): Endpoint {
  return { address: ip(address), port, scope };
}

class UdpTest extends TestStack {
  readonly udp: Udp;

  constructor(deviceOptions: DeviceOptions = {}) {
    super(deviceOptions);
    this.udp = new Udp(this.stack);
    this.knowPeer('192.168.1.1', '2001:db8::1');
  }

  open(local: Endpoint, flags: Flags = {}): Opened {
    const binding = this.udp.bind(local, {
      reuseAddress: false,
      reusePort: false,
      v6Only: false,
      ...flags,
    });
    if (typeof binding === 'string') throw new Error(binding);
    const received: string[] = [];
    const errors: SocketError[] = [];
    const opened: Opened = {
      endpoint: this.udp.open(binding, {
        receive: (packet, length, header, port) => {
          if (!opened.accept) return false;
          const bytes = this.memory.bytes.subarray(packet.start, packet.start + length);
          const from = formatAddress(header.sourceAddress());
          received.push(`${[...bytes].join()} from ${from} ${port}`);
          return true;
        },
        failed: (error) => errors.push(error),
        sendable: () => {
          opened.sendable += 1;
        },
      }),
      received,
      errors,
      sendable: 0,
      accept: true,
    };
    return opened;
  }

  send(from: Opened, to: Endpoint | null, data: number[], more: object = {}): SocketError | null {
    this.memory.bytes.set(data, 3 << 20);
    return from.endpoint.send(to, 3 << 20, data.length, { ...options, ...more });
  }

  arrive4(
    data: number[],
    ports: [number, number],
    source = '192.168.1.1',
    destination = '192.168.1.2',
    hardware?: number[],
  ): number[][] {
    const payload = udp(data, ports, source, destination);
    return this.exchange(ethernet(ipv4Type, ipv4({ source, destination, payload }), hardware));
  }

  arrive6(
    data: number[],
    ports: [number, number],
    source = '2001:db8::1',
    destination = '2001:db8::2',
    hardware?: number[],
  ): number[][] {
    const payload = udp(data, ports, source, destination);
    return this.exchange(ethernet(ipv6Type, ipv6({ source, destination, payload }), hardware));
  }
}

test('a datagram reaches the endpoint that fits it best', (t) => {
  const it = new UdpTest();
  const any = it.open({ address: anyV4, port: 53, scope: 0 }, { reuseAddress: true });
  const own = it.open(at('192.168.1.2', 53), { reuseAddress: true });
  const connected = it.open(at('192.168.1.2', 53), { reuseAddress: true });
  t.is(connected.endpoint.connect(at('192.168.1.1', 9999)), null);
  it.arrive4([1], [9999, 53]);
  it.arrive4([2], [9998, 53]);
  t.deepEqual(connected.received, ['1 from 192.168.1.1 9999']);
  t.deepEqual(own.received, ['2 from 192.168.1.1 9998']);
  own.endpoint.close();
  it.arrive4([3], [9998, 53]);
  t.deepEqual(any.received, ['3 from 192.168.1.1 9998']);
});

test(':: takes both families unless it is told not to; 0.0.0.0 never takes IPv6', (t) => {
  const it = new UdpTest();
  const dual = it.open({ address: anyV6, port: 1, scope: 0 });
  const six = it.open({ address: anyV6, port: 2, scope: 0 }, { v6Only: true });
  const four = it.open({ address: anyV4, port: 3, scope: 0 });
  for (const port of [1, 2, 3]) {
    it.arrive4([4], [9, port]);
    it.arrive6([6], [9, port]);
  }
  t.deepEqual(dual.received, ['4 from 192.168.1.1 9', '6 from 2001:db8::1 9']);
  t.deepEqual(six.received, ['6 from 2001:db8::1 9']);
  t.deepEqual(four.received, ['4 from 192.168.1.1 9']);
  t.is(it.counter('udp', 'dropNoPort'), 2);
  t.is(it.send(dual, at('192.168.1.1', 9), [1]), null);
  t.is(it.send(dual, at('2001:db8::1', 9), [1]), null);
  t.is(it.send(six, at('192.168.1.1', 9), [1]), 'ENETUNREACH');
  t.is(it.send(four, at('2001:db8::1', 9), [1]), 'EAFNOSUPPORT');
  t.is(it.take().length, 2);
});

test('what is sent has right headers and checksums, in software and for the device', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV6, port: 7000, scope: 0 });
  t.is(it.send(from, at('192.168.1.1', 9), [1, 2, 3]), null);
  const sent = openIpv4(it.take()[0] as number[]);
  t.deepEqual(sent.payload, udp([1, 2, 3], [7000, 9], '192.168.1.2', '192.168.1.1'));
  t.is(sent.timeToLive, 64);
  t.is(sent.protocol, 17);
  t.is(it.send(from, at('2001:db8::1', 9), [1, 2, 3]), null);
  const six = it.take()[0] as number[];
  t.deepEqual(six.slice(54), udp([1, 2, 3], [7000, 9], '2001:db8::2', '2001:db8::1'));
  t.deepEqual(
    six.slice(14, 54),
    ipv6({ source: '2001:db8::2', destination: '2001:db8::1', payload: six.slice(54) }).slice(
      0,
      40,
    ),
  );

  const able = new UdpTest({ offloads: { transmitChecksum: true } });
  const other = able.open({ address: anyV4, port: 7000, scope: 0 });
  able.send(other, at('192.168.1.1', 9), [1, 2, 3]);
  const payload = openIpv4(able.take()[0] as number[]).payload;
  const pseudo = [192, 168, 1, 2, 192, 168, 1, 1, 0, 17, 0, 11];
  t.deepEqual(payload.slice(6, 8), word16(~checksumOf(pseudo)), 'the pseudo-header only');
});

test('a checksum that comes out as 0 is sent as 0xffff', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 7000, scope: 0 });
  const zero = udp([0, 0], [7000, 9], '192.168.1.2', '192.168.1.1').slice(6, 8);
  it.send(from, at('192.168.1.1', 9), zero);
  t.deepEqual(openIpv4(it.take()[0] as number[]).payload.slice(6, 8), [255, 255]);
});

test('without a checksum IPv4 is taken and IPv6 is not; verified ones are believed', (t) => {
  const it = new UdpTest();
  const on = it.open({ address: anyV6, port: 7000, scope: 0 });
  const bare = [...word16(9), ...word16(7000), 0, 9, 0, 0, 5];
  it.exchange(ethernet(ipv4Type, ipv4({ payload: bare })));
  it.exchange(ethernet(ipv6Type, ipv6({ payload: bare })));
  t.deepEqual(on.received, ['5 from 192.168.1.1 9']);
  t.is(it.counter('udp', 'dropNoChecksum'), 1);
  const wrong = ethernet(ipv4Type, ipv4({ payload: [...bare.slice(0, 6), 1, 2, 6] }));
  it.exchange(wrong);
  t.is(it.counter('udp', 'dropChecksum'), 1);
  it.device.inject(wrong, [], 1);
  it.device.inject(wrong, [], 2);
  it.run();
  t.is(on.received.length, 3);
});

test('a datagram in several buffers, cut at odd places, is summed right', (t) => {
  const it = new UdpTest();
  const on = it.open({ address: anyV6, port: 7000, scope: 0 });
  const data = Array.from({ length: 60 }, (_, n) => n * 3);
  for (const [type, packet, header] of [
    [ipv4Type, ipv4({ payload: udp(data, [9, 7000]) }), 34],
    [ipv6Type, ipv6({ payload: udp(data, [9, 7000], '2001:db8::1', '2001:db8::2') }), 54],
  ] as const) {
    for (let cut = header + 8; cut < header + 60; cut += 1) {
      it.device.inject(ethernet(type, packet), [cut, cut + 3, cut + 4]);
    }
  }
  it.run();
  t.is(on.received.length, 104);
  t.is(it.counter('udp', 'dropChecksum'), 0);
});

test('the bytes of an interface are those of all buffers of a packet', (t) => {
  const it = new UdpTest();
  it.open({ address: anyV4, port: 7000, scope: 0 });
  const before = it.eth0.counters.receivedBytes as number;
  const frame = ethernet(ipv4Type, ipv4({ payload: udp(new Array(100).fill(7), [9, 7000]) }));
  it.device.inject(frame, [50, 51, 90]);
  it.device.inject(frame);
  it.run();
  t.is((it.eth0.counters.receivedBytes as number) - before, 2 * frame.length);
});

test('nobody there: port unreachable, but not for groups, and not without bound', (t) => {
  const it = new UdpTest();
  const frame = ipv4({ payload: udp([1, 2, 3], [9, 4444]) });
  const [answer] = it.exchange(ethernet(ipv4Type, frame)).map(openIpv4);
  t.is(answer?.protocol, 1);
  t.is(answer?.destination, '192.168.1.1');
  t.deepEqual(answer?.payload.slice(0, 2), [3, 3]);
  t.deepEqual(answer?.payload.slice(8), frame);
  t.is(checksumOf(answer?.payload ?? []), 0);
  t.deepEqual(it.arrive4([1], [9, 4444], '192.168.1.1', '192.168.1.255', broadcast), []);
  t.is(it.counter('udp', 'dropNoMember'), 1);
  let sent = 0;
  for (let n = 0; n < 100; n += 1) sent += it.exchange(ethernet(ipv4Type, frame)).length;
  t.is(sent, 5, 'a burst of six in all');
  it.advance(3_000_000);
  for (let n = 0; n < 100; n += 1) sent += it.exchange(ethernet(ipv4Type, frame)).length;
  t.is(sent, 8, 'then one a second');
  t.true(it.counter('icmpv4', 'dropErrorRate') > 100);
});

test('a refusal reaches the connected endpoint that sent, and nobody else', (t) => {
  const it = new UdpTest();
  const connected = it.open({ address: anyV4, port: 7000, scope: 0 }, { reuseAddress: true });
  t.is(connected.endpoint.connect(at('192.168.1.1', 9)), null);
  const open = it.open({ address: anyV4, port: 7001, scope: 0 });
  const error = (code: number, ports: [number, number], fields: object = {}): number[] => {
    const quoted = ipv4({
      source: '192.168.1.2',
      destination: '192.168.1.1',
      payload: udp([1], ports, '192.168.1.2', '192.168.1.1'),
      ...fields,
    });
    const message = [3, code, 0, 0, 0, 0, 0, 0, ...quoted];
    message.splice(2, 2, ...word16(checksumOf(message)));
    return ethernet(ipv4Type, ipv4({ protocol: 1, payload: message }));
  };
  it.exchange(error(3, [7000, 9]));
  t.deepEqual(connected.errors.splice(0), ['ECONNREFUSED']);
  it.exchange(error(3, [7000, 10]), error(3, [7001, 9]), error(1, [7000, 9]), error(3, [7002, 9]));
  t.deepEqual(connected.errors, []);
  t.deepEqual(open.errors, []);
  t.is(it.counter('udp', 'dropErrorNoSocket'), 2);
  it.exchange(error(3, [7000, 9], { source: '192.168.1.9' }));
  t.is(it.counter('icmpv4', 'dropQuoteNotOurs'), 1);
  it.exchange(error(3, [7000, 9], { fragment: 8 }));
  t.is(it.counter('icmpv4', 'dropQuoteFragment'), 1);
  it.exchange(error(2, [7000, 9]));
  t.deepEqual(connected.errors, ['ENOPROTOOPT']);
});

test('nobody on this machine: every connected sender is refused, over loopback, too', (t) => {
  const it = new UdpTest();
  for (const to of ['127.0.0.1', '192.168.1.2']) {
    const from = it.open({ address: anyV4, port: 0, scope: 0 });
    t.is(from.endpoint.connect(at(to, 4444)), null);
    for (let n = 0; n < 20; n += 1) {
      t.is(it.send(from, null, [1, 2]), null);
      it.run();
    }
    t.is(from.errors.length, 20);
    t.is(from.errors[0], 'ECONNREFUSED');
  }
  t.is(it.stack.pool.inUse, 0);
});

test('a neighbour that does not answer is no error for UDP, as in Linux', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 7000, scope: 0 });
  t.is(from.endpoint.connect(at('192.168.1.99', 9)), null);
  t.is(it.send(from, null, [1]), null);
  it.advance(5_000_000);
  t.deepEqual(from.errors, []);
  t.is(it.counter('udp', 'errors'), 1);
});

test('packet too big is believed when it can be true, and fragments follow', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 7000, scope: 0 });
  const tooBig = (mtu: number, length: number): number[] => {
    const quoted = ipv4({
      source: '192.168.1.2',
      destination: '192.168.1.1',
      payload: udp(new Array(length).fill(1), [7000, 9], '192.168.1.2', '192.168.1.1'),
    });
    const message = [3, 4, 0, 0, 0, 0, ...word16(mtu), ...quoted.slice(0, 28)];
    message.splice(2, 2, ...word16(checksumOf(message)));
    return ethernet(ipv4Type, ipv4({ protocol: 1, payload: message }));
  };
  it.exchange(tooBig(1500, 1000));
  t.is(it.counter('icmpv4', 'dropQuoteMtu'), 1);
  it.exchange(tooBig(1300, 1400));
  it.send(from, at('192.168.1.1', 9), new Array(1400).fill(1));
  t.is(it.take().length, 2);
  it.exchange(tooBig(0, 1200));
  it.send(from, at('192.168.1.1', 9), new Array(1100).fill(1));
  t.is(it.take().length, 2, 'a router that does not say: the next plateau, 1006');
});

test('groups: every member hears it, sources are filtered, and leaving ends it', (t) => {
  const it = new UdpTest();
  const flags = { reuseAddress: true };
  const group = '239.1.1.1';
  const one = it.open({ address: anyV4, port: 5353, scope: 0 }, flags);
  const two = it.open(at(group, 5353), flags);
  const own = it.open(at('192.168.1.2', 5353), flags);
  it.arrive4([1], [9, 5353], '192.168.1.1', group, [1, 0, 0x5e, 1, 1, 1]);
  t.is(it.counter('ipv4', 'dropNotMember'), 1);
  t.is(one.endpoint.setMembership(ip(group), 0, true), null);
  t.is(one.endpoint.setMembership(ip(group), 0, true), 'EADDRINUSE');
  t.true(it.device.groups.has('01:00:5e:01:01:01'));
  it.arrive4([2], [9, 5353], '192.168.1.1', group, [1, 0, 0x5e, 1, 1, 1]);
  t.deepEqual(one.received.splice(0), ['2 from 192.168.1.1 9']);
  t.deepEqual(two.received.splice(0), ['2 from 192.168.1.1 9'], 'bound to the group');
  t.deepEqual(own.received, [], 'bound to another address');
  t.is(two.endpoint.setMembership(ip(group), 2, true, ip('192.168.1.7')), null);
  it.arrive4([3], [9, 5353], '192.168.1.1', group, [1, 0, 0x5e, 1, 1, 1]);
  t.is(one.received.splice(0).length, 1);
  t.deepEqual(two.received, [], 'wants another source');
  it.arrive4([4], [9, 5353], '192.168.1.7', group, [1, 0, 0x5e, 1, 1, 1]);
  t.is(two.received.length, 1);
  t.is(one.endpoint.setMembership(ip(group), 0, false), null);
  t.is(one.endpoint.setMembership(ip(group), 0, false), 'EADDRNOTAVAIL');
  two.endpoint.close();
  t.false(it.device.groups.has('01:00:5e:01:01:01'));
  t.is(one.endpoint.setMembership(ip('10.0.0.1'), 0, true), 'EINVAL');
  const six = it.open({ address: anyV6, port: 5353, scope: 0 }, { v6Only: true });
  t.is(six.endpoint.setMembership(ip('ff02::fb'), 2, true), null);
  it.arrive6([5], [9, 5353], 'fe80::9', 'ff02::fb', [0x33, 0x33, 0, 0, 0, 0xfb]);
  t.deepEqual(six.received, ['5 from fe80::9 9']);
});

test('what is sent to a group is heard here, too, unless that is turned off; its TTL is 1', (t) => {
  const it = new UdpTest();
  const member = it.open({ address: anyV4, port: 5353, scope: 0 });
  member.endpoint.setMembership(ip('224.0.0.251'), 0, true);
  t.is(it.send(member, at('224.0.0.251', 5353), [7]), null);
  const [sent] = it.take().map(openIpv4);
  t.is(sent?.timeToLive, 1);
  t.deepEqual(sent?.to, [1, 0, 0x5e, 0, 0, 251]);
  t.deepEqual(member.received.splice(0), ['7 from 192.168.1.2 5353']);
  member.endpoint.settings.multicastLoop = false;
  member.endpoint.settings.multicastHopLimit = 9;
  it.send(member, at('224.0.0.251', 5353), [8]);
  t.is(it.take().map(openIpv4)[0]?.timeToLive, 9);
  t.deepEqual(member.received, []);
  t.is(it.stack.pool.inUse, 0);
  it.send(member, at('224.0.0.251', 5353), [8], { hopLimit: 33, trafficClass: 0x20 });
  const [other] = it.take().map(openIpv4);
  t.is(other?.timeToLive, 33);
  t.is(other?.header[1], 0x20);
});

test('broadcast needs permission, and is heard by wildcards', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 68, scope: 0 });
  t.is(it.send(from, at('255.255.255.255', 67), [1]), 'EACCES');
  t.is(it.send(from, at('192.168.1.255', 67), [1]), 'EACCES');
  t.is(from.endpoint.connect(at('192.168.1.255', 67)), 'EACCES');
  from.endpoint.settings.broadcast = true;
  t.is(it.send(from, at('255.255.255.255', 67), [1]), null);
  const [sent] = it.take().map(openIpv4);
  t.deepEqual(sent?.to, broadcast);
  it.arrive4([2], [67, 68], '192.168.1.1', '255.255.255.255', broadcast);
  it.arrive4([3], [67, 68], '192.168.1.1', '192.168.1.255', broadcast);
  t.deepEqual(from.received, ['2 from 192.168.1.1 67', '3 from 192.168.1.1 67']);
});

test('a DHCP client can speak and hear before there is an address', (t) => {
  const it = new TestStack({ addresses: false });
  const api = new Udp(it.stack);
  const flags = { reuseAddress: true, reusePort: false, v6Only: false };
  const binding = api.bind({ address: anyV4, port: 68, scope: 2 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  let heard = 0;
  const endpoint = api.open(binding, {
    receive: () => {
      heard += 1;
      return true;
    },
    failed: () => {},
    sendable: () => {},
  });
  endpoint.settings.broadcast = true;
  t.is(endpoint.send(at('255.255.255.255', 67), 0, 4, options), null);
  const [sent] = it.take().map(openIpv4);
  t.is(sent?.source, '0.0.0.0');
  t.is(sent?.destination, '255.255.255.255');
  const offer = (destination: string, hardware?: number[]): number[] =>
    ethernet(
      ipv4Type,
      ipv4({ destination, payload: udp([1], [67, 68], '192.168.1.1', destination) }),
      hardware,
    );
  it.exchange(offer('255.255.255.255', broadcast));
  t.is(heard, 1);
  it.exchange(offer('192.168.1.55'));
  t.is(heard, 1);
  it.eth0.acceptUnconfigured = true;
  it.exchange(offer('192.168.1.55'));
  t.is(heard, 2);
});

test('connect chooses the source, and can be undone', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 7000, scope: 0 });
  t.is(it.send(from, null, [1]), 'EDESTADDRREQ');
  t.is(from.endpoint.connect(at('8.8.8.8', 53)), 'ENETUNREACH');
  t.is(from.endpoint.connect(at('192.168.1.1', 53)), null);
  t.is(formatAddress(from.endpoint.local.address), '192.168.1.2');
  t.is(from.endpoint.peer?.port, 53);
  it.arrive4([1], [54, 7000]);
  t.is(from.received.length, 0);
  t.is(it.send(from, null, [1]), null);
  t.is(it.take().length, 1);
  t.is(from.endpoint.connect(null), null);
  t.is(formatAddress(from.endpoint.local.address), '0.0.0.0');
  it.arrive4([1], [54, 7000]);
  t.is(from.received.length, 1);
  t.is(it.send(from, at('192.168.1.1', 0), [1]), 'EINVAL');
});

test('SO_REUSEPORT spreads flows, and keeps each on one endpoint', (t) => {
  const it = new UdpTest();
  const all = Array.from({ length: 4 }, () =>
    it.open({ address: anyV4, port: 53, scope: 0 }, { reusePort: true }),
  );
  for (let port = 1; port <= 400; port += 1) {
    it.arrive4([1], [port, 53]);
    it.arrive4([2], [port, 53]);
  }
  for (const one of all) {
    t.true(one.received.length > 80, `${one.received.length}`);
    t.is(one.received.length % 2, 0);
  }
});

test('no buffer: EAGAIN, and sendable once there may be one', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV4, port: 7000, scope: 0 });
  it.device.limit = 0;
  t.is(it.send(from, at('192.168.1.1', 9), [1]), 'EAGAIN');
  t.is(it.send(from, at('192.168.1.1', 9), [1]), 'EAGAIN');
  it.device.limit = 100;
  it.advance(1000);
  t.is(from.sendable, 1);
  t.is(it.send(from, at('192.168.1.1', 9), [1]), null);
  it.device.limit = 0;
  it.take();
  it.send(from, at('192.168.1.1', 9), [1]);
  from.endpoint.close();
  it.advance(10_000);
  t.is(from.sendable, 1);
});

test('what the app has no room for is counted', (t) => {
  const it = new UdpTest();
  const on = it.open({ address: anyV4, port: 7000, scope: 0 });
  on.accept = false;
  it.arrive4([1], [9, 7000]);
  t.is(it.counter('udp', 'dropBufferFull'), 1);
});

test('closed endpoints give back everything', (t) => {
  const it = new UdpTest();
  for (let n = 0; n < 2000; n += 1) {
    const one = it.open({ address: anyV6, port: 0, scope: 0 });
    one.endpoint.setMembership(ip('239.1.1.1'), 0, true);
    one.endpoint.close();
    one.endpoint.close();
  }
  t.is(it.udp.size, 0);
  t.is(it.stack.udpPorts.size, 0);
  t.false(it.device.groups.has('01:00:5e:01:01:01'));
});

test('a link-local peer needs and keeps its interface', (t) => {
  const it = new UdpTest();
  const from = it.open({ address: anyV6, port: 7000, scope: 0 });
  it.knowPeer('fe80::9');
  t.is(it.send(from, at('fe80::9', 9, 2), [1]), null);
  const [frame] = it.take();
  t.deepEqual(frame?.slice(0, 6), peerHardware);
  t.deepEqual(frame?.slice(22, 24), [0xfe, 0x80]);
  t.is(from.endpoint.connect(at('fe80::9', 9, 2)), null);
  it.arrive6([1], [9, 7000], 'fe80::9', 'fe80::2');
  t.is(from.received.length, 1);
});
