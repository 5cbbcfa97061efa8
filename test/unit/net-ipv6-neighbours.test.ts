/** Neighbour Discovery between neighbours, redirects, ICMPv6. */
import { formatAddress, formatWithPrefix } from '@runtimejs/net/address-text.ts';
import type { NetworkError } from '@runtimejs/net/network.ts';
import test from 'ava';
import { ConfiguredStack, second } from './net-dhcp-fixtures.ts';
import {
  addressBytes,
  ethernet,
  ip,
  ipv6,
  ipv6Type,
  ourHardware,
  peerHardware,
  udp,
  word16,
  word32,
} from './net-ip-fixtures.ts';
import {
  advertisement,
  icmpv6Of,
  message,
  neighbourAdvertisement,
  ourLinkLocal,
  prefixOption,
  router,
  solicitation,
  textOf,
} from './net-ipv6-fixtures.ts';

const ours = '2001:db8::ff:fe00:1';
const neighbour = '2001:db8::99';
const far = '2606:4700::1';

/** A stack with a router and checked addresses. */
function configured(): ConfiguredStack {
  const it = new ConfiguredStack({ default: { ipv4: 'off' } });
  it.exchange(advertisement({ options: [prefixOption('2001:db8::')] }));
  it.advance(2 * second);
  it.take();
  return it;
}

/** Sends a UDP datagram to a port that is not open anywhere, as an app would. */
function sendTo(it: ConfiguredStack, to: string): void {
  const route = it.stack.network.route(ip(to), undefined, 0);
  if (typeof route === 'string') throw new Error(route);
  const packet = it.stack.network.allocate(route, 16)!;
  const bytes = udp([1, 2, 3, 4, 5, 6, 7, 8], [5000, 6000], formatAddress(route.source), to);
  it.memory.bytes.set(bytes, packet.start);
  packet.end = packet.start + bytes.length;
  it.stack.network.send(route, packet, 17, { hopLimit: 0, trafficClass: 0, dontFragment: false });
}

/** Frames with UDP in IPv6, by destination hardware address. */
function datagrams(frames: number[][]): string[] {
  return frames
    .filter((frame) => frame[12] === 0x86 && frame[20] === 17)
    .map((frame) => `${textOf(frame.slice(38, 54))} at ${frame.slice(0, 6).join(':')}`);
}

test('a solicitation is answered, and its sender becomes a known neighbour', (t) => {
  const it = configured();
  const [answer, ...rest] = icmpv6Of(it.exchange(solicitation(ours, { source: neighbour })));
  t.is(rest.length, 0);
  t.like(answer, {
    type: 136,
    source: ours,
    destination: neighbour,
    to: peerHardware,
    hopLimit: 255,
  });
  t.is((answer!.bytes[4] as number) >>> 5, 3, 'solicited, override, no router');
  t.deepEqual(answer?.bytes.slice(24), [2, 1, ...ourHardware]);
  t.is(it.eth0.neighbours6.lookup(ip(neighbour))?.state, 'stale');
});

test('solicitations that break a rule are not answered', (t) => {
  const it = configured();
  const wrong: [string, number[]][] = [
    ['drop: hop limit is not 255', solicitation(ours, { hopLimit: 64 })],
    ['drop: target is not a unicast address', solicitation('ff02::1', { destination: ours })],
    [
      'drop: source is unspecified but a link-layer address is given',
      solicitation(ours, { source: '::', link: peerHardware }),
    ],
    ['drop: source is ours', solicitation(ours, { source: ourLinkLocal })],
    ['dropNotOurs', solicitation('2001:db8::1:ff:fe00:1')],
  ];
  for (const [reason, frame] of wrong) {
    t.deepEqual(icmpv6Of(it.exchange(frame)), [], reason);
    t.is(it.counter('ipv6.eth0', reason), 1, reason);
  }
  // To all nodes instead of the solicited-node group.
  const toAll = solicitation(ours, { source: '::', destination: 'ff02::1' });
  t.deepEqual(icmpv6Of(it.exchange(toAll)), []);
  t.is(it.counter('ipv6.eth0', 'drop: not sent to the solicited-node group'), 1);
});

