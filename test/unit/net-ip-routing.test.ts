/** Routes, source addresses, path MTUs, addresses with lifetimes, groups. */
import { anyV4, anyV6 } from '@runtimejs/net/address.ts';
import { formatAddress } from '@runtimejs/net/address-text.ts';
import type { IpRoute } from '@runtimejs/net/ip/route.ts';
import test from 'ava';
import { ip, TestStack } from './net-ip-fixtures.ts';

function find(it: TestStack, to: string, source?: string, scope = 0): IpRoute {
  const route = it.stack.network.route(
    ip(to),
    source === undefined ? undefined : ip(source),
    scope,
  );
  if (typeof route === 'string') throw new Error(route);
  return route;
}

function sourceOf(it: TestStack, to: string, scope = 0): string {
  return formatAddress(find(it, to, undefined, scope).source);
}

test('the longest prefix wins, then the smallest metric, and a dead router is passed over', (t) => {
  const it = new TestStack();
  const { routes } = it.stack;
  const eth0 = it.eth0;
  t.is(it.stack.network.route(ip('8.8.8.8'), undefined, 0), 'ENETUNREACH');
  const add = (destination: string, prefixLength: number, gateway: string, metric = 0) =>
    routes.add({
      destination: ip(destination),
      prefixLength,
      gateway: ip(gateway),
      interface: eth0,
      metric,
    });
  add('0.0.0.0', 0, '192.168.1.1', 10);
  const second = add('0.0.0.0', 0, '192.168.1.254', 20);
  add('8.8.0.0', 16, '192.168.1.10');
  const via = (to: string): string => formatAddress(find(it, to).neighbour?.address ?? anyV4);
  t.is(via('8.8.8.8'), '192.168.1.10');
  t.is(via('9.9.9.9'), '192.168.1.1');
  t.is(via('192.168.1.77'), '192.168.1.77');
  routes.removeWhere((entry) => entry.metric === 10);
  t.is(via('9.9.9.9'), '192.168.1.254');
  t.true(routes.remove(second));
  t.false(routes.remove(second));
  t.is(it.stack.network.route(ip('9.9.9.9'), undefined, 0), 'ENETUNREACH');

  add('::', 0, 'fe80::1', 5);
  add('::', 0, 'fe80::99', 5);
  t.is(via('2001:4860::1'), 'fe80::1');
  const cache = it.eth0.neighbours6;
  it.environment.timers.run(it.now);
  const packet = it.stack.network.allocate(find(it, '2001:4860::1'), 8);
  if (packet === null) throw new Error('no packet');
  packet.end = packet.start + 8;
  const options = { hopLimit: 0, trafficClass: 0, dontFragment: false };
  it.stack.network.send(find(it, '2001:4860::1'), packet, 99, options);
  it.advance(3_000_000);
  t.is(cache.lookup(ip('fe80::1'))?.state, 'failed');
  t.is(via('2001:4860::1'), 'fe80::99');
  t.throws(() => add('10.0.0.0', 33, '192.168.1.1'), { message: /0 to 32/ });
  t.throws(() => add('10.0.0.0', 8, 'fe80::1'), { message: /one address family/ });
});

test('a route is one object until something changes, then it is not valid any more', (t) => {
  const it = new TestStack();
  const route = find(it, '192.168.1.1');
  t.is(find(it, '192.168.1.1'), route);
  t.true(route.valid);
  it.eth0.addAddress(ip('192.168.1.3'), 24);
  t.false(route.valid);
  const other = find(it, '192.168.1.1');
  t.not(other, route);
  it.eth0.removeAddress(ip('192.168.1.2'));
  t.is(sourceOf(it, '192.168.1.1'), '192.168.1.3', 'the prefix stays on the link');
  it.eth0.removeAddress(ip('192.168.1.3'));
  t.is(it.stack.network.route(ip('192.168.1.1'), undefined, 0), 'ENETUNREACH');
});

