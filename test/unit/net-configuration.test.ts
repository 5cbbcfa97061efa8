/** What the start of an app waits for: the first addresses, but not for what does not come. */
import { ConfigurationAttempt } from '@runtimejs/net/configuration/attempt.ts';
import { configureNetwork } from '@runtimejs/net/configuration/configure.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import { ResolverConfiguration } from '@runtimejs/net/resolver/resolver-configuration.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import test from 'ava';
import {
  ack,
  ConfiguredStack,
  obtain,
  offer,
  openDhcp,
  reply,
  second,
} from './net-dhcp-fixtures.ts';
import { ip, TestStack } from './net-ip-fixtures.ts';
import { advertisement, prefixOption } from './net-ipv6-fixtures.ts';

function attempt(families: readonly ('ipv4' | 'ipv6')[]) {
  const timers = new TimerQueue();
  const environment: Environment = {
    memory: new HostMemory(4),
    clock: { now: 0 },
    timers,
    random: () => {},
    log: () => {},
  };
  const events: string[] = [];
  const it = new ConfigurationAttempt(
    environment,
    families,
    (family) => events.push(`${family} gave up at ${environment.clock.now / second}`),
    () => events.push(`over at ${environment.clock.now / second}`),
  );
  const advance = (to: number) => {
    while (timers.next <= to * second) {
      environment.clock.now = timers.next;
      timers.run(timers.next);
    }
    environment.clock.now = to * second;
  };
  return { it, events, advance, timers };
}

test('without any answer: three seconds for IPv6, ten for IPv4', (t) => {
  const { it, events, advance, timers } = attempt(['ipv4', 'ipv6']);
  t.true(it.configuring);
  advance(60);
  t.deepEqual(events, ['ipv6 gave up at 3', 'ipv4 gave up at 10', 'over at 10']);
  t.is(timers.active, 0);
  it.succeeded('ipv4');
  t.is(it.state('ipv4'), 'succeeded', 'late is better than never');
  t.is(events.length, 3);
});

test('once one family works, the other gets a little more time', (t) => {
  const one = attempt(['ipv4', 'ipv6']);
  one.advance(1);
  one.it.succeeded('ipv4');
  t.true(one.it.configuring);
  one.advance(60);
  t.deepEqual(one.events, ['ipv6 gave up at 1.25', 'over at 1.25']);
  const other = attempt(['ipv4', 'ipv6']);
  other.advance(1);
  other.it.succeeded('ipv6');
  other.advance(60);
  t.deepEqual(other.events, ['ipv4 gave up at 6', 'over at 6']);
  const late = attempt(['ipv4', 'ipv6']);
  late.advance(2.9);
  late.it.succeeded('ipv4');
  late.advance(60);
  t.deepEqual(late.events, ['ipv6 gave up at 3', 'over at 3'], 'never more than at first');
  const both = attempt(['ipv4', 'ipv6']);
  both.it.succeeded('ipv4');
  both.it.succeeded('ipv6');
  t.deepEqual(both.events, ['over at 0']);
});

test('with the link gone nobody waits', (t) => {
  const { it, events, timers } = attempt(['ipv4', 'ipv6']);
  it.abandon();
  it.abandon();
  t.deepEqual(events, ['over at 0']);
  t.is(timers.active, 0);
});

test('both families: waiters are woken when the addresses, routes and name servers are there', (t) => {
  const it = new ConfiguredStack();
  const woken: string[] = [];
  const wait = () => {
    const { network } = it.stack;
    if (network.configuring) network.onConfigured(wait);
    else woken.push(it.resolver.text);
  };
  wait();
  it.device.inject(advertisement({ options: [prefixOption('2001:db8::')] }));
  obtain(it);
  t.deepEqual(woken, ['nameserver 10.0.2.3\n']);
  for (const to of ['1.1.1.1', '2606:4700::1']) {
    t.false(typeof it.stack.network.route(ip(to), undefined, 0) === 'string', to);
  }
});

test('two interfaces share the DHCP port; each has its own lease, the first one its route', (t) => {
  const it = new TestStack({ addresses: false });
  const resolver = new ResolverConfiguration(() => {});
  const { stack } = it;
  configureNetwork({ stack, udp: new Udp(stack), resolver }, { default: { ipv6: 'off' } });
  const other = it.newDevice({ hardware: [2, 0, 0, 0, 0, 9] });
  const eth1 = stack.addDevice(other);
  const take = (frames: number[][]) => frames.flatMap((frame) => openDhcp(frame) ?? []);
  for (const [device, address, server] of [
    [it.device, '10.0.2.15', '10.0.2.2'],
    [other, '10.9.0.5', '10.9.0.1'],
  ] as const) {
    it.run();
    const asked = take(device.sent.splice(0))[0]!;
    device.inject(reply(asked, offer, { address, server }));
    it.run();
    const requested = take(device.sent.splice(0))[0]!;
    device.inject(reply(requested, ack, { address, server }));
    it.run();
  }
  t.is(it.eth0.addresses.length, 1);
  t.is(eth1.addresses.length, 1);
  const route = stack.network.route(ip('1.1.1.1'), undefined, 0);
  t.is(typeof route === 'string' ? route : route.interface.name, 'eth0');
  t.false(stack.network.configuring);
  it.device.setLink(false);
  it.run();
  const around = stack.network.route(ip('1.1.1.1'), undefined, 0);
  t.is(typeof around === 'string' ? around : around.interface.name, 'eth1');
});

test('each interface can have settings of its own', (t) => {
  const it = new ConfiguredStack({
    default: { ipv4: 'dhcp' },
    interfaces: {
      eth0: {
        ipv4: { addresses: ['192.168.9.5/24', '192.168.9.6/24'], gateway: '192.168.9.1' },
        ipv6: 'off',
        nameServers: ['192.168.9.1'],
        mtu: 1300,
      },
    },
  });
  it.advance(5 * second);
  t.deepEqual(it.requests(), []);
  t.deepEqual(it.addresses(), ['192.168.9.5/24', '192.168.9.6/24']);
  t.is(it.eth0.mtu, 1300);
  t.is(it.resolver.text, 'nameserver 192.168.9.1\n');
  t.true(
    it.logs.includes(
      'eth0: 192.168.9.5/24, 192.168.9.6/24, static, gateway 192.168.9.1, DNS 192.168.9.1',
    ),
  );
  const route = it.stack.network.route(ip('1.1.1.1'), undefined, 0);
  t.false(typeof route === 'string');
});
