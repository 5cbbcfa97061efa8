/** IPv6 addresses: link-local ones, duplicates, router advertisements and their lifetimes. */
import { formatAddress, formatWithPrefix } from '@runtimejs/net/address-text.ts';
import type { InterfaceSettings } from '@runtimejs/net/configuration/settings.ts';
import test from 'ava';
import { ConfiguredStack, second } from './net-dhcp-fixtures.ts';
import { ip, ourHardware } from './net-ip-fixtures.ts';
import {
  advertisement,
  endless,
  icmpv6Of,
  message,
  mtuOption,
  nameServerOption,
  neighbourAdvertisement,
  type Opened,
  ourLinkLocal,
  prefixOption,
  routeOption,
  router,
  searchOption,
  solicitation,
  textOf,
} from './net-ipv6-fixtures.ts';

const ours = '2001:db8::ff:fe00:1';

function start(settings: InterfaceSettings = {}): ConfiguredStack {
  return new ConfiguredStack({ default: { ipv4: 'off', ...settings } });
}

function addresses(it: ConfiguredStack): string[] {
  return it.eth0.addresses.map(
    ({ address, prefixLength, state }) => `${formatWithPrefix(address, prefixLength)} ${state}`,
  );
}

function routes(it: ConfiguredStack): string[] {
  return it.stack.routes.entries
    .filter((one) => one.origin === 'router')
    .map((one) => {
      const to = formatWithPrefix(one.destination, one.prefixLength);
      return one.gateway === null ? to : `${to} via ${formatAddress(one.gateway)}`;
    });
}

const target = (one: Opened) => textOf(one.bytes.slice(8, 24));

test('the link-local address is used at once, while a probe looks for duplicates', (t) => {
  const it = start();
  const sent = icmpv6Of(it.take());
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  const probe = sent.find((one) => one.type === 135);
  t.like(probe, { source: '::', destination: 'ff02::1:ff00:1', hopLimit: 255 });
  t.is(target(probe!), ourLinkLocal);
  t.is(probe?.bytes[24], 14, 'a nonce');
  const ask = sent.find((one) => one.type === 133);
  t.like(ask, { source: ourLinkLocal, destination: 'ff02::2', hopLimit: 255 });
  t.is(ask?.bytes.length, 8, 'no hardware address for an address not yet checked');
  it.advance(5 * second);
  t.is(icmpv6Of(it.take(), 135).length, 0, 'one probe is enough');
});

test('without optimism an address waits a second for its check', (t) => {
  const it = start({ optimistic: false });
  it.run();
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 tentative`]);
  t.is(icmpv6Of(it.take(), 133)[0]?.source, '::');
  it.device.inject(solicitation(ourLinkLocal));
  t.is(icmpv6Of(it.take(), 136).length, 0, 'nobody is told of a tentative address');
  it.advance(1.1 * second);
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
});

test('a duplicate EUI-64 address is given up', (t) => {
  const it = start();
  it.run();
  it.device.inject(neighbourAdvertisement(ourLinkLocal));
  it.run();
  t.deepEqual(addresses(it), []);
  t.true(it.logs.some((line) => line.includes(`${ourLinkLocal} is another machine's address`)));
});

test('a duplicate opaque address is replaced, three times at most', (t) => {
  const secret = Uint8Array.from({ length: 16 }, (_, at) => at);
  const it = start({ identifierSecret: secret });
  it.run();
  const seen = new Set<string>();
  for (let n = 0; n < 4; n += 1) {
    const address = formatAddress(it.eth0.addresses[0]!.address);
    t.false(seen.has(address));
    seen.add(address);
    it.device.inject(solicitation(address, { source: '::' }));
    it.run();
  }
  t.deepEqual(addresses(it), []);

  const again = start({ identifierSecret: secret });
  again.run();
  t.true(
    seen.has(formatAddress(again.eth0.addresses[0]!.address)),
    'the same secret, the same address',
  );
});

test('our own probe coming back is not a duplicate, and has another one sent', (t) => {
  const it = start();
  const probe = icmpv6Of(it.take(), 135)[0] as Opened;
  it.device.inject(solicitation(ourLinkLocal, { source: '::', nonce: probe.bytes.slice(26, 32) }));
  it.advance(3 * second);
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  t.is(icmpv6Of(it.take(), 135).length, 1);
});

