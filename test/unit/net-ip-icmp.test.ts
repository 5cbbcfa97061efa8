/** ICMP for IPv4: echo and errors; loopback. */
import { anyV4 } from '@runtimejs/net/address.ts';
import { plateauBelow } from '@runtimejs/net/icmp/icmpv4.ts';
import { Ping } from '@runtimejs/net/icmp/ping.ts';
import { TokenBucket } from '@runtimejs/net/storage/token-bucket.ts';
import test from 'ava';
import {
  broadcast,
  checksumOf,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  openIpv4,
  TestStack,
  word16,
} from './net-ip-fixtures.ts';

function echo(data: number[], type = 8): number[] {
  const message = [type, 0, 0, 0, 0x12, 0x34, 0, 1, ...data];
  message.splice(2, 2, ...word16(checksumOf(message)));
  return message;
}

const data = Array.from({ length: 57 }, (_, n) => n);

test('an echo request is answered with the same data, from the address that was asked', (t) => {
  const it = new TestStack();
  it.knowPeer('192.168.1.1');
  const frame = ethernet(ipv4Type, ipv4({ protocol: 1, payload: echo(data) }));
  const [reply] = it.exchange(frame).map(openIpv4);
  t.deepEqual(reply?.payload, echo(data, 0));
  t.is(reply?.source, '192.168.1.2');
  t.is(reply?.destination, '192.168.1.1');
});

test('a large echo request in fragments is answered in fragments', (t) => {
  const it = new TestStack();
  it.knowPeer('192.168.1.1');
  const large = Array.from({ length: 4001 }, (_, n) => (n * 5) & 255);
  const message = echo(large);
  const frames: number[][] = [];
  for (let from = 0; from < message.length; from += 1480) {
    const more = from + 1480 < message.length ? 0x2000 : 0;
    const payload = message.slice(from, from + 1480);
    frames.push(ethernet(ipv4Type, ipv4({ protocol: 1, fragment: more | (from / 8), payload })));
  }
  const sent = it.exchange(...frames.reverse()).map(openIpv4);
  t.is(sent.length, 3);
  t.deepEqual(
    sent.flatMap(({ payload }) => payload),
    echo(large, 0),
  );
  t.is(it.stack.pool.inUse, 0);
});

test('echo requests to groups, with wrong checksums, or too many are not answered', (t) => {
  const it = new TestStack();
  it.knowPeer('192.168.1.1');
  const ask = (fields: object, hardware?: number[]): number =>
    it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: echo(data), ...fields }), hardware))
      .length;
  t.is(ask({ destination: '192.168.1.255' }, broadcast), 0);
  t.is(ask({ destination: '224.0.0.1' }, [1, 0, 0x5e, 0, 0, 1]), 0);
  t.is(it.counter('icmpv4', 'dropEchoToGroup'), 2);
  t.is(ask({ payload: [8, 0, 0, 0, 0, 0, 0, 0] }), 0);
  t.is(it.counter('icmpv4', 'dropChecksum'), 1);
  let answered = 0;
  for (let n = 0; n < 3000; n += 1) answered += ask({});
  t.is(answered, 1000);
  t.is(it.counter('icmpv4', 'dropEchoRate'), 2000);
});

test('an unknown protocol is answered, an error about an error never', (t) => {
  const it = new TestStack();
  it.knowPeer('192.168.1.1');
  const [sent] = it
    .exchange(ethernet(ipv4Type, ipv4({ protocol: 200, payload: data })))
    .map(openIpv4);
  t.deepEqual(sent?.payload.slice(0, 2), [3, 2]);
  t.deepEqual(it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: [3, 3, 0] }))), []);
  const redirect = [
    5,
    1,
    0,
    0,
    192,
    168,
    1,
    9,
    ...ipv4({ source: '192.168.1.2' }),
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
  ];
  redirect.splice(2, 2, ...word16(checksumOf(redirect)));
  t.deepEqual(it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: redirect }))), []);
  t.is(it.counter('icmpv4', 'dropRedirect'), 1);
});

test('errors name what they mean, for the transport that sent the packet', (t) => {
  const it = new TestStack();
  const heard: string[] = [];
  it.stack.registerTransport(99, {
    receive: (packet) => packet.release(),
    networkError: ({ kind, error, mtu, quotedLength }) => {
      heard.push(`${kind} ${error} ${mtu} ${quotedLength}`);
    },
  });
  const quoted = ipv4({
    protocol: 99,
    source: '192.168.1.2',
    destination: '10.0.0.1',
    payload: data,
  });
  for (const [type, code, rest, expected] of [
    [3, 0, 0, 'unreachable ENETUNREACH 0 57'],
    [3, 1, 0, 'unreachable EHOSTUNREACH 0 57'],
    [3, 3, 0, 'refused ECONNREFUSED 0 57'],
    [3, 4, 70, 'packetTooBig EMSGSIZE 70 57'],
    [3, 4, 0, 'packetTooBig EMSGSIZE 68 57'],
    [3, 10, 0, 'unreachable EHOSTUNREACH 0 57'],
    [11, 0, 0, 'timeExceeded EHOSTUNREACH 0 57'],
    [12, 0, 0, 'parameterProblem EPROTO 0 57'],
  ] as const) {
    const message = [type, code, 0, 0, 0, 0, ...word16(rest), ...quoted];
    message.splice(2, 2, ...word16(checksumOf(message)));
    it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: message })));
    t.is(heard.pop(), expected);
  }
  t.is(heard.length, 0);
});