test('who is not on the link is answered, but does not enter the cache', (t) => {
  const it = configured();
  for (let n = 0; n < 300; n += 1) {
    it.device.inject(solicitation(ours, { source: `2606:4700::${n.toString(16)}` }));
    if (n % 50 === 49) it.run();
  }
  it.run();
  t.true(it.eth0.neighbours6.size < 10, `${it.eth0.neighbours6.size}`);
  t.true(icmpv6Of(it.take(), 136).length > 0);
});

test('a neighbour is asked for, the datagrams wait, an advertisement releases them', (t) => {
  const it = configured();
  sendTo(it, neighbour);
  sendTo(it, neighbour);
  const frames = it.take();
  const asked = icmpv6Of(frames, 135);
  t.is(asked.length, 1);
  t.like(asked[0], { destination: 'ff02::1:ff00:99', source: ours, hopLimit: 255 });
  t.deepEqual(asked[0]?.bytes.slice(24, 32), [1, 1, ...ourHardware]);
  t.deepEqual(datagrams(frames), []);
  const sent = it.exchange(neighbourAdvertisement(neighbour, { flags: 3, destination: ours }));
  const expected = `${neighbour} at ${peerHardware.join(':')}`;
  t.deepEqual(datagrams(sent), [expected, expected]);
  t.is(it.eth0.neighbours6.lookup(ip(neighbour))?.state, 'reachable');
});

test('unreachability: stale, delay, probes by unicast, then the router is left for another', (t) => {
  const it = configured();
  it.exchange(advertisement({ source: 'fe80::2', hardware: peerHardware }));
  sendTo(it, far);
  const first = datagrams(it.take())[0];
  it.advance(20 * second);
  const probes = icmpv6Of(it.take(), 135).filter((one) => one.destination !== 'ff02::1:ff00:1');
  t.is(probes.length, 3);
  for (const probe of probes) {
    t.is(probe.hopLimit, 255);
    t.notDeepEqual(probe.to.slice(0, 2), [0x33, 0x33], 'by unicast');
    t.is(textOf(probe.bytes.slice(8, 24)), probe.destination);
  }
  sendTo(it, far);
  const second2 = datagrams(it.take())[0];
  t.truthy(second2);
  t.not(second2, first, 'over the other router');
});

test('advertisements nobody asked for do not make neighbours, nor overwrite without the flag', (t) => {
  const it = configured();
  it.exchange(neighbourAdvertisement(neighbour, { flags: 1, destination: 'ff02::1' }));
  t.is(it.eth0.neighbours6.lookup(ip(neighbour)), undefined);
  it.knowPeer(neighbour);
  const other = [2, 0, 0, 0, 0, 0x77];
  it.exchange(neighbourAdvertisement(neighbour, { flags: 0, destination: ours, link: other }));
  t.deepEqual([...it.eth0.neighbours6.lookup(ip(neighbour))!.hardwareAddress], peerHardware);
  const group = [0x33, 0x33, 0, 0, 0, 1];
  it.exchange(neighbourAdvertisement(neighbour, { flags: 3, destination: ours, link: group }));
  t.deepEqual([...it.eth0.neighbours6.lookup(ip(neighbour))!.hardwareAddress], peerHardware);
  t.is(it.counter('ipv6.eth0', 'dropHardware'), 1);
});

/** A redirect, by default from the router that is in use. */
function redirect(
  target: string,
  destination: string,
  fields: { source?: string; quoted?: number[]; hopLimit?: number } = {},
): number[] {
  const quoted = fields.quoted ?? [];
  const options = [2, 1, ...peerHardware];
  if (quoted.length > 0) {
    const padded = [...quoted, ...new Array<number>((8 - (quoted.length % 8)) % 8).fill(0)];
    options.push(4, 1 + padded.length / 8, 0, 0, 0, 0, 0, 0, ...padded);
  }
  return message(
    137,
    0,
    [0, 0, 0, 0, ...addressBytes(target), ...addressBytes(destination), ...options],
    { destination: ours, ...fields },
  );
}

function hostRoutes(it: ConfiguredStack): string[] {
  return it.stack.routes.entries
    .filter((one) => one.prefixLength === 128 && one.origin === 'router')
    .map((one) => {
      const to = formatWithPrefix(one.destination, one.prefixLength);
      return one.gateway === null ? to : `${to} via ${formatAddress(one.gateway)}`;
    });
}