test('an address that was checked is defended against who wants it', (t) => {
  const it = start();
  it.advance(3 * second);
  it.take();
  const answers = icmpv6Of(it.exchange(solicitation(ourLinkLocal, { source: '::' })), 136);
  t.is(answers.length, 1);
  t.like(answers[0], { destination: 'ff02::1', source: ourLinkLocal, hopLimit: 255 });
  t.is((answers[0]!.bytes[4] as number) >>> 5, 1, 'override, not solicited');
  it.exchange(neighbourAdvertisement(ourLinkLocal));
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  t.true(it.logs.some((line) => line.includes('is also used by')));
});

test('an advertisement configures everything at once, and the log says it in one line', (t) => {
  const it = start();
  it.run();
  t.true(it.stack.network.configuring);
  it.exchange(
    advertisement({
      currentHops: 33,
      reachable: 15_000,
      retransmit: 500,
      options: [
        prefixOption('2001:db8::'),
        mtuOption(1400),
        nameServerOption(600, '2001:db8::53', 'fe80::53'),
        searchOption(600, 'example.com'),
      ],
    }),
  );
  t.false(it.stack.network.configuring);
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`, `${ours}/64 preferred`]);
  t.deepEqual(routes(it), ['2001:db8::/64', '::/0 via fe80::1']);
  t.is(it.eth0.mtu, 1400);
  t.is(it.eth0.hopLimit6, 33);
  t.is(it.eth0.neighbours6.times.baseReachable, 15_000_000);
  t.is(it.eth0.neighbours6.times.retransmit, 500_000);
  t.is(it.resolver.text, 'nameserver 2001:db8::53\nnameserver fe80::53%eth0\nsearch example.com\n');
  t.true(
    it.logs.includes(
      `eth0: ${ours}/64 from router fe80::1, gateway fe80::1, DNS 2001:db8::53 fe80::53`,
    ),
  );
  const route = it.stack.network.route(ip('2606::1'), undefined, 0);
  t.false(typeof route === 'string');
  if (typeof route !== 'string') t.is(formatAddress(route.source), ours);
  // The router's hardware address came along: nobody has to ask for it.
  t.is(it.eth0.neighbours6.lookup(ip(router))?.state, 'stale');
  // The same again changes and logs nothing.
  const logged = it.logs.length;
  it.exchange(advertisement({ options: [prefixOption('2001:db8::')] }));
  t.is(it.logs.length, logged);
});

test('routers are asked for with pauses that double; who waits, waits three seconds', (t) => {
  const it = start();
  const times: number[] = [];
  const begin = it.now;
  while (times.length < 10) {
    const found = icmpv6Of(it.take(), 133);
    for (const one of found) {
      times.push(it.now);
      if (it.now > begin + 2 * second) t.is(one.bytes.length, 16, 'with the hardware address');
    }
    it.environment.clock.now = it.run();
    if (it.now - begin < 2.9 * second) t.true(it.stack.network.configuring);
    if (it.now - begin > 3 * second) t.false(it.stack.network.configuring);
  }
  const pauses = times.slice(1).map((time, n) => (time - (times[n] as number)) / second);
  for (const [n, pause] of pauses.entries()) {
    t.true(pause >= 0.89 * 2 ** n && pause <= 1.11 * 2 ** n, `${n}: ${pause}`);
  }
  t.true(it.logs.some((line) => line.includes('no IPv6 router answers')));
  it.exchange(advertisement({ options: [prefixOption('2001:db8::')] }));
  it.take();
  it.advance(1000 * second);
  t.is(icmpv6Of(it.take(), 133).length, 0, 'answered: no more questions');
});

test('lifetimes: deprecated, then gone; routes and name servers go with theirs', (t) => {
  const it = start();
  it.exchange(
    advertisement({
      lifetime: 1800,
      options: [prefixOption('2001:db8::', 3600, 600), nameServerOption(1200, '2001:db8::53')],
    }),
  );
  it.advance(599 * second);
  t.true(addresses(it).includes(`${ours}/64 preferred`));
  it.advance(2 * second);
  t.true(addresses(it).includes(`${ours}/64 deprecated`));
  it.advance(600 * second);
  t.is(it.resolver.text, '# No name server is known.\n');
  t.true(routes(it).includes('::/0 via fe80::1'));
  it.take();
  it.advance(600 * second);
  t.false(routes(it).includes('::/0 via fe80::1'));
  t.true(icmpv6Of(it.take(), 133).length > 0, 'another router is sought');
  t.true(addresses(it).includes(`${ours}/64 deprecated`));
  it.advance(1801 * second);
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  t.deepEqual(routes(it), []);
});

test('the rule of two hours: an advertisement cannot take an address away soon', (t) => {
  const it = start();
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', 86_400, 86_400)] }));
  const left = () => {
    const own = it.eth0.findAddress(ip(ours));
    return Math.round(((own?.validUntil ?? 0) - it.now) / second);
  };
  t.is(left(), 86_400);
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', 10_000, 10_000)] }));
  t.is(left(), 10_000, 'more than two hours');
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', 1, 0)] }));
  t.is(left(), 7200);
  t.true(addresses(it).includes(`${ours}/64 deprecated`), 'preference ends at once');
  it.advance(1000 * second);
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', 0, 0)] }));
  t.is(left(), 6200, 'no less, and no more');
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', 6500, 100)] }));
  t.is(left(), 6500);
  t.true(addresses(it).includes(`${ours}/64 preferred`));
  it.exchange(advertisement({ options: [prefixOption('2001:db8::', endless, endless)] }));
  it.advance(10_000_000 * second);
  t.true(addresses(it).includes(`${ours}/64 preferred`));
});

test('a router that says goodbye, and a better one', (t) => {
  const it = start();
  it.exchange(advertisement({ flags: 0x18 }), advertisement({ source: 'fe80::2', flags: 0x08 }));
  t.deepEqual(routes(it), ['::/0 via fe80::2', '::/0 via fe80::1']);
  it.exchange(advertisement({ source: 'fe80::2', lifetime: 0 }));
  t.deepEqual(routes(it), ['::/0 via fe80::1']);
  // A neighbour advertisement without the router flag says it, too (RFC 4861, section 7.2.5).
  it.exchange(neighbourAdvertisement(router, { flags: 3, destination: ourLinkLocal }));
  t.deepEqual(routes(it), []);
});

test('routes of RFC 4191 come, change their preference and go', (t) => {
  const it = start();
  it.exchange(advertisement({ options: [routeOption('2001:db8:7::', 48, 0, 600)] }));
  t.deepEqual(routes(it), ['2001:db8:7::/48 via fe80::1', '::/0 via fe80::1']);
  it.exchange(
    advertisement({ source: 'fe80::2', options: [routeOption('2001:db8:7::', 48, 1, 600)] }),
  );
  t.is(routes(it)[0], '2001:db8:7::/48 via fe80::2');
  it.exchange(
    advertisement({ source: 'fe80::2', options: [routeOption('2001:db8:7::', 48, 1, 0)] }),
  );
  t.is(routes(it)[0], '2001:db8:7::/48 via fe80::1');
  it.exchange(advertisement({ options: [routeOption('2001:db8:8::', 48, 2, 600)] }));
  t.false(routes(it).join().includes('2001:db8:8::'), 'the reserved preference');
});

test('advertisements that are not from a router on the link change nothing', (t) => {
  const it = start();
  it.run();
  const evil = { options: [prefixOption('2001:db8:bad::')] };
  const frames: [string, number[]][] = [
    ['drop: hop limit is not 255', advertisement({ ...evil, hopLimit: 254 })],
    ['drop: source is not link-local', advertisement({ ...evil, source: '2001:db8::1' })],
    ['drop: code is not 0', message(134, 1, new Array(12).fill(0))],
    ['drop: too short', message(134, 0, new Array(8).fill(0))],
    ['drop: option of no length', advertisement({ options: [[3, 0, 0, 0, 0, 0, 0, 0]] })],
    ['drop: option truncated', advertisement({ options: [[3, 4, 0, 0, 0, 0, 0, 0]] })],
  ];
  for (const [reason, frame] of frames) {
    it.exchange(frame);
    t.is(it.counter('ipv6.eth0', reason), 1, reason);
  }
  const headers = { kind: 60, bytes: [58, 0, 1, 4, 0, 0, 0, 0] };
  it.exchange(advertisement({ ...evil, before: headers }));
  t.is(it.counter('icmpv6', 'dropExtensionHeaders'), 1);
  const broken = advertisement(evil);
  broken[57] = (broken[57] as number) ^ 1;
  it.exchange(broken);
  t.is(it.counter('icmpv6', 'dropChecksum'), 1);
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  t.deepEqual(routes(it), []);
});

test('absurd values in advertisements are left out one by one', (t) => {
  const it = start();
  it.exchange(
    advertisement({
      currentHops: 0,
      reachable: 0xffffffff,
      retransmit: 1,
      options: [
        mtuOption(0),
        mtuOption(1279),
        prefixOption('fe80::'),
        prefixOption('ff02::'),
        prefixOption('::', 100, 100, 0),
        prefixOption('2001:db8:1::', 100, 200),
        prefixOption('2001:db8:2::', 100, 100, 65),
        prefixOption('2001:db8:3::', 100, 100, 200),
        [...prefixOption('::', 100, 100, 64).slice(0, 26), 255, 255, 1, 2, 3, 4],
        prefixOption('2001:db8:4::', 0, 0),
        nameServerOption(100, 'ff02::1', '::', '::1'),
        searchOption(100, 'bad name'),
        [25, 1, 0, 0, 0, 0, 0, 0],
        [200, 1, 1, 2, 3, 4, 5, 6],
      ],
    }),
  );
  t.is(it.eth0.mtu, 1500);
  t.is(it.eth0.hopLimit6, 64);
  t.is(it.eth0.neighbours6.times.baseReachable, 30_000_000);
  t.is(it.eth0.neighbours6.times.retransmit, 1_000_000);
  it.device.inject(advertisement({ retransmit: 3_600_000 }));
  it.run();
  t.is(it.eth0.neighbours6.times.retransmit, 1_000_000, 'neighbours would be out of reach');
  t.deepEqual(addresses(it), [`${ourLinkLocal}/64 preferred`]);
  t.is(it.resolver.text, 'nameserver ::1\n');
  it.exchange(advertisement({ options: [mtuOption(9000)] }));
  t.is(it.eth0.mtu, 1500, 'not more than the device can');
});

test('a flood of prefixes, routes and name servers is bounded', (t) => {
  const it = start();
  for (let n = 0; n < 200; n += 1) {
    const part = n.toString(16);
    it.device.inject(
      advertisement({
        source: `fe80::${part}`,
        options: [
          prefixOption(`2001:db8:${part}::`),
          routeOption(`2001:db8:${part}::`, 48, 0, 600),
          nameServerOption(600, `2001:db8::${part}`),
        ],
      }),
    );
  }
  it.run();
  t.true(it.eth0.addresses.length <= 9);
  t.true(it.stack.routes.entries.length <= 40, `${it.stack.routes.entries.length}`);
  t.is(it.resolver.nameServers.length, 3);
  t.true(it.counter('ipv6.eth0', 'ra: too many routes') > 0);
});

test('advertisements cut at any byte, or with any byte changed, break nothing', (t) => {
  const it = start();
  it.run();
  const good = [
    64,
    0,
    7,
    8,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    ...ourHardware,
    ...prefixOption('2001:db8::', 100, 50),
    ...mtuOption(1400),
    ...nameServerOption(600, '2001:db8::53'),
    ...searchOption(600, 'example.com'),
    ...routeOption('2001:db8:7::', 48, 0, 600),
  ];
  for (let length = 0; length <= good.length; length += 1) {
    it.exchange(message(134, 0, good.slice(0, length)));
  }
  for (let at = 0; at < good.length; at += 1) {
    const changed = [...good];
    changed[at] = it.random(256);
    it.exchange(message(134, 0, changed));
  }
  for (let run = 0; run < 1000; run += 1) {
    const body = Array.from({ length: it.random(120) }, () => it.random(256));
    it.device.inject(message(133 + it.random(5), 0, body));
    it.run();
  }
  it.advance(100_000 * second);
  t.true(it.eth0.addresses.some(({ origin }) => origin === 'link-local'));
  t.is(it.device.outstanding, 0);
});

test('static addresses: no advertisements are taken, duplicates are looked for', (t) => {
  const it = start({
    ipv6: { addresses: ['2001:db8:5::5/64'], gateway: 'fe80::1' },
    nameServers: ['2001:db8::53'],
    searchDomains: ['example.com'],
  });
  t.true(icmpv6Of(it.take(), 135).some((one) => target(one) === '2001:db8:5::5'));
  t.false(it.stack.network.configuring);
  it.exchange(advertisement({ options: [prefixOption('2001:db8:bad::')] }));
  t.deepEqual(addresses(it).sort(), ['2001:db8:5::5/64 preferred', `${ourLinkLocal}/64 preferred`]);
  t.is(it.resolver.text, 'nameserver 2001:db8::53\nsearch example.com\n');
  t.true(it.logs.includes('eth0: 2001:db8:5::5/64, static, gateway fe80::1, DNS 2001:db8::53'));
});

test('the link goes down and comes up: addresses are checked and routers asked again', (t) => {
  const it = start();
  it.exchange(advertisement({ options: [prefixOption('2001:db8::')] }));
  it.advance(3 * second);
  it.device.setLink(false);
  it.advance(10 * second);
  it.take();
  it.device.setLink(true);
  const sent = icmpv6Of(it.take());
  t.deepEqual(
    sent
      .filter((one) => one.type === 135)
      .map(target)
      .sort(),
    [ours, ourLinkLocal].sort(),
  );
  t.is(sent.filter((one) => one.type === 133).length, 1);
  t.true(addresses(it).includes(`${ours}/64 preferred`));
});