test('what is ours goes over loopback, from the address itself', (t) => {
  const it = new TestStack();
  for (const [to, source] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.1.2.3', '127.0.0.1'],
    ['::1', '::1'],
    ['192.168.1.2', '192.168.1.2'],
    ['2001:db8::2', '2001:db8::2'],
    ['fe80::2', 'fe80::2'],
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ] as const) {
    const route = find(it, to);
    t.true(route.isLocal, to);
    t.is(route.interface.name, 'lo');
    t.is(formatAddress(route.source), source);
    t.is(route.mtu, 65_536);
    t.true(route.checksumOffload);
  }
  t.is(it.stack.network.route(ip('192.168.1.1'), ip('127.0.0.1'), 0), 'EADDRNOTAVAIL');
  t.is(it.stack.network.route(ip('192.168.1.1'), ip('10.0.0.1'), 0), 'EADDRNOTAVAIL');
  t.is(it.stack.network.route(ip('192.168.1.1'), ip('2001:db8::2'), 0), 'ENETUNREACH');
});

test('sources are chosen as RFC 6724 says', (t) => {
  const it = new TestStack({ addresses: false });
  const { eth0, stack } = it;
  stack.routes.add({
    destination: anyV6,
    prefixLength: 0,
    gateway: ip('fe80::1'),
    interface: eth0,
  });
  eth0.addAddress(ip('fe80::2'), 64);
  t.is(sourceOf(it, '2001:db8:9::1'), 'fe80::2', 'the only one');
  eth0.addAddress(ip('2001:db8:1::2'), 64);
  eth0.addAddress(ip('2001:db8:2::2'), 64);
  eth0.addAddress(ip('fd00:1::2'), 64);
  t.is(sourceOf(it, 'fe80::9', 2), 'fe80::2', 'scope');
  t.is(sourceOf(it, 'ff02::1', 2), 'fe80::2', 'scope of a group');
  t.is(sourceOf(it, '2001:db8:2::99'), '2001:db8:2::2', 'longest prefix');
  t.is(sourceOf(it, '2001:db8:1::99'), '2001:db8:1::2', 'longest prefix');
  t.is(sourceOf(it, 'fd00:7::1'), 'fd00:1::2', 'label');
  const two = eth0.findAddress(ip('2001:db8:2::2'));
  if (two === undefined) throw new Error('no address');
  eth0.setAddressState(two, 'deprecated');
  t.is(sourceOf(it, '2001:db8:2::99'), '2001:db8:1::2', 'not a deprecated one');
  eth0.setAddressState(two, 'tentative');
  t.false(stack.network.isLocal(two.address));
  t.is(stack.network.route(ip('2001:db8:9::1'), two.address, 0), 'EADDRNOTAVAIL');
  eth0.addAddress(ip('2001:db8:1::ffff'), 64, { origin: 'temporary' });
  t.is(sourceOf(it, '2001:db8:9::1'), '2001:db8:1::ffff', 'temporary ones first');
  eth0.addAddress(ip('10.0.0.2'), 8);
  eth0.addAddress(ip('172.16.0.2'), 16);
  stack.routes.add({
    destination: anyV4,
    prefixLength: 0,
    gateway: ip('172.16.0.1'),
    interface: eth0,
  });
  t.is(sourceOf(it, '8.8.8.8'), '172.16.0.2', "the one of the router's network");
  t.is(sourceOf(it, '10.3.3.3'), '10.0.0.2');
});

test('groups and broadcasts go out without a neighbour', (t) => {
  const it = new TestStack();
  const multicast = find(it, '224.0.0.251');
  t.is(multicast.kind, 'multicast');
  t.is(multicast.neighbour, null);
  t.deepEqual([...multicast.hardwareAddress], [1, 0, 0x5e, 0, 0, 251]);
  t.deepEqual([...find(it, 'ff02::fb').hardwareAddress], [0x33, 0x33, 0, 0, 0, 0xfb]);
  t.is(find(it, '255.255.255.255').kind, 'broadcast');
  t.is(find(it, '192.168.1.255').kind, 'broadcast');
});

