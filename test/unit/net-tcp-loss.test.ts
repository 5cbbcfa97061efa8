/** Loss: timeouts, fast recovery, RACK, tail loss probes, undoing, congestion control, path MTU. */
import test from 'ava';
import { type SegmentExtras, TcpScript } from './support/tcp-script.ts';

const sack: SegmentExtras = { mss: 1000, ws: 7, sackOk: true };
const roundTrip = 20;

/** Established with a round trip of 20 ms, SACK as asked. */
function flowing(options: SegmentExtras, settings = {}, before = {}): TcpScript {
  const script = new TcpScript(before).connect({ noDelay: true, ...settings });
  script.after(roundTrip).peer('SA 0+0 ack 1', options);
  script.sent.length = 0;
  script.user.told.length = 0;
  return script;
}

/** Lets everything in flight be acknowledged, a round trip later. */
function acknowledge(script: TcpScript, through: number, extras: SegmentExtras = {}): void {
  script.after(roundTrip).peer(`A 1+0 ack ${through}`, extras);
}

test('the initial window is ten segments (RFC 6928)', (t) => {
  const script = flowing(sack);
  script.write(50_000);
  t.is(script.sent.length, 10);
  script.sent.length = 0;
  // Slow start: two more for each that is acknowledged.
  acknowledge(script, 2001);
  t.is(script.sent.length, 4);
});

test('a lost segment without SACK is sent again after three duplicate acknowledgements', (t) => {
  const script = flowing({ mss: 1000 });
  script.write(20_000);
  script.sent.length = 0;
  script.after(roundTrip).peer('A 1+0 ack 1');
  script.expect('A 10001+1000 ack 1'); // limited transmit (RFC 3042)
  script.peer('A 1+0 ack 1').expect('A 11001+1000 ack 1');
  script.peer('A 1+0 ack 1').expect('A 1+1000 ack 1');
  t.is(script.counters.fastRecoveries, 1);
  // Partial acknowledgement: the next hole (RFC 6582).
  script.sent.length = 0;
  acknowledge(script, 4001);
  t.is(script.sent[0]?.text, 'A 4001+1000 ack 1');
  acknowledge(script, 12_001);
  t.is(script.counters.retransmissionTimeouts, 0);
});

test('a hole that SACK tells of is sent again, once, and recovery ends', (t) => {
  const script = flowing(sack);
  script.write(10_000);
  script.sent.length = 0;
  script.after(roundTrip);
  script.peer('A 1+0 ack 1', { sack: [[1001, 2001]] }).quiet();
  script.peer('A 1+0 ack 1', { sack: [[1001, 3001]] }).quiet();
  script.peer('A 1+0 ack 1', { sack: [[1001, 4001]] }).expect('A 1+1000 ack 1');
  script.peer('A 1+0 ack 1', { sack: [[1001, 10_001]] }).quiet();
  acknowledge(script, 10_001);
  script.quiet();
  t.is(script.counters.fastRecoveries, 1);
  t.is(script.counters.segmentsRetransmitted, 1);
  t.true(script.connection.isQuiescent);
});

test('several holes are filled as the pipe allows (RFC 6675, PRR)', (t) => {
  const script = flowing(sack);
  script.write(10_000);
  script.sent.length = 0;
  script.after(roundTrip);
  // 0, 2 and 4 are lost.
  script.peer('A 1+0 ack 1', {
    sack: [
      [5001, 10_001],
      [3001, 4001],
      [1001, 2001],
    ],
  });
  t.deepEqual(
    script.sent.splice(0).map(({ text }) => text),
    ['A 1+1000 ack 1', 'A 2001+1000 ack 1', 'A 4001+1000 ack 1'],
  );
  acknowledge(script, 10_001);
  t.is(script.counters.retransmissionTimeouts, 0);
});

test('recovery brings the window down to 0.7 of what it was (RFC 9438)', (t) => {
  const script = flowing(sack);
  script.write(100_000);
  script.after(roundTrip);
  script.peer('A 1+0 ack 1', { sack: [[1001, 10_001]] });
  acknowledge(script, 10_001);
  const info = new Uint8Array(232);
  script.connection.info(info);
  t.is(new DataView(info.buffer).getUint32(80, true), 7);
});

test('Reno halves it', (t) => {
  const script = flowing(sack, { congestion: 'reno' });
  script.write(100_000);
  script.after(roundTrip);
  script.peer('A 1+0 ack 1', { sack: [[1001, 10_001]] });
  acknowledge(script, 10_001);
  const info = new Uint8Array(232);
  script.connection.info(info);
  t.is(new DataView(info.buffer).getUint32(80, true), 5);
});

