/** Port conflicts as socket(7) and Linux have them, and ephemeral ports. */
import type { IpAddress } from '@runtimejs/net/address.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import {
  firstEphemeral,
  lastEphemeral,
  PortReservation,
  type PortTable,
} from '@runtimejs/net/ports.ts';
import test from 'ava';
import { ip, TestStack } from './net-ip-fixtures.ts';

type Spec = readonly [address: string, options?: string, scope?: number];

function bind(
  table: PortTable,
  [address, options = '', scope = 0]: Spec,
  port = 80,
): PortReservation | SocketError {
  return table.bind(
    { address: ip(address), port, scope },
    {
      reuseAddress: options.includes('a'),
      reusePort: options.includes('p'),
      v6Only: options.includes('6'),
    },
  );
}

function taken(result: PortReservation | SocketError): PortReservation {
  if (typeof result === 'string') throw new Error(result);
  return result;
}

// first, second, conflict with UDP, with TCP when the first listens, with TCP when it does not
const cases: [Spec, Spec, boolean, boolean, boolean][] = [
  [['0.0.0.0'], ['0.0.0.0'], true, true, true],
  [['0.0.0.0'], ['192.168.1.2'], true, true, true],
  [['192.168.1.2'], ['0.0.0.0'], true, true, true],
  [['192.168.1.2'], ['127.0.0.1'], false, false, false],
  [['192.168.1.2'], ['192.168.1.2'], true, true, true],
  [['::'], ['0.0.0.0'], true, true, true],
  [['0.0.0.0'], ['::'], true, true, true],
  [['::'], ['192.168.1.2'], true, true, true],
  [['192.168.1.2'], ['::'], true, true, true],
  [['::', '6'], ['0.0.0.0'], false, false, false],
  [['0.0.0.0'], ['::', '6'], false, false, false],
  [['::', '6'], ['::'], true, true, true],
  [['::', '6'], ['2001:db8::2'], true, true, true],
  [['::', '6'], ['192.168.1.2'], false, false, false],
  [['0.0.0.0'], ['2001:db8::2'], false, false, false],
  [['2001:db8::2'], ['192.168.1.2'], false, false, false],
  [['0.0.0.0', 'a'], ['0.0.0.0', 'a'], false, true, false],
  [['0.0.0.0', 'a'], ['0.0.0.0'], true, true, true],
  [['0.0.0.0'], ['0.0.0.0', 'a'], true, true, true],
  [['0.0.0.0', 'p'], ['0.0.0.0', 'p'], false, false, false],
  [['0.0.0.0', 'p'], ['0.0.0.0', 'a'], true, true, true],
  [['0.0.0.0', 'ap'], ['0.0.0.0', 'ap'], false, false, false],
  [['0.0.0.0', 'ap'], ['0.0.0.0', 'a'], false, true, false],
  [['fe80::2', '', 2], ['fe80::2', '', 3], false, false, false],
  [['fe80::2', '', 2], ['fe80::2'], true, true, true],
  [['::', '', 2], ['::', '', 3], false, false, false],
];

for (const [first, second, udp, listening, bound] of cases) {
  test(`${first.join(' ')} then ${second.join(' ')}`, (t) => {
    const { stack } = new TestStack();
    bind(stack.udpPorts, first);
    const result = (conflict: boolean) => (conflict ? 'EADDRINUSE' : 'taken');
    const name = (other: PortReservation | SocketError) =>
      typeof other === 'string' ? other : 'taken';
    t.is(name(bind(stack.udpPorts, second)), result(udp), 'UDP');
    const one = taken(bind(stack.tcpPorts, first));
    const other = bind(stack.tcpPorts, second);
    t.is(name(other), result(bound), 'TCP, bound');
    if (other instanceof PortReservation) other.release();
    t.is(one.listen(), null);
    t.is(name(bind(stack.tcpPorts, second)), result(listening), 'TCP, listening');
  });
}

test('two that were bound side by side cannot both listen', (t) => {
  const { tcpPorts } = new TestStack().stack;
  const one = taken(bind(tcpPorts, ['0.0.0.0', 'a']));
  const two = taken(bind(tcpPorts, ['0.0.0.0', 'a']));
  t.is(one.listen(), null);
  t.is(one.listen(), null);
  t.is(two.listen(), 'EADDRINUSE');
  one.release();
  t.is(two.listen(), null);
});

test('a restarted server gets its port in spite of old connections, if it reuses addresses', (t) => {
  const { tcpPorts } = new TestStack().stack;
  for (const [options, expected] of [
    ['a', true],
    ['', false],
  ] as const) {
    const listener = taken(bind(tcpPorts, ['0.0.0.0', options]));
    listener.listen();
    const connection = listener.share({ address: ip('192.168.1.2'), port: 80, scope: 0 });
    listener.release();
    const again = bind(tcpPorts, ['0.0.0.0', options]);
    t.is(typeof again !== 'string', expected);
    connection.release();
    if (typeof again !== 'string') again.release();
    t.is(tcpPorts.size, 0);
  }
});

test('addresses that are not ours cannot be bound; groups only with UDP', (t) => {
  const { tcpPorts, udpPorts } = new TestStack().stack;
  t.is(bind(tcpPorts, ['10.0.0.1']), 'EADDRNOTAVAIL');
  t.is(bind(tcpPorts, ['2001:db8::77']), 'EADDRNOTAVAIL');
  t.is(bind(tcpPorts, ['224.0.0.1']), 'EADDRNOTAVAIL');
  t.is(bind(tcpPorts, ['255.255.255.255']), 'EADDRNOTAVAIL');
  taken(bind(udpPorts, ['224.0.0.1']));
  taken(bind(udpPorts, ['255.255.255.255']));
  taken(bind(tcpPorts, ['127.0.0.2']));
});

test('ephemeral ports are random, in their range, different, and all of them can be had', (t) => {
  const { udpPorts } = new TestStack().stack;
  const seen = new Set<number>();
  const first: number[] = [];
  const all: PortReservation[] = [];
  const count = lastEphemeral - firstEphemeral + 1;
  for (let n = 0; n < count; n += 1) {
    const one = taken(bind(udpPorts, ['0.0.0.0', 'ap'], 0));
    all.push(one);
    seen.add(one.local.port);
    if (n < 50) first.push(one.local.port);
  }
  t.is(seen.size, count);
  t.true(Math.min(...seen) === firstEphemeral && Math.max(...seen) === lastEphemeral);
  const steps = first.slice(1).map((port, n) => port - (first[n] as number));
  t.true(new Set(steps).size > 40, 'no sequence');
  t.is(bind(udpPorts, ['0.0.0.0', 'ap'], 0), 'EADDRINUSE');
  for (const one of all) one.release();
  t.is(udpPorts.size, 0);
});

test('connections to different peers share ports, but not one that was bound', (t) => {
  const { tcpPorts } = new TestStack().stack;
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const local = (address: IpAddress) => ({ address, port: 0, scope: 0 });
  const ours = local(ip('192.168.1.2'));
  const only = firstEphemeral + 5;
  const one = taken(tcpPorts.connect(ours, flags, (port) => port === only));
  const two = taken(tcpPorts.connect(ours, flags, (port) => port === only));
  t.is(two.local.port, only);
  t.is(bind(tcpPorts, ['0.0.0.0', 'ap'], only), 'EADDRINUSE');
  one.release();
  two.release();
  taken(bind(tcpPorts, ['127.0.0.1'], only));
  t.is(
    tcpPorts.connect(ours, flags, (port) => port === only),
    'EADDRNOTAVAIL',
  );
});
