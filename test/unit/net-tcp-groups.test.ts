/** TCP has one peer: groups are none (RFC 9293, MUST-57). */
import { defaultSettings, Tcp } from '@runtimejs/net/tcp/tcp.ts';
import type { TcpUser } from '@runtimejs/net/tcp/types.ts';
import test from 'ava';
import { ip, TestStack } from './net-ip-fixtures.ts';

test('connect() to multicast and broadcast addresses is refused with ENETUNREACH', (t) => {
  const it = new TestStack();
  const tcp = new Tcp(it.environment, it.stack.network, it.stack.tcpPorts);
  const user = {} as TcpUser;
  for (const text of ['224.0.0.1', '239.1.2.3', '192.168.1.255', '255.255.255.255', 'ff02::1']) {
    const remote = { address: ip(text), port: 80, scope: 2 };
    t.is(tcp.connect(remote, null, user, defaultSettings()), 'ENETUNREACH', text);
  }
  t.is(tcp.connectionCount, 0);
  t.is(it.stack.tcpPorts.size, 0);
});