test('the timeout doubles, and after 15 retransmissions the connection fails', (t) => {
  const script = flowing({ mss: 1000 });
  script.write(500);
  const start = script.now / 1000;
  script.at(3_000_000);
  const times = script.sent.map((segment) => segment.at - start);
  t.is(times.length, 16);
  for (let round = 2; round < 9; round += 1) {
    const ratio = (times[round + 1]! - times[round]!) / (times[round]! - times[round - 1]!);
    t.true(Math.abs(ratio - 2) < 0.01, `${ratio}`);
  }
  // 200 ms over the smoothed round trip, as Linux has it.
  t.true(times[1]! >= 220 && times[1]! < 225, `${times[1]}`);
  script.told('failed ETIMEDOUT').finished();
});

test('after a timeout slow start begins with one segment', (t) => {
  const script = flowing({ mss: 1000 });
  script.write(10_000);
  script.sent.length = 0;
  script.after(300);
  script.expect('A 1+1000 ack 1');
  script.quiet();
  acknowledge(script, 1001);
  script.expect('A 1001+1000 ack 1');
  script.expect('A 2001+1000 ack 1');
  script.quiet();
  t.is(script.counters.retransmissionTimeouts, 1);
});

test('a timeout that timestamps show to be wrong is undone (RFC 3522)', (t) => {
  const script = flowing({ ...sack, ts: 1 });
  script.write(9880);
  const first = script.sent.at(-1)!.timestamp;
  script.sent.length = 0;
  script.after(600);
  t.true(script.sent.length > 0);
  const last = script.sent.at(-1)!.timestamp;
  script.sent.length = 0;
  // The acknowledgement of the first transmissions was only late.
  script.peer('A 1+0 ack 989', { ts: [2, first - last] });
  script.quiet();
  t.is(script.counters.spuriousTimeouts, 1);
  script.peer('A 1+0 ack 9881', { ts: [2, first - last] }).quiet();
});

test('reordering does not lead to retransmissions once it was seen (RACK)', (t) => {
  const script = flowing(sack);
  script.write(10_000);
  script.after(roundTrip);
  script.sent.length = 0;
  // A segment comes late, before the reordering window is over: nothing is sent again.
  script.peer('A 1+0 ack 1', { sack: [[1001, 3001]] }).quiet();
  script.after(1).peer('A 1+0 ack 3001');
  t.is(script.counters.reorderingSeen, 1);
  script.peer('A 1+0 ack 3001', { sack: [[4001, 9001]] });
  t.is(script.counters.segmentsRetransmitted, 0);
  script.after(3).peer('A 1+0 ack 10001').quiet();
  t.is(script.counters.fastRecoveries, 0);
});

test('what comes late within one turn costs nothing: nothing was sent again', (t) => {
  const script = flowing(sack);
  script.write(60_000);
  acknowledge(script, 10_001);
  script.after(roundTrip);
  const before = script.sent.length;
  // Acknowledgements of one turn: a gap after most of the window, and the gap filled.
  script.inject('A 1+0 ack 25001');
  script.inject('A 1+0 ack 25001', { sack: [[26_001, 30_001]] });
  script.peer('A 1+0 ack 30001');
  t.is(script.counters.fastRecoveries, 1);
  t.is(script.counters.recoveriesUndone, 1);
  t.is(script.counters.segmentsRetransmitted, 0);
  t.true(script.sent.length - before >= 10, 'the window is as it was');
});

test('a loss is judged by the whole window, though most was acknowledged in the same turn', (t) => {
  const script = flowing(sack);
  script.write(100_000);
  acknowledge(script, 10_001);
  acknowledge(script, 30_001);
  script.after(roundTrip);
  script.sent.length = 0;
  script.inject('A 1+0 ack 60001');
  script.peer('A 1+0 ack 60001', { sack: [[61_001, 65_001]] });
  t.is(script.counters.fastRecoveries, 1);
  script.after(roundTrip).peer('A 1+0 ack 70001');
  script.after(roundTrip); // pacing
  const inFlight = script.sent.filter(({ seq }) => seq > 70_000).length;
  t.true(inFlight >= 25 && inFlight <= 45, `${inFlight}`);
});

test('a segment that is late for longer than the reordering window is lost', (t) => {
  const script = flowing(sack);
  script.write(10_000);
  script.after(roundTrip);
  script.sent.length = 0;
  script.peer('A 1+0 ack 1', { sack: [[1001, 3001]] }).quiet();
  script.after(6).expect('A 1+1000 ack 1'); // a quarter of the round trip
  t.is(script.counters.reorderingTimeouts, 1);
});

