/** DHCPv4: the life of a lease, scripted in virtual time. */
import { parseDhcpReply } from '@runtimejs/net/wire/dhcpv4.ts';
import test from 'ava';
import {
  ack,
  ConfiguredStack,
  decline,
  discover,
  fromServer,
  nak,
  obtain,
  offer,
  reply,
  replyPayload,
  request,
  second,
} from './net-dhcp-fixtures.ts';
import {
  addressBytes,
  arp,
  broadcast,
  ethernet,
  ip,
  noHardware,
  ourHardware,
  peerHardware,
  word32,
} from './net-ip-fixtures.ts';

const onlyV4 = { default: { ipv6: 'off' } } as const;

test('a lease is had without waiting: address, routes, name servers, one line in the log', (t) => {
  const it = new ConfiguredStack(onlyV4);
  t.true(it.stack.network.configuring);
  const [asked] = it.requests();
  t.like(asked, {
    type: discover,
    source: '0.0.0.0',
    destination: '255.255.255.255',
    to: broadcast,
    flags: 0x8000,
    clientAddress: '0.0.0.0',
    hardware: ourHardware,
  });
  t.deepEqual(asked?.options.get(61), [1, ...ourHardware]);
  it.device.inject(reply(asked!, offer));
  const [requested] = it.requests();
  t.like(requested, { type: request, source: '0.0.0.0', destination: '255.255.255.255' });
  t.deepEqual(requested?.options.get(50), [10, 0, 2, 15]);
  t.deepEqual(requested?.options.get(54), [10, 0, 2, 2]);
  t.deepEqual(requested?.transaction, asked?.transaction);
  t.is(it.now, 1_000_000, 'no time went by');
  it.device.inject(reply(requested!, ack));
  it.run();
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  t.false(it.stack.network.configuring);
  t.is(it.resolver.text, 'nameserver 10.0.2.3\n');
  t.true(
    it.logs.includes(
      'eth0: 10.0.2.15/24 from DHCP server 10.0.2.2, lease 86400 s, gateway 10.0.2.2, DNS 10.0.2.3',
    ),
  );
  const route = it.stack.network.route(ip('1.1.1.1'), undefined, 0);
  t.false(typeof route === 'string');
});

test('lost messages are sent again, with pauses that double and never stop', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const times: number[] = [];
  const transactions = new Set<string>();
  for (let n = 0; n < 12; n += 1) {
    const asked = it.nextRequest();
    t.is(asked.type, discover);
    times.push(it.now);
    transactions.add(asked.transaction.join());
  }
  t.is(transactions.size, 1);
  const pauses = times.slice(1).map((time, n) => (time - (times[n] as number)) / second);
  for (const [n, pause] of pauses.entries()) {
    const expected = Math.min(2 ** n, 64);
    t.true(pause >= expected * 0.74 && pause <= expected * 1.26, `${n}: ${pause}`);
  }
  // Given up for whoever waits, not for the client.
  t.false(it.stack.network.configuring);
  t.true(it.logs.some((line) => line.includes('no DHCP server answers')));
  obtain(it);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('every other pair of messages asks for an answer by unicast, which is taken then', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const flags = Array.from({ length: 8 }, () => it.nextRequest().flags);
  t.deepEqual(flags, [0x8000, 0x8000, 0, 0, 0x8000, 0x8000, 0, 0]);
  const asked = it.nextRequest();
  it.device.inject(fromServer(replyPayload(asked, offer), '10.0.2.2', '10.0.2.15'));
  const requested = it.nextRequest();
  it.device.inject(fromServer(replyPayload(requested, ack), '10.0.2.2', '10.0.2.15'));
  it.run();
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  t.false(it.eth0.acceptUnconfigured, 'later only our own address counts');
});

test('a server that can may grant the lease at once', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const asked = it.nextRequest();
  t.deepEqual(asked.options.get(80), []);
  it.device.inject(reply(asked, ack, { options: [[80, []]] }));
  t.deepEqual(it.requests(), []);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('who waits for the network waits ten seconds', (t) => {
  const it = new ConfiguredStack(onlyV4);
  it.advance(9.9 * second);
  t.true(it.stack.network.configuring);
  it.advance(0.2 * second);
  t.false(it.stack.network.configuring);
});

test('a request that nobody answers leads back to looking for offers', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const first = it.nextRequest();
  it.device.inject(reply(first, offer));
  for (let n = 0; n < 4; n += 1) t.is(it.nextRequest().type, request);
  const again = it.nextRequest();
  t.is(again.type, discover);
  t.notDeepEqual(again.transaction, first.transaction);
});