test('a redirect of the router in use is followed, for ten minutes', (t) => {
  const it = configured();
  const quoted = ipv6({ source: ours, destination: far, payload: udp([1]) });
  it.exchange(redirect('fe80::5', far, { quoted }));
  t.deepEqual(hostRoutes(it), [`${far}/128 via fe80::5`]);
  sendTo(it, far);
  t.deepEqual(datagrams(it.take()), [`${far} at ${peerHardware.join(':')}`]);
  it.exchange(redirect('2606:4700::2', '2606:4700::2'));
  t.deepEqual(hostRoutes(it), [`${far}/128 via fe80::5`, '2606:4700::2/128']);
  it.advance(601 * second);
  t.deepEqual(hostRoutes(it), []);
});

test('redirects by attackers are not followed, and what is followed is bounded', (t) => {
  const it = configured();
  it.knowPeer('fe80::66');
  const attacks: [string, number[]][] = [
    ['redirect not from the first hop in use', redirect('fe80::66', far, { source: 'fe80::66' })],
    ['hop limit is not 255', redirect('fe80::66', far, { hopLimit: 254 })],
    ['source is not link-local', redirect('fe80::66', far, { source: '2001:db8::66' })],
    ['destination is not a unicast address', redirect('fe80::66', 'ff0e::1')],
    ['target is neither a router nor the destination', redirect('2606::66', far)],
    ['redirect destination is ours', redirect('fe80::66', ours)],
    ['redirect target is ours', redirect(ourLinkLocal, far)],
    [
      'redirect quoted packet is not ours',
      redirect('fe80::66', far, {
        quoted: ipv6({ source: neighbour, destination: far, payload: [0] }),
      }),
    ],
    // On the link there is no first hop that could redirect.
    ['redirect not from the first hop in use', redirect('fe80::66', neighbour)],
  ];
  for (const [reason, frame] of attacks) {
    const before = it.stack.counters.get('ipv6.eth0')?.[`drop: ${reason}`] ?? 0;
    it.exchange(frame);
    t.is(it.counter('ipv6.eth0', `drop: ${reason}`), before + 1, reason);
  }
  t.deepEqual(hostRoutes(it), []);
  for (let n = 0; n < 200; n += 1) {
    it.exchange(redirect('fe80::5', `2606:4700::${(n + 16).toString(16)}`));
  }
  t.is(hostRoutes(it).length, 64);
});

test('echo requests are answered, large and scattered ones too', (t) => {
  const it = configured();
  const body = [0x12, 0x34, 0, 7, ...Array.from({ length: 1000 }, (_, n) => n & 255)];
  const ask = message(128, 0, body, {
    source: neighbour,
    destination: ours,
    hardware: peerHardware,
  });
  it.knowPeer(neighbour);
  it.device.inject(ask, [100, 333]);
  const [answer] = icmpv6Of(it.take());
  t.like(answer, { type: 129, source: ours, destination: neighbour, hopLimit: 64 });
  t.deepEqual(answer?.bytes.slice(4), body);
  const toAll = message(128, 0, body.slice(0, 8), { source: 'fe80::99', hardware: peerHardware });
  it.knowPeer('fe80::99');
  t.like(icmpv6Of(it.exchange(toAll))[0], { type: 129, source: ourLinkLocal });
});

test('errors: a closed port, unknown headers and options; none about errors; not too many', (t) => {
  const it = configured();
  it.knowPeer(neighbour);
  const from = { source: neighbour, destination: ours };
  const closed = ethernet(
    ipv6Type,
    ipv6({ ...from, payload: udp([1, 2, 3], [5000, 9], neighbour, ours) }),
    ourHardware,
    peerHardware,
  );
  const [answer] = icmpv6Of(it.exchange(closed));
  t.like(answer, { type: 1, code: 4, destination: neighbour, source: ours });
  t.deepEqual(answer?.bytes.slice(8), closed.slice(14), 'the whole packet is quoted');
  const unknown = ethernet(
    ipv6Type,
    ipv6({ ...from, nextHeader: 200, payload: [1, 2, 3, 4, 5, 6, 7, 8] }),
  );
  const [problem] = icmpv6Of(it.exchange(unknown));
  t.like(problem, { type: 4, code: 1 });
  t.deepEqual(problem?.bytes.slice(4, 8), [0, 0, 0, 6], 'the next-header field is to blame');
  const option = ethernet(
    ipv6Type,
    ipv6({ ...from, nextHeader: 60, payload: [17, 0, 0x9e, 4, 0, 0, 0, 0, ...udp([1])] }),
  );
  t.like(icmpv6Of(it.exchange(option))[0], { type: 4, code: 2 });
  // An error about an error would never end.
  const error = message(1, 4, [0, 0, 0, 0, ...unknown.slice(14)], {
    ...from,
    hardware: peerHardware,
  });
  t.deepEqual(icmpv6Of(it.exchange(error)), []);
  for (let n = 0; n < 100; n += 1) it.device.inject(closed);
  t.true(icmpv6Of(it.take()).length < 20);
  t.true(it.counter('icmpv6', 'dropErrorRate') > 80);
});

