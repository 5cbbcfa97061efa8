/** ARP and the neighbour cache's states. */
import { anyV4 } from '@runtimejs/net/address.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import test from 'ava';
import {
  arp,
  broadcast,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  noHardware,
  openIpv4,
  ourHardware,
  peerHardware,
  TestStack,
  udp,
} from './net-ip-fixtures.ts';

const arpType = 0x806;
const otherHardware = [2, 0, 0, 0, 0, 3];
const options = { hopLimit: 0, trafficClass: 0xffffffff, interfaceIndex: 0, source: undefined };

function sender() {
  const it = new TestStack();
  const api = new Udp(it.stack);
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = api.bind({ address: anyV4, port: 7000, scope: 0 }, flags);
  if (typeof binding === 'string') throw new Error(binding);
  const endpoint = api.open(binding, {
    receive: () => true,
    failed: () => {},
    sendable: () => {},
  });
  const send = (to: string, length = 1) =>
    endpoint.send({ address: ip(to), port: 9, scope: 0 }, 0, length, options);
  return { it, send };
}

const question = (target: string): number[] =>
  ethernet(arpType, arp(1, ourHardware, '192.168.1.2', noHardware, target), broadcast, ourHardware);
const answer = (hardware = peerHardware, address = '192.168.1.1'): number[] =>
  ethernet(arpType, arp(2, hardware, address, ourHardware, '192.168.1.2'), ourHardware, hardware);

test('packets wait for the answer and leave in order', (t) => {
  const { it, send } = sender();
  for (let length = 1; length <= 3; length += 1) t.is(send('192.168.1.1', length), null);
  t.deepEqual(it.take(), [question('192.168.1.1')], 'one question for all');
  const sent = it.exchange(answer()).map(openIpv4);
  t.deepEqual(
    sent.map(({ payload, to }) => [payload.length, to]),
    [
      [9, peerHardware],
      [10, peerHardware],
      [11, peerHardware],
    ],
  );
  send('192.168.1.1');
  t.is(it.take().length, 1, 'known now');
});

test('three questions a second apart, then the packets are given up and the sender is told', (t) => {
  const { it, send } = sender();
  send('192.168.1.77');
  send('192.168.1.77');
  t.is(it.take().length, 1);
  it.advance(999_999);
  t.is(it.take().length, 0);
  it.advance(1);
  t.is(it.take().length, 1);
  it.advance(1_000_000);
  t.is(it.take().length, 1);
  it.advance(1_000_000);
  t.is(it.take().length, 0);
  t.is(it.counter('neighbours4.eth0', 'failed'), 1);
  t.is(it.counter('udp', 'errors'), 2);
  t.is(it.device.outstanding, 0);
  send('192.168.1.77');
  t.deepEqual(it.take(), [], 'not asked again within a second');
  it.advance(1_000_000);
  send('192.168.1.77');
  t.is(it.take().length, 1);
});

test('what waits is bounded, for one neighbour and for all', (t) => {
  const { it, send } = sender();
  for (let n = 0; n < 100; n += 1) send('192.168.1.1');
  t.is(it.counter('neighbours4.eth0', 'dropQueueFull'), 36);
  for (let n = 0; n < 400; n += 1) send(`192.168.1.${3 + (n % 200)}`);
  it.run();
  t.is(it.device.outstanding, 256);
  it.advance(10_000_000);
  t.is(it.device.outstanding, 0);
});

test('the cache is bounded and forgets the longest unused', (t) => {
  const { it } = sender();
  for (let n = 0; n < 3000; n += 1) {
    it.eth0.neighbours4.learn(ip(`10.1.${n >> 8}.${n & 255}`), Uint8Array.from(otherHardware));
    it.environment.clock.now += 1;
  }
  t.is(it.eth0.neighbours4.size, 1024);
  t.is(it.eth0.neighbours4.lookup(ip('10.1.0.0')), undefined);
  t.not(it.eth0.neighbours4.lookup(ip('10.1.11.183')), undefined);
});

