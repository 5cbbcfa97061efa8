/** TCP against segments around valid numbers, in every state, with what must always hold checked after each. */
import { alarmKind } from '@runtimejs/net/tcp/alarm.ts';
import { Connection } from '@runtimejs/net/tcp/connection.ts';
import { sentMark } from '@runtimejs/net/tcp/flight.ts';
import { tcpState } from '@runtimejs/net/tcp/state.ts';
import { flag } from '../../sim/support/frames.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { RawPeer } from '../../sim/support/raw-peer.ts';
import type { Stream } from '../../sim/support/stream.ts';
import { minute, second, steadyPlan, World } from '../../sim/support/world.ts';
import type { FuzzTarget } from '../support/target.ts';

function ensure(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

/** What holds for a connection whenever the stack is not at work. */
export function checkConnection(connection: Connection): void {
  const { flight, sendNext, sendUnacknowledged, timer, user } = connection;
  if (connection.state === tcpState.closed) {
    ensure(!timer.isSet, 'a closed connection has a timer');
    ensure(flight.isEmpty, 'a closed connection has segments in flight');
    return;
  }
  const outstanding = (sendNext - sendUnacknowledged) | 0;
  ensure(outstanding >= 0, 'SND.UNA is after SND.NXT');
  const earliest = Math.min(
    connection.alarmAt,
    connection.acknowledgeAt,
    connection.keepAliveAt,
    connection.paceAt,
  );
  ensure(timer.deadline <= earliest, 'the timer is later than what it is for');
  if (outstanding > 0) {
    ensure(connection.alarm !== alarmKind.none, 'something is in flight, and no timer is set');
    ensure(connection.alarmAt < Number.POSITIVE_INFINITY, 'the alarm never comes');
  }
  checkFlight(connection, outstanding);
  if (user !== null) {
    const fin = connection.finSent ? 1 : 0;
    const inHandshake =
      connection.state === tcpState.synSent || connection.state === tcpState.synReceived;
    ensure(
      inHandshake || user.send.length >= outstanding - fin,
      'more is in flight than the send ring holds',
    );
    ensure(user.receive.length <= 1 << 24, 'the receive ring holds too much');
  }
  ensure(((connection.receiveEdge - connection.receiveNext) | 0) >= -1, 'the window moved back');
  const { ahead } = connection;
  if (ahead !== null) {
    ensure(ahead.count <= 256, 'too many gaps');
    let bytes = 0;
    let last = connection.receiveNext as number;
    for (let at = 0; at < ahead.count; at += 1) {
      ensure(((ahead.start(at) - last) | 0) > 0, 'ranges ahead are out of order');
      ensure(((ahead.end(at) - ahead.start(at)) | 0) > 0, 'a range ahead is empty');
      bytes += (ahead.end(at) - ahead.start(at)) | 0;
      last = ahead.end(at);
    }
    ensure(bytes === ahead.bytes, 'the sum of the ranges ahead is wrong');
  }
  ensure(connection.segmentSize >= 40, `segments of ${connection.segmentSize} bytes`);
  ensure(connection.congestion.bytes > 0, 'the congestion window is nothing');
  ensure(Number.isFinite(connection.roundTrip.timeout), 'the timeout is no number');
}

/** The ranges in flight lie end to end from SND.UNA to SND.NXT, and their sums are right. */
function checkFlight(
  { flight, sendUnacknowledged, sendNext, state }: Connection,
  outstanding: number,
): void {
  if (flight.isEmpty) {
    // SYN is not in the list.
    const handshake = state === tcpState.synSent || state === tcpState.synReceived;
    ensure(outstanding === 0 || handshake, 'what is in flight is in no range');
    return;
  }
  let at = sendUnacknowledged as number;
  let sacked = 0;
  let lost = 0;
  let resent = 0;
  let count = 0;
  for (let range = flight.first; range !== null; range = range.next) {
    ensure((range.start | 0) === (at | 0), 'ranges in flight do not follow each other');
    ensure(range.length > 0, 'an empty range is in flight');
    at = range.end;
    if ((range.marks & sentMark.sacked) !== 0) sacked += range.length;
    if ((range.marks & sentMark.lost) !== 0) lost += range.length;
    if ((range.marks & sentMark.resent) !== 0) resent += range.length;
    count += 1;
    ensure(count < 100_000, 'the list of ranges never ends');
  }
  ensure((at | 0) === (sendNext | 0), 'the ranges do not end at SND.NXT');
  ensure(sacked === flight.sacked, `SACKed are ${sacked}, not ${flight.sacked}`);
  ensure(lost === flight.lost, `lost are ${lost}, not ${flight.lost}`);
  ensure(resent === flight.resent, `sent again are ${resent}, not ${flight.resent}`);
}

function word(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** Options as a connection's segments have them, right or not quite. */
function someOptions(random: Random, peer: RawPeer, stamp: number): number[] {
  const options: number[] = [];
  if (random.chance(0.8)) {
    options.push(
      1,
      1,
      8,
      10,
      ...word(stamp + random.pick([0, 0, 1, -1, 1000])),
      ...word(random.pick([0, 1, stamp])),
    );
  }
  if (random.chance(0.3)) {
    const count = random.integer(1, 3);
    options.push(1, 1, 5, 2 + 8 * count);
    for (let n = 0; n < count; n += 1) {
      const left = (peer.receiveNext + random.integer(-2_000, 20_000)) | 0;
      options.push(...word(left), ...word(left + random.integer(-100, 6_000)));
    }
  }
  return options.slice(0, 40);
}

/** One random segment. */
function provoke(random: Random, peer: RawPeer, stamp: number): void {
  const flags = random.chance(0.75)
    ? flag.ack | random.pick([0, 0, 0, flag.psh, flag.fin])
    : random.integer(0, 255);
  const payload = new Uint8Array(random.pick([0, 0, 1, 100, 1_000, 1_400]));
  const sequence =
    (peer.sendNext + random.pick([0, 0, 0, 0, 1, -1, 500, 3_000, -1_000, 70_000])) | 0;
  const acknowledgment =
    (peer.receiveNext + random.pick([0, 0, 0, 1, -1, 700, -1_400, 100_000])) | 0;
  peer.send(flags, {
    sequence,
    acknowledgment,
    payload,
    window: random.pick([0, 1, 500, 5_000, 65_535, 65_535]),
    options: someOptions(random, peer, stamp),
  });
  // A peer remembers what it sent when that was right.
  if (
    sequence === peer.sendNext &&
    (flags & ~(flag.psh | flag.fin)) === flag.ack &&
    random.chance(0.8)
  ) {
    peer.sendNext = (peer.sendNext + payload.length + (flags & flag.fin ? 1 : 0)) | 0;
  }
}

export const tcpStatesTarget: FuzzTarget = {
  name: 'tcp',
  shortRun: 120,
  run(seed) {
    const world = new World(seed, { devices: [{}, { mtu: 1500 }], mostEvents: 500_000 });
    const random = seededRandom(seed ^ 0x7c9);
    const peer = new RawPeer(world);
    let stream: Stream | undefined;
    const bytes = [1, random.pick([0, 10, 20_000, 1_000_000])] as const;
    const plan = { ...steadyPlan(bytes, 1), anything: true, readPause: random.pick([0, 50_000]) };
    const keepAlive = random.chance(0.3);
    const settings = {
      keepAlive,
      keepAliveIdle: 10,
      keepAliveInterval: 5,
      noDelay: random.chance(0.5),
    };
    const listener = world.listen(
      80,
      3,
      () => {
        stream = world.stream(1, plan);
        return stream;
      },
      { settings },
    );
    const stamp = random.integer(0, 0x7fff_ffff);
    const timestamps = random.chance(0.5) ? [8, 10, ...word(stamp), 0, 0, 0, 0] : [];
    const scale = random.chance(0.5) ? [3, 3, random.integer(0, 15)] : [];
    peer.open([
      2,
      4,
      ...random.pick([
        [5, 0xb4],
        [2, 0],
      ]),
      4,
      2,
      ...timestamps,
      ...scale,
    ]);
    peer.onSegment = (segment) => {
      const end = (segment.sequence + segment.span) | 0;
      if (random.chance(0.6) && segment.sequence === peer.receiveNext) peer.receiveNext = end;
    };
    for (let step = 0; step < 150; step += 1) {
      provoke(random, peer, stamp + step);
      if (random.chance(0.7)) world.pass(random.pick([0, 100, 1_000, 50_000, 300_000, 3 * second]));
      const one = stream as Stream | undefined;
      if (one === undefined) continue;
      if (random.chance(0.01) && !one.isGone) one.connection?.close();
      if (random.chance(0.003) && !one.isGone) one.abort();
      world.hosts[1].wake();
      world.pass(0);
      if (one.connection instanceof Connection) checkConnection(one.connection);
    }
    listener.close();
    peer.onSegment = () => {};
    const one = stream as Stream | undefined;
    if (one !== undefined && !one.isGone) one.abort();
    world.pass(20 * minute);
    world.end();
  },
};
