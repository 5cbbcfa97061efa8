/** What a stranger may try: blind segments, floods, old duplicates (RFC 5961, 7323, 6528, 4987). */

import { IpAddress } from '@runtimejs/net/address.ts';
import { TableHash } from '@runtimejs/net/tcp/half-siphash.ts';
import { KeyedHash } from '@runtimejs/net/tcp/siphash.ts';
import test from 'ava';
import { TcpScript } from './support/tcp-script.ts';

test('SipHash-2-4 gives the published values', (t) => {
  const key = Uint8Array.from({ length: 16 }, (_, at) => at);
  const hash = new KeyedHash(key);
  // Reference vectors of the paper's authors: input 00, 01, 02... of length n.
  const expected = new Map([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [8, 0x93f5f5799a932462n],
    [15, 0xa129ca6149be45e5n],
  ]);
  for (const [length, value] of expected) {
    const low = hash.hashBytes(Uint8Array.from({ length }, (_, at) => at));
    const found = (BigInt(hash.high >>> 0) << 32n) | BigInt(low >>> 0);
    t.is(found, value, `length ${length}`);
  }
});

/** HalfSipHash-c-d, written as the authors define it. */
function halfSipHash(key: Uint8Array, input: Uint8Array, c: number, d: number): number {
  const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by));
  const read = (bytes: Uint8Array, at: number) =>
    new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);
  let v0 = read(key, 0);
  let v1 = read(key, 4);
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const round = (times: number): void => {
    for (let time = 0; time < times; time += 1) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
  };
  const whole = input.length & ~3;
  const last = new Uint8Array(4);
  last.set(input.subarray(whole));
  last[3] = input.length;
  for (let at = 0; at <= whole; at += 4) {
    const word = at < whole ? read(input, at) : read(last, 0);
    v3 ^= word;
    round(c);
    v0 ^= word;
  }
  v2 ^= 0xff;
  round(d);
  return v1 ^ v3;
}

test('the hash of tables is HalfSipHash-1-3', (t) => {
  const counting = (length: number) => Uint8Array.from({ length }, (_, at) => at);
  // The authors' reference vectors are of HalfSipHash-2-4.
  for (const [length, value] of [0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a].entries()) {
    t.is(halfSipHash(counting(8), counting(length), 2, 4) >>> 0, value, `length ${length}`);
  }
  const input = Uint8Array.from({ length: 40 }, (_, at) => at * 37);
  const words = new Int32Array(input.buffer);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0] = words;
  const found = new TableHash(counting(8)).hash(a, b, c, d, e, f, g, h, i, j);
  t.is(found, halfSipHash(counting(8), input, 1, 3));
  t.not(found, new TableHash(input.subarray(0, 8)).hash(a, b, c, d, e, f, g, h, i, j));
});

test('a blind RST in the window gets a challenge, outside nothing (RFC 5961)', (t) => {
  const script = new TcpScript().established();
  script.peer('R 100+0').expect('A 1+0 ack 1');
  script.peer('R 200+0').quiet(); // limited
  script.after(600).peer('R 200+0').expect('A 1+0 ack 1');
  script.peer('R 100000+0').quiet().told();
  t.is(script.counters.dropBlindReset, 3);
  t.is(script.counters.dropOutsideWindow, 1);
});

test('a SYN in a connection gets a challenge', (t) => {
  const script = new TcpScript().established();
  script.peer('S 5+0').expect('A 1+0 ack 1');
  script.told();
  t.is(script.counters.challengeAcknowledgments, 1);
});

test('blind data with an acknowledgement far off is not taken', (t) => {
  const script = new TcpScript().established();
  script.peer('A 1+10 ack 5000').expect('A 1+0 ack 1');
  script.after(1000).peer('A 1+10 ack -100000').expect('A 1+0 ack 1');
  script.told();
  t.is(script.counters.dropBadAcknowledgment, 2);
});

test('data outside the window is answered by an acknowledgement', (t) => {
  const script = new TcpScript().established();
  script.peer('A 70000+10 ack 1').expect('A 1+0 ack 1');
  script.peer('A -100+10 ack 1').expect('A 1+0 ack 1');
  script.told();
  t.is(script.counters.dropOutsideWindow, 2);
});