test('a flood of strangers does not push out a neighbour that is in use', (t) => {
  const { it, send } = sender();
  send('192.168.1.1');
  it.exchange(answer());
  for (let n = 0; n < 3000; n += 1) {
    it.environment.clock.now += 1;
    it.eth0.neighbours4.learn(ip(`10.1.${n >> 8}.${n & 255}`), Uint8Array.from(otherHardware));
  }
  t.is(it.eth0.neighbours4.size, 1024);
  t.is(it.eth0.neighbours4.lookup(ip('192.168.1.1'))?.state, 'reachable');
});

test('a question for our address is answered, and who asked is known from then on', (t) => {
  const { it, send } = sender();
  const frame = ethernet(
    arpType,
    arp(1, peerHardware, '192.168.1.1', noHardware, '192.168.1.2'),
    broadcast,
  );
  t.deepEqual(it.exchange(frame), [
    ethernet(
      arpType,
      arp(2, ourHardware, '192.168.1.2', peerHardware, '192.168.1.1'),
      peerHardware,
      ourHardware,
    ),
  ]);
  send('192.168.1.1');
  t.is(openIpv4(it.take()[0] as number[]).to.join(), peerHardware.join());
});

test('others questions, probes and replies nobody asked for teach nothing', (t) => {
  const { it } = sender();
  t.deepEqual(
    it.exchange(
      ethernet(arpType, arp(1, peerHardware, '192.168.1.1', noHardware, '192.168.1.9'), broadcast),
      answer(),
      ethernet(arpType, arp(1, peerHardware, '10.9.9.9', noHardware, '192.168.1.2'), broadcast),
    ).length,
    1,
    'the last one is answered, but not learnt: its sender is not on this link',
  );
  t.is(it.eth0.neighbours4.size, 0);
  const probe = ethernet(
    arpType,
    arp(1, peerHardware, '0.0.0.0', noHardware, '192.168.1.2'),
    broadcast,
  );
  t.is(it.exchange(probe).length, 1, 'a probe is answered');
  t.is(it.eth0.neighbours4.size, 0);
});

test('a tentative address is not defended with replies, a conflict is reported', (t) => {
  const it = new TestStack({ addresses: false });
  const conflicts: string[] = [];
  it.stack.observe({
    addressConflict: (on, address, hardware) => {
      conflicts.push(`${on.name} ${address.word3 >>> 0} ${[...hardware].join()}`);
    },
  });
  const address = ip('192.168.1.2');
  it.eth0.addAddress(address, 24, { state: 'tentative' });
  it.stack.arp(it.eth0)?.probe(address);
  t.deepEqual(it.take(), [
    ethernet(
      arpType,
      arp(1, ourHardware, '0.0.0.0', noHardware, '192.168.1.2'),
      broadcast,
      ourHardware,
    ),
  ]);
  const theirProbe = ethernet(
    arpType,
    arp(1, otherHardware, '0.0.0.0', noHardware, '192.168.1.2'),
    broadcast,
    otherHardware,
  );
  t.deepEqual(it.exchange(theirProbe, answer(otherHardware, '192.168.1.2')), []);
  t.is(conflicts.length, 2);
  t.is(conflicts[0], `eth0 ${0xc0a80102} 2,0,0,0,0,3`);
});

test('an address that became ours is announced twice, and defended once in ten seconds', (t) => {
  const it = new TestStack({ addresses: false });
  const announcement = ethernet(
    arpType,
    arp(1, ourHardware, '192.168.1.2', noHardware, '192.168.1.2'),
    broadcast,
    ourHardware,
  );
  it.eth0.addAddress(ip('192.168.1.2'), 24);
  t.deepEqual(it.take(), [announcement]);
  it.advance(2_000_000);
  t.deepEqual(it.take(), [announcement]);
  const thief = answer(otherHardware, '192.168.1.2');
  t.deepEqual(it.exchange(thief, thief), [announcement]);
  t.is(it.counter('arp.eth0', 'conflicts'), 2);
  it.advance(10_000_000);
  t.deepEqual(it.exchange(thief), [announcement]);
  t.deepEqual(
    it.logs.filter((line) => line.includes('is also used by')),
    ['eth0: 192.168.1.2 is also used by 02:00:00:00:00:03'],
    'told once a minute',
  );
});