test('renewal by unicast at T1 keeps the address, and its routes are not touched', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, { lease: 1000 });
  it.knowPeer('10.0.2.2');
  it.advance(10 * second); // probes and announcements
  it.take();
  const before = it.stack.network.route(ip('1.1.1.1'), undefined, 0);
  const renewal = it.nextRequest(600 * second);
  t.true(it.now >= 470 * second && it.now <= 530 * second, `${it.now}`);
  t.like(renewal, {
    type: request,
    source: '10.0.2.15',
    destination: '10.0.2.2',
    clientAddress: '10.0.2.15',
    flags: 0,
  });
  t.is(renewal.options.get(50), undefined);
  t.is(renewal.options.get(54), undefined);
  const logged = it.logs.length;
  it.device.inject(
    fromServer(replyPayload(renewal, ack, { lease: 1000 }), '10.0.2.2', '10.0.2.15'),
  );
  it.run();
  t.is(it.logs.length, logged + 1);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  t.true(typeof before !== 'string' && before.valid);
  t.is(it.network.interface(it.eth0)?.lease?.leaseTime, 1000);
});

test('renewing, rebinding by broadcast, expiry, and starting over', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, { lease: 1000 });
  it.knowPeer('10.0.2.2');
  const start = it.now;
  const seen: string[] = [];
  for (;;) {
    const message = it.nextRequest(2000 * second);
    if (message.type === discover) break;
    seen.push(`${message.destination}`);
    if (message.destination === '255.255.255.255') {
      t.is(message.source, '10.0.2.15');
      t.true(it.now - start >= 850 * second);
    }
    it.knowPeer('10.0.2.2');
  }
  t.true(seen.indexOf('255.255.255.255') > 0);
  t.false(seen.slice(seen.indexOf('255.255.255.255')).includes('10.0.2.2'));
  t.true(seen.length >= 4 && seen.length <= 20, seen.join());
  t.is(Math.round((it.now - start) / second), 1000);
  t.deepEqual(it.addresses(), []);
  t.is(it.resolver.text, '# No name server is known.\n');
  t.is(it.stack.network.route(ip('1.1.1.1'), undefined, 0), 'ENETUNREACH');
  t.true(it.logs.includes('eth0: 10.0.2.15 is gone: lease expired'));
  obtain(it);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('another server may extend the lease while rebinding', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, { lease: 100 });
  it.knowPeer('10.0.2.2');
  let message = it.nextRequest();
  while (message.destination !== '255.255.255.255') message = it.nextRequest();
  it.device.inject(reply(message, ack, { server: '10.0.2.7', lease: 500 }));
  it.run();
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  t.true(it.logs.some((line) => line.includes('DHCP server 10.0.2.7, lease 500 s')));
});

test('a NAK to a renewal takes the address away at once and asks anew', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, { lease: 100 });
  it.knowPeer('10.0.2.2');
  const renewal = it.nextRequest();
  it.device.inject(
    reply(renewal, nak, { options: [[56, [...'moved'].map((letter) => letter.charCodeAt(0))]] }),
  );
  const before = it.now;
  t.is(it.nextRequest().type, discover);
  t.is(it.now, before);
  t.deepEqual(it.addresses(), []);
  t.true(it.logs.includes('eth0: DHCP server 10.0.2.2 refused the address: moved'));
});

test('a server that always refuses is asked less and less often', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const began = it.now;
  for (let n = 0; n < 8; n += 1) {
    it.device.inject(reply(it.nextRequest(), offer));
    it.device.inject(reply(it.nextRequest(), nak));
    it.run();
  }
  t.is(it.nextRequest(200 * second).type, discover);
  t.true(it.now - began > 100 * second, `${(it.now - began) / second}`);
});