test('old timestamps are refused (PAWS), also in the fast path', (t) => {
  const script = new TcpScript().established({}, { mss: 1460, ts: 1000 });
  script.peer('PA 1+10 ack 1', { ts: 1010 }).expect('A 1+0 ack 11');
  script.peer('PA 11+10 ack 1', { ts: 900 }).expect('A 1+0 ack 11', 'echo 1010');
  script.peer('PA 11+10 ack 1').quiet();
  t.is(script.counters.dropOldTimestamp, 1);
  t.is(script.counters.dropNoTimestamp, 1);
  script.peer('PA 11+10 ack 1', { ts: 1011 }).expect('A 1+0 ack 21');
  t.is(script.user.receive.length, 20);
});

test('after 24 days without traffic an old timestamp is taken (RFC 7323, 5.5)', (t) => {
  const script = new TcpScript().established({}, { mss: 1460, ts: 1000 });
  script.after(25 * 86_400_000);
  script.peer('PA 1+10 ack 1', { ts: -2_000_000_000 });
  script.told('receivable');
  t.pass();
});

test('segments to nowhere get RST, so often only', (t) => {
  const script = new TcpScript();
  script.peer('S 0+0', { to: 99 });
  t.is(script.sent[0]?.flags, 'RA');
  t.is(script.sent[0]?.ack, 1);
  script.sent.length = 0;
  script.peer('A 5+0 ack 77', { to: 99 }).expect('R 77+0');
  script.peer('R 5+0', { to: 99 }).quiet();
  for (let count = 0; count < 3000; count += 1) script.peer('A 5+0 ack 77', { to: 99 });
  t.true(script.sent.length <= 1000);
  t.true(script.counters.dropResetLimited! >= 2000);
});

test('initial sequence numbers differ by connection and grow with time (RFC 6528)', (t) => {
  const script = new TcpScript().listen();
  const numbers = new Map<number, number>();
  for (let port = 5000; port < 5064; port += 1) {
    script.peer('S 0+0', { mss: 1460, from: port });
    const segment = script.sent.pop();
    if (segment !== undefined && segment.flags === 'SA') numbers.set(port, segment.rawSequence);
  }
  t.true(numbers.size >= 8);
  t.is(new Set(numbers.values()).size, numbers.size);
  const again = new TcpScript();
  again.connect();
  t.not(again.ourStart, 0);
});

test('a SYN flood is answered by cookies, and a cookie makes a connection', (t) => {
  const script = new TcpScript().listen({}, 8);
  for (let port = 5000; port < 5100; port += 1) {
    script.peer('S 0+0', { mss: 1460, from: port });
    script.sent.length = 0;
  }
  t.is(script.tcp.connectionCount, 8);
  t.is(script.counters.synCookiesSent, 92);
  script.peer('S 0+0', { mss: 1300, ws: 7, sackOk: true, ts: 500, from: 6000 });
  const answer = script.expect('SA 0+0 ack 1', 'ws 7', 'sackOk', 'echo 500');
  t.is(script.tcp.connectionCount, 8);
  script.after(500).peer('A 1+0 ack 1', { ts: [501, 0], from: 6000, win: 100 });
  t.is(script.accepted.length, 1);
  t.is(script.counters.synCookiesAccepted, 1);
  t.true(answer.timestamp > 0);
  // MSS, window scale and SACK came back out of it.
  script.write(12_000);
  script.expect('A 1+1288 ack 1', 'ts');
  t.is(script.sent.length + 1, Math.ceil(12_000 / 1288));
});

test('a cookie holds when a repeated SYN found room in the meantime', (t) => {
  const script = new TcpScript().listen({}, 8);
  for (let port = 5000; port < 5008; port += 1) script.peer('S 0+0', { mss: 1460, from: port });
  script.sent.length = 0;
  script.peer('S 0+0', { mss: 1460, from: 6000 }).expect('SA 0+0 ack 1');
  const cookie = script.ourStart;
  script.peer('R 1+0', { from: 5000 });
  script.peer('S 0+0', { mss: 1460, from: 6000 }).expect('SA 0+0 ack 1');
  t.not(script.ourStart, cookie);
  script.ourStart = cookie;
  script.peer('A 1+0 ack 1', { from: 6000 });
  t.is(script.accepted.length, 1);
  t.is(script.counters.resetsSent, 0);
  t.is(script.tcp.connectionCount, 8);
});