test('a lost retransmission is found by what was sent after it', (t) => {
  const script = flowing(sack);
  script.write(30_000);
  script.after(roundTrip);
  script.sent.length = 0;
  script.peer('A 1+0 ack 1', { sack: [[1001, 6001]] });
  t.is(script.sent[0]?.text, 'A 1+1000 ack 1');
  script.after(5).peer('A 1+0 ack 1', { sack: [[1001, 10_001]] });
  const fresh = script.sent.find((segment) => segment.seq > 10_000);
  t.truthy(fresh);
  script.sent.length = 0;
  const end = fresh!.seq + fresh!.length;
  script.after(roundTrip + 10).peer('A 1+0 ack 1', { sack: [[1001, end]] });
  t.is(script.sent[0]?.text, 'A 1+1000 ack 1');
  t.is(script.counters.lostRetransmissions, 1);
});

test('a lost tail is repaired by a probe after two round trips (TLP)', (t) => {
  const script = flowing(sack);
  script.write(3000);
  script.sent.length = 0;
  script.after(roundTrip).peer('A 1+0 ack 1001', {}).quiet();
  script.after(3 * roundTrip).expect('PA 2001+1000 ack 1');
  t.is(script.counters.tailLossProbes, 1);
  script.after(roundTrip).peer('A 1+0 ack 1001', { sack: [[2001, 3001]] });
  script.after(10).expect('A 1001+1000 ack 1');
  t.is(script.counters.retransmissionTimeouts, 0);
  acknowledge(script, 3001);
  script.after(5000).quiet();
});

test('a probe that was not needed costs nothing (duplicate SACK)', (t) => {
  const script = flowing(sack);
  script.write(3000);
  script.sent.length = 0;
  script.after(4 * roundTrip).expect('PA 2001+1000 ack 1');
  script.peer('A 1+0 ack 3001');
  script.peer('A 1+0 ack 3001', { sack: [[2001, 3001]] });
  t.is(script.counters.tailLossRepaired, 1); // the acknowledgement came first
  const other = flowing(sack);
  other.write(3000);
  other.after(4 * roundTrip);
  other.peer('A 1+0 ack 3001', { sack: [[2001, 3001]] });
  t.is(other.counters.tailLossRepaired, 0);
});

test('what is sent after a lone segment is probed for as soon as without it', (t) => {
  const script = flowing({ ...sack, ts: 1 });
  script.write(500);
  script.after(1).write(1000);
  script.sent.length = 0;
  script.after(3 * roundTrip);
  t.is(script.counters.tailLossProbes, 1);
  t.is(script.sent.length, 1);
});

test('a lone segment is probed for instead of a timeout, which would cost the window', (t) => {
  const script = flowing(sack);
  script.write(1000);
  script.sent.length = 0;
  script.after(230).expect('PA 1+1000 ack 1');
  t.is(script.counters.tailLossProbes, 1);
  t.is(script.counters.retransmissionTimeouts, 0);
});

test('a probe that is not answered is followed by one more, and then by the timeout', (t) => {
  const script = flowing(sack);
  script.write(3000);
  script.sent.length = 0;
  script.after(3 * roundTrip).expect('PA 2001+1000 ack 1');
  script.after(3 * roundTrip).quiet(); // twice the time
  script.after(3 * roundTrip).expect('PA 2001+1000 ack 1');
  t.is(script.counters.tailLossProbes, 2);
  t.is(script.counters.retransmissionTimeouts, 0);
  script.after(300).expect('A 1+1000 ack 1');
  t.is(script.counters.tailLossProbes, 2);
  t.is(script.counters.retransmissionTimeouts, 1);
});

test('when a retransmission is lost and nothing follows it, recovery probes', (t) => {
  const script = flowing(sack);
  script.write(5000);
  script.sent.length = 0;
  script.after(roundTrip).peer('A 1+0 ack 1', { sack: [[1001, 5001]] });
  script.expect('A 1+1000 ack 1');
  script.after(3 * roundTrip).expect('A 1+1000 ack 1');
  t.is(script.counters.retransmissionTimeouts, 0);
  script.after(roundTrip).peer('A 1+0 ack 5001');
  script.after(1000).quiet();
});