test('the first usable offer wins; rogue ones and those of others are counted', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const asked = it.nextRequest();
  const drops: [string, number[]][] = [
    ['dhcp: unknown transaction', reply(asked, offer, { transaction: [1, 2, 3, 4] })],
    ['dhcp: for another client', reply(asked, offer, { hardware: peerHardware })],
    ['dhcp: not a reply', reply(asked, offer, { op: 1 })],
    ['dhcp: unexpected', reply(asked, ack)],
    ['dhcp: offer: address is not a host address', reply(asked, offer, { address: '0.0.0.0' })],
    ['dhcp: offer: no lease time', reply(asked, offer, { lease: null })],
    [
      'dhcp: offer: subnet mask is not contiguous',
      reply(asked, offer, { options: [[1, [255, 0, 255, 0]]] }),
    ],
    [
      'dhcp: offer: address is its network or broadcast address',
      reply(asked, offer, { address: '10.0.2.255' }),
    ],
    ['dhcp: for another client identifier', reply(asked, offer, { options: [[61, [1, 2]]] })],
    ['dhcp: offer: no server identifier', reply(asked, offer, { options: [[54, [127, 0, 0, 1]]] })],
  ];
  for (const address of ['127.0.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1']) {
    drops.push(['dhcp: offer: address is not a host address', reply(asked, offer, { address })]);
  }
  const expected: Record<string, number> = {};
  for (const [reason, frame] of drops) {
    expected[reason] = (expected[reason] ?? 0) + 1;
    it.device.inject(frame);
    it.run();
    t.is(it.counter('dhcp.eth0', reason), expected[reason] as number, reason);
  }
  t.deepEqual(it.requests(), []);
  it.device.inject(reply(asked, offer));
  const requested = it.nextRequest();
  it.device.inject(reply(asked, offer, { server: '10.0.2.66', address: '10.0.2.66' }));
  it.device.inject(reply(requested, ack, { server: '10.0.2.66', address: '10.0.2.66' }));
  it.device.inject(reply(requested, nak, { server: '10.0.2.66' }));
  it.run();
  t.deepEqual(it.addresses(), []);
  t.is(it.counter('dhcp.eth0', 'dhcp: another server'), 2);
  it.device.inject(reply(requested, ack));
  it.run();
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('an address that another machine has is declined, and asked for again ten seconds later', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it);
  const probes = it.take().filter((frame) => frame[12] === 8 && frame[13] === 6);
  t.true(probes.length > 0);
  it.device.inject(ethernet(0x0806, arp(2, peerHardware, '10.0.2.15', ourHardware, '10.0.2.15')));
  const declined = it.nextRequest();
  t.is(declined.type, decline);
  t.deepEqual(declined.options.get(50), [10, 0, 2, 15]);
  t.deepEqual(declined.options.get(54), [10, 0, 2, 2]);
  t.deepEqual(it.addresses(), []);
  const before = it.now;
  t.is(it.nextRequest().type, discover);
  t.true(it.now - before >= 10 * second);
});

test('an address in use is defended once, and given up when the other machine insists', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it);
  it.advance(30 * second);
  const claim = ethernet(
    0x0806,
    arp(1, peerHardware, '10.0.2.15', noHardware, '10.0.2.15'),
    broadcast,
  );
  it.exchange(claim);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  it.advance(11 * second);
  it.exchange(claim);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  it.advance(1 * second);
  it.device.inject(claim);
  t.is(it.nextRequest().type, decline);
  t.deepEqual(it.addresses(), []);
});

test('after the link was down, the lease is checked; meanwhile it stays in use', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it);
  it.device.setLink(false);
  it.advance(100 * second);
  t.deepEqual(it.requests(), []);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  it.device.setLink(true);
  const check = it.nextRequest();
  t.like(check, { type: request, destination: '255.255.255.255', clientAddress: '0.0.0.0' });
  t.deepEqual(check.options.get(50), [10, 0, 2, 15]);
  t.is(check.options.get(54), undefined);
  it.device.inject(reply(check, nak));
  t.is(it.nextRequest().type, discover);
  t.deepEqual(it.addresses(), []);
});

test('in another network the old address is replaced when the new one is there', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it);
  it.device.setLink(false);
  it.device.setLink(true);
  for (let n = 0; n < 3; n += 1) t.is(it.nextRequest().type, request);
  const asked = it.nextRequest();
  t.is(asked.type, discover);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
  const fields = { server: '10.9.0.1', address: '10.9.0.5' };
  it.device.inject(reply(asked, offer, fields));
  it.device.inject(reply(it.nextRequest(), ack, fields));
  it.run();
  t.deepEqual(it.addresses(), ['10.9.0.5/24']);
  const gateways = it.stack.routes.entries.filter((one) => one.gateway !== null);
  t.is(gateways.length, 1);
});

test('no link at boot: nobody waits, and the log says so', (t) => {
  const it = new ConfiguredStack(onlyV4);
  it.device.setLink(false);
  it.run();
  t.false(it.stack.network.configuring);
  it.take();
  it.device.setLink(true);
  t.true(it.stack.network.configuring);
  obtain(it);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('classless routes replace the router option; a router outside of the prefix is on the link', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, {
    options: [
      [1, [255, 255, 255, 255]],
      [121, [24, 192, 168, 7, 10, 128, 0, 9, 32, 10, 128, 0, 1, 0, 0, 0, 0, 0, 10, 128, 0, 1]],
    ],
    address: '10.128.0.5',
  });
  const routes = it.stack.routes.entries
    .filter((one) => one.origin === 'dhcp')
    .map(
      (one) =>
        `${one.destination.word3 >>> 0}/${one.prefixLength} ${(one.gateway?.word3 ?? 0) >>> 0}`,
    );
  const bits = (text: string) => ip(text).word3 >>> 0;
  t.deepEqual(
    routes.sort(),
    [
      `0/0 ${bits('10.128.0.1')}`,
      `${bits('10.128.0.1')}/32 0`,
      `${bits('10.128.0.9')}/32 0`,
      `${bits('192.168.7.0')}/24 ${bits('10.128.0.9')}`,
    ].sort(),
  );
});