test('an interface without addresses can speak to groups, from the unspecified address', (t) => {
  const it = new TestStack({ addresses: false });
  t.is(it.stack.network.route(ip('255.255.255.255'), undefined, 0), 'ENETUNREACH');
  t.is(sourceOf(it, '255.255.255.255', 2), '0.0.0.0');
  t.is(sourceOf(it, 'ff02::2', 2), '::');
  it.eth0.addAddress(ip('fe80::2'), 64);
  t.is(sourceOf(it, 'ff02::2', 2), 'fe80::2');
  t.is(formatAddress(find(it, 'ff02::2', '::', 2).source), '::', 'asked for');
});

test('several interfaces: routes and scopes decide', (t) => {
  const it = new TestStack();
  const eth1 = it.stack.addDevice(it.newDevice({ hardware: [2, 0, 0, 0, 1, 1] }));
  t.is(eth1.name, 'eth1');
  t.is(eth1.index, 3);
  eth1.addAddress(ip('10.0.0.2'), 24);
  eth1.addAddress(ip('fe80::22'), 64);
  t.is(find(it, '10.0.0.9').interface, eth1);
  t.is(find(it, '192.168.1.9').interface, it.eth0);
  t.is(find(it, 'fe80::9', undefined, 3).interface, eth1);
  t.is(sourceOf(it, 'fe80::9', 3), 'fe80::22');
  t.is(find(it, '224.1.1.1', '10.0.0.2').interface, eth1);
  t.is(it.stack.network.route(ip('10.0.0.9'), undefined, 2), 'ENETUNREACH');
  t.is(it.stack.network.route(ip('fe80::9'), undefined, 9), 'ENETUNREACH');
  t.throws(() => it.stack.addDevice(it.newDevice(), 'eth1'), { message: /eth1 already/ });
});

test('path MTUs reach routes that are held, shrink only, and are forgotten after ten minutes', (t) => {
  const it = new TestStack();
  const route = find(it, '192.168.1.1');
  t.is(route.mtu, 1500);
  const { network } = it.stack;
  network.learnMtu(route.destination, 1400);
  t.is(route.mtu, 1400);
  t.true(route.valid);
  network.learnMtu(route.destination, 1450);
  t.is(route.mtu, 1400);
  network.learnMtu(route.destination, 20);
  t.is(route.mtu, 552, 'nobody believes less');
  const six = find(it, '2001:db8::1');
  network.learnMtu(six.destination, 100);
  t.is(six.mtu, 1280);
  it.advance(600_000_001);
  t.is(route.mtu, 1500);
  t.is(six.mtu, 1500);
  t.is(network.pathMtus.size, 0);
  for (let n = 0; n < 5000; n += 1) network.learnMtu(ip(`11.0.${n >> 8}.${n & 255}`), 1000);
  t.is(network.pathMtus.size, 1024);
});

test('an MTU from a router applies to the whole interface', (t) => {
  const it = new TestStack();
  it.eth0.setMtu(1400);
  t.is(find(it, '2001:db8::1').mtu, 1400);
  it.eth0.setMtu(9000);
  t.is(find(it, '2001:db8::1').mtu, 1500);
});

test('addresses become deprecated and go away in time; observers hear of it', (t) => {
  const it = new TestStack({ addresses: false });
  const heard: string[] = [];
  it.stack.observe({
    addressAdded: (on, one) => heard.push(`add ${on.name} ${formatAddress(one.address)}`),
    addressChanged: (_on, one) => heard.push(`${one.state} ${formatAddress(one.address)}`),
    addressRemoved: (_on, one) => heard.push(`remove ${formatAddress(one.address)}`),
  });
  t.deepEqual(heard.splice(0), ['add lo 127.0.0.1', 'add lo ::1']);
  const lifetimes = { preferredUntil: it.now + 10_000_000, validUntil: it.now + 20_000_000 };
  it.eth0.addAddress(ip('2001:db8::5'), 64, lifetimes);
  it.advance(9_999_999);
  t.deepEqual(heard.splice(0), ['add eth0 2001:db8::5']);
  it.advance(1);
  t.deepEqual(heard.splice(0), ['deprecated 2001:db8::5']);
  it.eth0.addAddress(ip('2001:db8::5'), 64, {
    preferredUntil: it.now + 10_000_000,
    validUntil: it.now + 20_000_000,
  });
  t.deepEqual(heard.splice(0), ['preferred 2001:db8::5']);
  it.advance(19_999_999);
  t.true(it.stack.network.isLocal(ip('2001:db8::5')));
  it.advance(1);
  t.deepEqual(heard.splice(0), ['deprecated 2001:db8::5', 'remove 2001:db8::5']);
  t.false(it.stack.network.isLocal(ip('2001:db8::5')));
  t.is(it.stack.routes.entries.length, 0);
});