test('a lost retransmission is found by another one, whatever timestamp the peer echoes', (t) => {
  const script = flowing({ ...sack, ts: 1 });
  script.write(9880);
  script.after(roundTrip);
  const echo = (): number => old - script.sent.at(-1)!.timestamp;
  const old = script.sent.at(-1)!.timestamp;
  const last = script.sent.at(-1)!.seq + script.sent.at(-1)!.length;
  script.peer('A 1+0 ack 1', {
    ts: [2, echo()],
    sack: [
      [989, 1977],
      [2965, last],
    ],
  });
  const again = script.sent.filter(({ seq }, at) => at >= 10 && (seq === 1 || seq === 1977));
  t.deepEqual(
    again.map(({ seq }) => seq),
    [1, 1977],
  );
  script.after(roundTrip + 2);
  const before = script.sent.length;
  // The second one arrived; the peer still echoes what came before the first gap.
  script.peer('A 1+0 ack 1', { ts: [3, echo()], sack: [[989, last]] });
  script.after(6);
  t.is(script.sent[before]?.seq, 1);
  t.is(script.counters.lostRetransmissions, 1);
});

test('SACK that the peer takes back is forgotten at the timeout (RFC 2018, section 8)', (t) => {
  const script = flowing(sack);
  script.write(5000);
  script.after(roundTrip);
  script.peer('A 1+0 ack 1', { sack: [[1001, 2001]] });
  script.peer('A 1+0 ack 1001'); // no SACK any more, though 1001 to 2001 was there
  script.sent.length = 0;
  script.after(2000);
  t.true(script.sent.some(({ text }) => text.includes('1001+1000')));
  t.is(script.counters.sackReneging, 1);
});

test('blocks that make no sense are counted and ignored', (t) => {
  const script = flowing(sack);
  script.write(5000);
  script.after(roundTrip);
  script.peer('A 1+0 ack 1', { sack: [[7001, 9001]] });
  script.peer('A 1+0 ack 1', { sack: [[3001, 2001]] });
  script.peer('A 1+0 ack 1', { sack: [[-5000, 2001]] });
  t.is(script.counters.sackBlocksInvalid, 3);
  script.peer('A 1+0 ack 5001');
  t.is(script.counters.segmentsRetransmitted, 0);
});

test('after a pause the window starts again from the initial one (RFC 5681, 4.1)', (t) => {
  const script = flowing(sack);
  let sent = 0;
  for (let round = 0; round < 4; round += 1) {
    script.write(20_000);
    while (sent < script.user.written) {
      const last = script.sent.at(-1);
      if (last !== undefined) sent = last.seq + last.length - 1;
      script.sent.length = 0;
      acknowledge(script, sent + 1);
    }
  }
  script.write(30_000);
  script.after(10);
  t.true(script.sent.length > 10, `${script.sent.length}`);
  sent += 30_000;
  while (script.user.send.length > 0) {
    const last = script.sent.at(-1)!;
    script.sent.length = 0;
    acknowledge(script, last.seq + last.length);
  }
  script.sent.length = 0;
  script.after(30_000);
  script.write(30_000);
  t.is(script.sent.length, 10);
});

test('a large window is not sent at once, but over half a round trip (pacing)', (t) => {
  const script = flowing(sack);
  const drain = (): void => {
    while (script.user.send.length > 0) {
      script.after(roundTrip);
      const last = script.sent.at(-1);
      script.sent.length = 0;
      const ack = last === undefined ? 1 : last.seq + last.length;
      script.peer(`A 1+0 ack ${ack}`, { win: 2000 });
    }
  };
  script.write(60_000);
  drain();
  script.sent.length = 0;
  // The window is some 70 segments now.
  script.write(60_000);
  const atOnce = script.sent.length;
  t.true(atOnce >= 10 && atOnce < 40, `${atOnce}`);
  script.after(roundTrip / 2 + 1);
  t.is(script.sent.length, 60);
});

test('a short path is not paced, however late a busy machine makes the acknowledgements', (t) => {
  const script = new TcpScript().connect({ noDelay: true });
  script.after(1).peer('SA 0+0 ack 1', sack);
  script.sent.length = 0;
  const drain = (): void => {
    while (script.user.send.length > 0) {
      script.after(roundTrip);
      const last = script.sent.at(-1);
      script.sent.length = 0;
      script.peer(`A 1+0 ack ${last === undefined ? 1 : last.seq + last.length}`, { win: 2000 });
    }
  };
  for (let count = 0; count < 20; count += 1) {
    script.write(100); // Alone: its acknowledgement may be late, and nothing is probed for.
    drain();
  }
  script.write(60_000);
  drain();
  script.sent.length = 0;
  script.write(60_000);
  t.is(script.sent.length, 60);
});