test('a server cannot make the client remember without bounds', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const routes = Array.from({ length: 100 }, (_, n) => [24, 192, 168, n, 10, 0, 2, 2]).flat();
  const servers = Array.from({ length: 50 }, (_, n) => [10, 0, 3, n + 1]).flat();
  const split = (code: number, bytes: number[]): [number, number[]][] => {
    const parts: [number, number[]][] = [];
    for (let at = 0; at < bytes.length; at += 200) parts.push([code, bytes.slice(at, at + 200)]);
    return parts;
  };
  obtain(it, { options: [...split(121, routes), ...split(6, servers)] });
  t.is(it.stack.routes.entries.filter(({ origin }) => origin === 'dhcp').length, 64);
  t.true(it.logs.some((line) => line.includes('routes after the first 64')));
  const told = it.logs.find((line) => line.includes('from DHCP server')) ?? '';
  t.is(told.split('10.0.3.').length - 1, 8, told);
});

test('search list, domain, MTU, NTP servers and odd lease times', (t) => {
  const it = new ConfiguredStack(onlyV4);
  // "eng.example.com", and "sales" followed by a pointer to "example.com".
  const list = [
    3, 101, 110, 103, 7, 101, 120, 97, 109, 112, 108, 101, 3, 99, 111, 109, 0, 5, 115, 97, 108, 101,
    115, 0xc0, 4,
  ];
  obtain(it, {
    options: [
      [119, list.slice(0, 10)],
      [26, [5, 0]],
      [42, addressBytes('10.0.2.9')],
      [58, word32(4_000_000)],
      [59, word32(1)],
      [15, [...'local.example'].map((letter) => letter.charCodeAt(0))],
    ],
  });
  const lease = it.network.interface(it.eth0)?.lease;
  t.is(it.eth0.mtu, 1280);
  t.deepEqual(lease?.ntpServers, [ip('10.0.2.9').word3]);
  t.deepEqual(lease?.searchDomains, ['local.example'], 'a broken list is left out');
  t.deepEqual(lease?.ignored, ['search list']);
  t.true((lease?.renewAt ?? 0) > 40_000 * second && (lease?.renewAt ?? 0) < 46_000 * second);

  const other = new ConfiguredStack(onlyV4);
  obtain(other, { options: [[119, list]] });
  t.is(other.resolver.text, 'nameserver 10.0.2.3\nsearch eng.example.com sales.example.com\n');
});

test('an endless lease is never renewed', (t) => {
  const it = new ConfiguredStack(onlyV4);
  obtain(it, { lease: 0xffffffff });
  it.advance(10 * second);
  it.take();
  it.advance(10_000_000 * second);
  t.deepEqual(it.requests(), []);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});

test('nothing that arrives on port 68 breaks the client: cut, changed and random messages', (t) => {
  const it = new ConfiguredStack(onlyV4);
  const asked = it.nextRequest();
  const good = replyPayload(asked, offer, {
    options: [
      [121, [24, 192, 168, 7, 10, 0, 2, 9]],
      [119, [3, 101, 110, 103, 0]],
      [15, [97, 98]],
    ],
  });
  for (let length = 0; length <= good.length; length += 1) {
    const parsed = parseDhcpReply(Uint8Array.from(good), 0, length);
    if (length < good.length - 1) t.is(typeof parsed, length < 240 ? 'string' : typeof parsed);
    // Surrounded by rubbish, the length alone says where the message ends.
    const inside = Uint8Array.from([...good.slice(0, length), ...new Array(64).fill(0xff)]);
    t.deepEqual(parseDhcpReply(inside, 0, length), parsed);
  }
  for (let at = 0; at < good.length; at += 1) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff, it.random(256)]) {
      const changed = [...good];
      changed[at] = value;
      parseDhcpReply(Uint8Array.from(changed), 0, changed.length);
    }
  }
  for (let run = 0; run < 500; run += 1) {
    const bytes = Array.from({ length: 240 + it.random(300) }, () => it.random(256));
    bytes.splice(0, 3, 2, 1, 6);
    bytes.splice(4, 4, ...asked.transaction);
    bytes.splice(28, 6, ...asked.hardware);
    bytes.splice(236, 4, 99, 130, 83, 99);
    it.device.inject(fromServer(bytes));
    it.run();
  }
  it.take();
  t.deepEqual(it.addresses(), []);
  obtain(it);
  t.deepEqual(it.addresses(), ['10.0.2.15/24']);
});