test('groups are joined with the device and counted; those that share a hardware address stay', (t) => {
  const it = new TestStack({ addresses: false });
  const { eth0, device } = it;
  t.deepEqual([...device.groups.keys()], ['01:00:5e:00:00:01', '33:33:00:00:00:01']);
  const heard: string[] = [];
  it.stack.observe({
    groupJoined: (on, group) => heard.push(`join ${on.name} ${formatAddress(group)}`),
    groupLeft: (_on, group) => heard.push(`leave ${formatAddress(group)}`),
  });
  heard.length = 0;
  eth0.joinGroup(ip('239.1.2.3'));
  eth0.joinGroup(ip('239.1.2.3'));
  eth0.joinGroup(ip('239.129.2.3'));
  t.deepEqual(heard.splice(0), ['join eth0 239.1.2.3', 'join eth0 239.129.2.3']);
  eth0.leaveGroup(ip('239.1.2.3'));
  t.deepEqual(heard, []);
  eth0.leaveGroup(ip('239.1.2.3'));
  t.deepEqual(heard.splice(0), ['leave 239.1.2.3']);
  t.true(device.groups.has('01:00:5e:01:02:03'), 'the other group needs it');
  eth0.leaveGroup(ip('239.129.2.3'));
  t.false(device.groups.has('01:00:5e:01:02:03'));
  eth0.addAddress(ip('2001:db8::1:2:3'), 64);
  t.true(device.groups.has('33:33:ff:02:00:03'));
});

test('configuring lasts until everybody is done; who waits is called when a route comes up', (t) => {
  const it = new TestStack({ addresses: false });
  const { network } = it.stack;
  t.false(network.configuring);
  const done = it.eth0.beginConfiguration();
  const doneToo = it.eth0.beginConfiguration();
  t.true(network.configuring);
  let called = 0;
  network.onConfigured(() => {
    called += 1;
  });
  done();
  done();
  t.true(network.configuring);
  it.run();
  t.is(called, 1, 'something changed: try again');
  network.onConfigured(() => {
    called += 1;
  });
  doneToo();
  it.run();
  t.false(network.configuring);
  t.is(called, 2);
  it.eth0.addAddress(ip('10.0.0.2'), 8);
  it.run();
  t.is(called, 2, 'once each');
});

test('poll says when it wants to run, and arms the device before it sleeps', (t) => {
  const it = new TestStack();
  t.true(it.run() > it.now);
  t.true(it.device.armed);
  for (let n = 0; n < 100; n += 1) it.device.inject([1]);
  t.is(it.stack.poll(it.now), it.now, 'more than the budget');
  t.false(it.device.armed);
  t.true(it.stack.poll(it.now) > it.now);
  t.true(it.device.armed);
  const flushes = it.device.flushes;
  it.stack.poll(it.now);
  t.is(it.device.flushes, flushes + 1);
  let runs = 0;
  it.stack.addWork({
    run: () => {
      runs += 1;
      return runs < 3;
    },
  });
  it.run();
  t.is(runs, 3);
  it.environment.clock.now = 5_000_000;
  it.stack.poll(4_000_000);
  t.is(it.now, 5_000_000, 'time does not go back');
});