test('a neighbour that is used but silent is probed by itself, then given up', (t) => {
  const { it, send } = sender();
  send('192.168.1.1');
  it.exchange(answer());
  it.advance(60_000_000);
  it.device.sent = [];
  send('192.168.1.1');
  t.is(it.take().length, 1, 'stale, but good enough for the packet');
  it.advance(4_999_999);
  t.is(it.take().length, 0);
  it.advance(1);
  const probe = it.take();
  t.deepEqual(probe, [[...peerHardware, ...question('192.168.1.1').slice(6)]], 'to it alone');
  it.exchange(answer());
  t.is(it.eth0.neighbours4.lookup(ip('192.168.1.1'))?.state, 'reachable');
  it.advance(60_000_000);
  send('192.168.1.1');
  it.advance(9_000_000);
  t.is(it.eth0.neighbours4.lookup(ip('192.168.1.1'))?.state, 'failed');
});

test('progress of a transport keeps a neighbour reachable without questions', (t) => {
  const { it, send } = sender();
  send('192.168.1.1');
  it.exchange(answer());
  const route = it.stack.network.route(ip('192.168.1.1'), undefined, 0);
  if (typeof route === 'string') throw new Error(route);
  for (let n = 0; n < 100; n += 1) {
    it.advance(5_000_000);
    it.stack.network.confirmReachable(route);
    send('192.168.1.1');
  }
  t.is(it.take().filter((frame) => frame[12] === 8 && frame[13] === 6).length, 0);
});

test('a neighbour that changed its hardware address is believed', (t) => {
  const { it, send } = sender();
  send('192.168.1.1');
  it.exchange(answer());
  it.exchange(
    ethernet(
      arpType,
      arp(1, otherHardware, '192.168.1.1', noHardware, '192.168.1.1'),
      broadcast,
      otherHardware,
    ),
  );
  send('192.168.1.1');
  t.deepEqual(openIpv4(it.take()[0] as number[]).to, otherHardware);
});

test('hardware addresses that no station has are refused', (t) => {
  const { it } = sender();
  it.exchange(
    ethernet(arpType, arp(1, broadcast, '192.168.1.1', noHardware, '192.168.1.2')),
    ethernet(arpType, arp(1, noHardware, '192.168.1.1', noHardware, '192.168.1.2')),
    ethernet(arpType, arp(1, peerHardware, '224.0.0.1', noHardware, '192.168.1.2')),
    ethernet(arpType, arp(1, peerHardware, '255.255.255.255', noHardware, '192.168.1.2')),
    ethernet(arpType, arp(1, peerHardware, '127.0.0.1', noHardware, '192.168.1.2')),
  );
  t.is(it.counter('arp.eth0', 'dropSender'), 5);
  t.is(it.eth0.neighbours4.size, 0);
});

test('link down forgets neighbours and gives back what waits; link up announces again', (t) => {
  const { it, send } = sender();
  send('192.168.1.5');
  it.run();
  it.device.setLink(false);
  t.is(it.device.outstanding, 0);
  t.is(it.eth0.neighbours4.size, 0);
  t.is(send('192.168.1.1'), 'ENETUNREACH');
  it.device.sent = [];
  it.device.setLink(true);
  t.is(it.take().length, 1);
  t.is(send('192.168.1.1'), null);
});

test('frames to one host in a broadcast frame are not taken, unless DHCP waits for them', (t) => {
  const { it } = sender();
  const toNobody = ethernet(
    ipv4Type,
    ipv4({
      destination: '192.168.1.50',
      payload: udp([1], [67, 7000], '192.168.1.1', '192.168.1.50'),
    }),
  );
  it.exchange(toNobody);
  t.is(it.counter('ipv4', 'dropNotOurs'), 1);
  it.eth0.acceptUnconfigured = true;
  it.exchange(toNobody);
  t.is(it.counter('ipv4', 'dropNotOurs'), 1);
  t.is(it.counter('udp', 'received'), 1);
});