test('errors about our packets reach the transport; forged ones do not', (t) => {
  const it = configured();
  const heard: NetworkError[] = [];
  it.stack.registerTransport(6, {
    receive: (packet) => packet.release(),
    networkError: (error) => {
      heard.push(error);
    },
  });
  const sent = (payload = 1400, source = ours, destination = far) => {
    const segment = [
      ...word16(1234),
      ...word16(443),
      ...word32(77),
      ...new Array<number>(payload - 8).fill(0),
    ];
    return ipv6({ source, destination, nextHeader: 6, payload: segment });
  };
  const send = (type: number, code: number, parameter: number, quoted: number[]) => {
    const source = '2606:9999::1';
    it.exchange(
      message(type, code, [...word32(parameter), ...quoted], { source, destination: ours }),
    );
    return heard.splice(0)[0];
  };
  const tooBig = send(2, 0, 1280, sent());
  t.like(tooBig, { kind: 'packetTooBig', error: 'EMSGSIZE', mtu: 1280 });
  t.is(formatAddress(tooBig!.destination), far);
  t.like(send(1, 4, 0, sent().slice(0, 60)), {
    kind: 'refused',
    error: 'ECONNREFUSED',
    quotedLength: 20,
  });
  t.like(send(1, 0, 0, sent()), { kind: 'unreachable', error: 'ENETUNREACH' });
  t.like(send(1, 3, 0, sent()), { kind: 'unreachable', error: 'EHOSTUNREACH' });
  t.like(send(1, 1, 0, sent()), { kind: 'unreachable', error: 'EACCES' });
  t.like(send(3, 0, 0, sent()), { kind: 'timeExceeded' });
  t.like(send(4, 0, 40, sent()), { kind: 'parameterProblem', error: 'EPROTO' });
  t.like(send(2, 0, 100, sent()), { mtu: 1280 }, 'never below what IPv6 needs');
  const forged: [string, number[], number][] = [
    ['dropQuoteMtu', sent(), 1440],
    ['dropQuoteMtu', sent(), 9000],
    ['dropQuoteNotOurs', sent(1400, '2001:db8::77'), 1280],
    ['dropQuoteNoTransport', sent().slice(0, 44), 1280],
    ['dropQuoteShort', sent().slice(0, 30), 1280],
    [
      'dropQuoteProtocol',
      ipv6({ source: ours, destination: far, nextHeader: 99, payload: new Array(1400).fill(0) }),
      1280,
    ],
  ];
  for (const [reason, quoted, mtu] of forged) {
    const before = it.counter('icmpv6', reason);
    t.is(send(2, 0, mtu, quoted), undefined, reason);
    t.is(it.counter('icmpv6', reason), before + 1, reason);
  }
});

test('random ICMPv6 of every type breaks nothing and leaks nothing', (t) => {
  const it = configured();
  const before = it.device.outstanding;
  for (let run = 0; run < 3000; run += 1) {
    const type = it.random(4) === 0 ? it.random(256) : 128 + it.random(16);
    const body = Array.from({ length: it.random(100) }, () => it.random(256));
    const destination = it.random(2) === 0 ? ours : 'ff02::1';
    const source = ['fe80::99', neighbour, far, '::', router][it.random(5)] as string;
    it.device.inject(
      message(it.random(3) === 0 ? it.random(5) : type, it.random(3), body, {
        source,
        destination,
      }),
    );
    it.run();
  }
  it.take();
  it.advance(60 * second);
  t.true(it.device.outstanding <= before);
  t.is(icmpv6Of(it.exchange(solicitation(ours)), 136).length, 1);
});