test('a wrong or old cookie is refused', (t) => {
  const script = new TcpScript().listen({}, 8);
  for (let port = 5000; port < 5009; port += 1) script.peer('S 0+0', { mss: 1460, from: port });
  script.sent.length = 0;
  script.peer('S 0+0', { mss: 1460, from: 6000 }).expect('SA 0+0 ack 1');
  script.peer('A 1+0 ack 2', { from: 6000 }).expect('R 2+0');
  script.peer('A 2+0 ack 1', { from: 6000 }).expect('R 1+0');
  script.at(300_000);
  script.sent.length = 0;
  script.peer('A 1+0 ack 1', { from: 6000 }).expect('R 1+0');
  t.is(script.accepted.length, 0);
  t.is(script.counters.synCookiesRefused, 3);
});

test('a full accept queue drops SYNs and completed handshakes, until there is room', (t) => {
  const script = new TcpScript().listen({}, 2);
  script.peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.waiting = 2;
  script.peer('A 1+0 ack 1').quiet();
  script.peer('S 0+0', { mss: 1460, from: 4001 }).quiet();
  t.is(script.counters.dropListenBacklog, 2);
  script.waiting = 1;
  script.peer('PA 1+5 ack 1').expect('A 1+0 ack 6');
  t.is(script.accepted.length, 1);
});

test('a user without memory refuses a connection, and gets it again', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.refuse = true;
  script.peer('A 1+0 ack 1').quiet();
  t.is(script.counters.dropUserRefused, 1);
  script.refuse = false;
  script.peer('PA 1+5 ack 1').expect('A 1+0 ack 6');
  t.is(script.accepted.length, 1);
});

test('a half-open connection ignores what does not fit', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.peer('R 500+0').expect('A 1+0 ack 1'); // challenge
  script.peer('A 1+0 ack 50').expect('R 50+0');
  script.peer('A 100000+5 ack 1').quiet(); // limited
  t.is(script.tcp.connectionCount, 1);
  script.peer('R 1+0').quiet();
  t.is(script.tcp.connectionCount, 0);
});

test('segments from a multicast address and with SYN and FIN at a listener are dropped', (t) => {
  const script = new TcpScript().listen();
  script.peer('SF 0+0', { mss: 1460 }).quiet();
  t.is(script.tcp.connectionCount, 0);
});

test('listeners: the exact address before a wildcard, IPv4 before dual-stack', (t) => {
  const script = new TcpScript();
  const offered: string[] = [];
  const flags = { reuseAddress: false, reusePort: true, v6Only: false };
  const open = (address: IpAddress, name: string) => {
    const binding = script.tcp.bind({ address, port: 80, scope: 0 }, flags);
    if (typeof binding === 'string') throw new Error(binding);
    const listener = script.tcp.listen(binding, 10, script.settings(), {
      waiting: () => 0,
      accept: () => {
        offered.push(name);
        return script.newUser();
      },
    });
    if (typeof listener === 'string') throw new Error(listener);
    return listener;
  };
  let port = 5000;
  const come = (): void => {
    port += 1;
    script.peer('S 0+0', { mss: 1460, from: port });
    script.peer('A 1+0 ack 1', { from: port });
    script.sent.length = 0;
  };
  open(new IpAddress(0, 0, 0, 0), 'dual');
  come();
  open(IpAddress.v4(0), 'v4');
  come();
  const exact = open(script.local, 'exact');
  come();
  exact.close();
  come();
  t.deepEqual(offered, ['dual', 'v4', 'exact', 'v4']);
});

test('SO_REUSEPORT spreads connections over listeners', (t) => {
  const script = new TcpScript();
  const counts = [0, 0, 0];
  for (let index = 0; index < 3; index += 1) {
    const binding = script.tcp.bind(
      { address: script.local, port: 80, scope: 0 },
      { reuseAddress: false, reusePort: true, v6Only: false },
    );
    if (typeof binding === 'string') throw new Error(binding);
    script.tcp.listen(binding, 100, script.settings(), {
      waiting: () => 0,
      accept: (connection) => {
        counts[index] = (counts[index] ?? 0) + 1;
        connection.abort();
        return null;
      },
    });
  }
  for (let port = 5000; port < 5300; port += 1) {
    script.peer('S 0+0', { mss: 1460, from: port }).peer('A 1+0 ack 1', { from: port });
    script.sent.length = 0;
  }
  for (const count of counts) t.true(count > 50, `${counts}`);
});

test('closing a listener forgets its handshakes and frees the port', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 });
  script.listener.close();
  script.finished();
  script.sent.length = 0;
  script.peer('A 1+0 ack 1');
  t.is(script.sent[0]?.flags, 'R');
  script.listen();
});