test('echo sockets: requests carry the identifier, replies and errors find their way back', (t) => {
  const it = new TestStack();
  it.knowPeer('192.168.1.1');
  const ping = new Ping(it.stack);
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = ping.bind({ address: anyV4, port: 0, scope: 0 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  const heard: number[][] = [];
  const errors: string[] = [];
  const endpoint = ping.open(binding, {
    receive: (packet, length) => {
      heard.push([...it.memory.bytes.subarray(packet.start, packet.start + length)]);
      return true;
    },
    failed: (error) => errors.push(error),
    sendable: () => {},
  });
  const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };
  const peer = { address: ip('192.168.1.1'), port: 0, scope: 0 };
  const send = (message: number[]) => {
    it.memory.bytes.set(message, 3 << 20);
    return endpoint.send(peer, 3 << 20, message.length, options);
  };
  t.is(send([0, 0, 0, 0, 0, 0, 0, 0]), 'EINVAL', 'not a request');
  t.is(send([8, 0, 0, 0]), 'EINVAL', 'too short');
  t.is(send([8, 0, 9, 9, 9, 9, 0, 7, 1, 2, 3]), null);
  const [sent] = it.take().map(openIpv4);
  t.is(checksumOf(sent?.payload ?? []), 0);
  const { port } = binding.local;
  t.deepEqual(sent?.payload.slice(4), [...word16(port), 0, 7, 1, 2, 3]);
  const reply = [0, 0, 0, 0, ...word16(port), 0, 7, 1, 2, 3];
  reply.splice(2, 2, ...word16(checksumOf(reply)));
  it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: reply })));
  t.deepEqual(heard, [reply]);
  const other = [...reply];
  other[4] = (port >> 8) ^ 1;
  other.splice(2, 2, 0, 0);
  other.splice(2, 2, ...word16(checksumOf(other)));
  it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: other })));
  t.is(heard.length, 1);
  t.is(it.counter('ping', 'dropNoSocket'), 1);
  t.is(endpoint.connect(peer), null);
  const quoted = ipv4({
    protocol: 1,
    source: '192.168.1.2',
    destination: '192.168.1.1',
    payload: sent?.payload ?? [],
  });
  const error = [3, 1, 0, 0, 0, 0, 0, 0, ...quoted];
  error.splice(2, 2, ...word16(checksumOf(error)));
  it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: error })));
  t.deepEqual(errors, ['EHOSTUNREACH']);
  endpoint.close();
  it.exchange(ethernet(ipv4Type, ipv4({ protocol: 1, payload: reply })));
  t.is(heard.length, 1);
});

test('plateaus of RFC 1191', (t) => {
  t.deepEqual(
    [70_000, 32_000, 1500, 1492, 500, 68, 20].map(plateauBelow),
    [32_000, 17_914, 1492, 1006, 296, 68, 68],
  );
});

test('a token bucket gives its burst, then its rate', (t) => {
  const bucket = new TokenBucket(10, 3);
  const take = (now: number): number => {
    let taken = 0;
    while (bucket.take(now)) taken += 1;
    return taken;
  };
  t.is(take(0), 3);
  t.is(take(99_999), 0);
  t.is(take(100_000), 1);
  t.is(take(350_000), 2);
  t.is(take(60_000_000), 3);
});

test('loopback works without any device, and gives back every buffer', (t) => {
  const it = new TestStack();
  const heard: number[] = [];
  it.stack.registerTransport(99, {
    receive: (packet, header) => {
      heard.push(header.payloadLength);
      t.is(header.interface.name, 'lo');
      packet.release();
    },
    networkError: () => {},
  });
  const { network } = it.stack;
  for (const to of ['127.0.0.1', '::1', '192.168.1.2']) {
    const route = network.route(ip(to), undefined, 0);
    if (typeof route === 'string') throw new Error(route);
    const packet = network.allocate(route, 40_000);
    if (packet === null) throw new Error('no buffer');
    packet.end = packet.start + 40_000;
    network.send(route, packet, 99, { hopLimit: 0, trafficClass: 0, dontFragment: true });
    it.run();
  }
  t.deepEqual(heard, [40_000, 40_000, 40_000]);
  t.is(it.stack.pool.inUse, 0);
});