test('ICMP packet too big makes segments smaller and sends at once (RFC 1191)', (t) => {
  const script = new TcpScript().established({}, { mss: 1460 });
  script.write(4000);
  script.sent.length = 0;
  script.icmp('packetTooBig', 1461, 'EMSGSIZE', 1200);
  t.is(script.route.mtu, 1200);
  for (const segment of script.sent) t.true(segment.length <= 1160);
  const again = script.sent.reduce((bytes, segment) => bytes + segment.length, 0);
  t.true(again >= 1160 && again <= 4000, `${again}`);
  t.is(script.counters.pathMtuReductions, 1);
});

test('ICMP about segments that are not in flight is ignored (RFC 5927)', (t) => {
  const script = new TcpScript().established({}, { mss: 1460 });
  script.write(1000);
  script.sent.length = 0;
  script.icmp('packetTooBig', 5000, 'EMSGSIZE', 600);
  script.icmp('packetTooBig', 0, 'EMSGSIZE', 600);
  script.icmp('packetTooBig', 1, 'EMSGSIZE', 9000);
  script.quiet();
  t.is(script.route.mtu, 1500);
  t.is(script.counters.dropForeignError, 3);
});

test('a tiny MTU is not believed', (t) => {
  const script = new TcpScript().established({}, { mss: 1460 });
  script.write(1000);
  script.icmp('packetTooBig', 1, 'EMSGSIZE', 68);
  t.is(script.route.mtu, 552);
});

test('segments that vanish without a word become smaller (black hole, RFC 4821)', (t) => {
  const script = flowing({ mss: 1460 });
  script.write(4000);
  script.sent.length = 0;
  script.at(20_000);
  const sizes = script.sent.map((segment) => segment.length);
  t.is(sizes[0], 1460);
  t.is(sizes[1], 1460);
  t.true(sizes.at(-1)! <= 512);
  t.true(script.counters.pathMtuBlackHoles! >= 1);
});

test('unreachable is a soft error, told when the connection times out', (t) => {
  const script = flowing({ mss: 1000 });
  script.write(500);
  script.icmp('unreachable', 1, 'EHOSTUNREACH');
  script.told();
  script.at(3_000_000);
  script.told('failed EHOSTUNREACH');
  t.pass();
});

test('an open is refused by port unreachable, and ended by host unreachable', (t) => {
  const script = new TcpScript().connect();
  script.icmp('refused', 5, 'ECONNREFUSED').told();
  script.icmp('refused', 0, 'ECONNREFUSED').told('failed ECONNREFUSED').finished();
  const other = new TcpScript().connect();
  other.icmp('unreachable', 0, 'EHOSTUNREACH').told('failed EHOSTUNREACH').finished();
  t.pass();
});

test('TCP_USER_TIMEOUT ends a connection whose data nobody acknowledges', (t) => {
  const script = flowing({ mss: 1000 }, { userTimeout: 5000 });
  script.write(500);
  script.at(4_000).told();
  script.at(20_000).told('failed ETIMEDOUT');
  t.is(script.counters.userTimeouts, 1);
});

test('keepalive probes a silent peer, and gives it up', (t) => {
  const settings = { keepAlive: true, keepAliveIdle: 10, keepAliveInterval: 2, keepAliveCount: 3 };
  const script = flowing({ mss: 1000 }, settings);
  script.at(9_000).quiet();
  script.at(11_000).expect('A 0+0 ack 1');
  script.peer('A 1+0 ack 1');
  script.at(20_000).quiet();
  script.at(22_000).expect('A 0+0 ack 1');
  script.at(24_000).expect('A 0+0 ack 1');
  script.at(26_000).expect('A 0+0 ack 1');
  script.at(28_000).expect('RA 1+0 ack 1');
  script.told('failed ETIMEDOUT').finished();
  t.is(script.counters.keepAliveProbes, 4);
});

test('our own keepalive answers another one', (t) => {
  const script = new TcpScript().established();
  script.peer('A 0+0 ack 1').expect('A 1+0 ack 1');
  script.peer('A 0+1 ack 1').expect('A 1+0 ack 1');
  t.pass();
});

test('a route that is gone and comes back is asked for again', (t) => {
  const script = flowing({ mss: 1000 });
  script.route.valid = false;
  script.write(500).quiet();
  script.route.valid = true;
  script.after(2000);
  t.is(script.sent[0]?.text, 'PA 1+500 ack 1');
});
