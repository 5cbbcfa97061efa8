/** Peers that break TCP's rules on purpose. Each throws when the victim's connection or memory suffers. */
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import { flag, type SeenSegment } from './frames.ts';
import { RawPeer } from './raw-peer.ts';
import type { Stream, StreamPlan } from './stream.ts';
import { hour, minute, second, steadyPlan, World } from './world.ts';

/** A victim that listens, and a peer that is connected to it. */
interface Meeting {
  readonly world: World;
  readonly peer: RawPeer;
  readonly server: Stream;
}

function meet(
  seed: number,
  plan: Partial<StreamPlan>,
  options?: readonly number[],
  window?: number,
): Meeting {
  const world = new World(seed, { devices: [{}, { mtu: 1500, segmentation: false }] });
  const peer = new RawPeer(world);
  let server: Stream | undefined;
  const full = {
    ...steadyPlan([0, 0], 1),
    anything: true,
    peerTotal: Number.POSITIVE_INFINITY,
    ...plan,
  };
  const listener = world.listen(80, 5, () => {
    server = world.stream(1, full);
    return server;
  });
  peer.open(options, window);
  listener.close();
  if (server === undefined) throw new Error('the connection never came up');
  return { world, peer, server };
}

/** The peer resets; the victim notices, and nothing is left. */
function part({ world, peer, server }: Meeting): void {
  peer.onSegment = () => {};
  if (!server.isGone) server.abort();
  world.pass(minute);
  if (!server.isGone) throw new Error('the victim hangs');
  world.end();
}

/** Acknowledges what it has not got, as far as it may have been sent. */
export function optimisticAcknowledgments(seed: number): void {
  const meeting = meet(seed, { total: 3_000_000, sendRing: 1 << 20 });
  const { world, peer, server } = meeting;
  let ahead = peer.receiveNext;
  peer.onSegment = (segment) => {
    if (segment.payload.length === 0) return;
    const end = (segment.sequence + segment.span) | 0;
    if (((end - ahead) | 0) > 0) ahead = end;
    // For each segment many acknowledgements of single bytes (Savage 1999), and some too far.
    for (let step = 1; step <= 10; step += 1) {
      peer.send(flag.ack, { acknowledgment: (segment.sequence + step) | 0 });
    }
    peer.send(flag.ack, { acknowledgment: (ahead + world.random.integer(0, 3_000)) | 0 });
    peer.receiveNext = ahead;
  };
  world.pass(20 * second);
  if (server.error !== undefined && server.error !== 'ECONNRESET') throw new Error(server.error);
  // Byte-wise acknowledgements open the window by bytes, not by segments (RFC 3465).
  if (world.hosts[1].leaks().packets > 2_000) throw new Error('too many packets are held');
  part(meeting);
}

/** Acknowledges what was never sent: dropped, with an acknowledgement; nothing moves. */
export function acknowledgesTheUnsent(seed: number): void {
  const meeting = meet(seed, { total: 50_000 });
  const { world, peer, server } = meeting;
  const { tcp } = world.hosts[1];
  const before = tcp.counters.dropBadAcknowledgment as number;
  for (let count = 0; count < 50; count += 1) {
    const far = (peer.receiveNext + world.random.integer(100_000, 0x7fff_0000)) | 0;
    peer.send(flag.ack, { acknowledgment: far });
    peer.settle();
  }
  if ((tcp.counters.dropBadAcknowledgment as number) - before < 50) throw new Error('not counted');
  peer.onSegment = (segment) => peer.accept(segment);
  world.expect(
    'everything sent',
    () => server.send.length === 0 && server.written === 50_000,
    minute,
  );
  part(meeting);
}

/** SACK blocks that lie: never sent, reversed, below what is acknowledged, everything, then reneged on. */
export function lyingSack(seed: number): void {
  const options = [2, 4, 5, 0xb4, 4, 2, 1, 1];
  const meeting = meet(seed, { total: 400_000 }, options);
  const { world, peer, server } = meeting;
  const { random } = world;
  const block = (left: number, right: number): number[] =>
    [left, right].flatMap((n) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
  let lies = 400;
  peer.onSegment = (segment) => {
    if (segment.payload.length === 0) return;
    if (lies > 0) {
      lies -= 1;
      const base = peer.receiveNext;
      const blocks = Array.from({ length: random.integer(1, 4) }, () => {
        const left = (base + random.integer(-100_000, 200_000)) | 0;
        return block(left, (left + random.integer(-3_000, 60_000)) | 0);
      }).flat();
      const sack = [1, 1, 5, 2 + blocks.length, ...blocks];
      peer.send(flag.ack, { options: sack.slice(0, 40) });
      if (random.chance(0.5)) return;
    }
    peer.accept(segment);
  };
  world.expect(
    'everything sent',
    () => server.isGone || (server.send.length === 0 && server.written === 400_000),
    hour,
  );
  if (server.isGone) throw new Error(`gone: ${server.error}`);
  const invalid = world.hosts[1].counter('tcp', 'sackBlocksInvalid');
  if (invalid === 0) throw new Error('no SACK block was found to be invalid');
  part(meeting);
}

/** Windows that go to nothing, and right edges that move back. */
export function shrinkingWindow(seed: number): void {
  const meeting = meet(seed, { total: 300_000 });
  const { world, peer, server } = meeting;
  const { random } = world;
  let tricks = 200;
  peer.onSegment = (segment) => {
    if (segment.span === 0 && segment.payload.length === 0 && tricks <= 0) return;
    if (tricks > 0) {
      tricks -= 1;
      const window = random.pick([0, 0, 1, 100, 1_000, 65_535]);
      if (random.chance(0.5)) peer.accept(segment, window);
      else peer.send(flag.ack, { window });
      // Later it opens again: as a window update.
      world.agenda.at(world.agenda.now + random.integer(0, second), () =>
        peer.send(flag.ack, { window: 65_535 }),
      );
    } else {
      peer.accept(segment);
    }
  };
  peer.send(flag.ack, { window: 65_535 });
  world.expect(
    'everything sent',
    () => server.isGone || (server.send.length === 0 && server.written === 300_000),
    hour,
  );
  if (server.isGone) throw new Error(`gone: ${server.error}`);
  part(meeting);
}

/** Segments that overlap and contradict each other: each byte is taken once, memory stays bounded. */
export function contradictingSegments(seed: number): void {
  const meeting = meet(seed, {});
  const { world, peer, server } = meeting;
  const { random } = world;
  const first = peer.sendNext;
  const total = 100_000;
  const memory = world.hosts[1].arena.allocated;
  for (let count = 0; count < 2_000; count += 1) {
    const payload = new Uint8Array(random.integer(1, 1_400));
    random.fill(payload);
    const offset = random.integer(0, total - payload.length);
    peer.send(flag.ack | flag.psh, { sequence: (first + offset) | 0, payload });
    if (count % 10 === 0) peer.settle(1_000);
  }
  // Now everything, in order.
  for (let offset = 0; offset < total; offset += 1_000) {
    peer.send(flag.ack, { sequence: (first + offset) | 0, payload: new Uint8Array(1_000) });
    peer.settle(1_000);
  }
  peer.settle(second);
  if (server.isGone) throw new Error(`gone: ${server.error}`);
  if (server.read !== total) throw new Error(`${server.read} of ${total} bytes were taken`);
  if (world.hosts[1].arena.allocated > memory + 1_000_000) throw new Error('memory grew');
  part(meeting);
}

/** An MSS of nothing: segments are not made smaller than some floor, and all arrives. */
export function tinySegments(seed: number): void {
  const mss = [0, 1, 40, 87, 65_535][seed % 5] as number;
  const meeting = meet(seed, { total: 20_000 }, [2, 4, mss >> 8, mss & 255]);
  const { world, peer, server } = meeting;
  let smallest = Number.POSITIVE_INFINITY;
  let largest = 0;
  peer.onSegment = (segment) => {
    const { length } = segment.payload;
    if (length > 0 && server.send.length > 2_000) smallest = Math.min(smallest, length);
    largest = Math.max(largest, length);
    peer.accept(segment);
  };
  peer.send(flag.ack);
  world.expect(
    'everything sent',
    () => server.isGone || (server.send.length === 0 && server.written === 20_000),
    hour,
  );
  if (server.isGone) throw new Error(`gone: ${server.error}`);
  if (smallest < 40) throw new Error(`a segment of ${smallest} bytes with an MSS of ${mss}`);
  if (mss < 88 && mss > 0 && largest > 536) throw new Error(`${largest} bytes in a segment`);
  part(meeting);
}

/** Options of every kind and length, right and wrong, in SYNs and in data. */
export function malformedOptions(seed: number): void {
  const world = new World(seed, { devices: [{}, { mtu: 1500 }] });
  const { random } = world;
  const peer = new RawPeer(world);
  const accepted: Stream[] = [];
  const listener = world.listen(80, 50, () => {
    const stream = world.stream(1, { ...steadyPlan([0, 1_000], 1), anything: true });
    accepted.push(stream);
    return stream;
  });
  const options = (): number[] => {
    const bytes: number[] = [];
    while (bytes.length < 40 && !random.chance(0.2)) {
      const kind = random.pick([0, 1, 2, 3, 4, 5, 8, 19, 30, 34, 253, random.integer(0, 255)]);
      bytes.push(kind);
      if (kind > 1 || random.chance(0.1)) bytes.push(random.pick([0, 1, 2, 3, 4, 10, 40, 255]));
      while (random.chance(0.6)) bytes.push(random.integer(0, 255));
    }
    return bytes.slice(0, 40);
  };
  for (let count = 0; count < 300; count += 1) {
    peer.sourcePort = 1_000 + count;
    peer.onSegment = undefined;
    peer.arrived.length = 0;
    peer.send(flag.syn, { options: options() });
    peer.settle(count === 0 ? 3 * second : 2_000);
    const answer = peer.arrived.find((one) => (one.flags & flag.syn) !== 0);
    if (answer === undefined) continue;
    peer.receiveNext = (answer.sequence + 1) | 0;
    const next = (peer.sendNext + 1) | 0;
    peer.send(flag.ack, { sequence: next, options: options() });
    peer.send(flag.ack | flag.psh, {
      sequence: next,
      options: options(),
      payload: new Uint8Array(100),
    });
    peer.settle();
    peer.send(flag.rst | flag.ack, { sequence: next, options: options() });
    peer.send(flag.rst | flag.ack, { sequence: (next + 100) | 0 });
  }
  listener.close();
  for (const one of accepted) if (!one.isGone) one.abort();
  peer.onSegment = () => {};
  world.pass(10 * minute);
  world.end();
}

/** Every combination of flags, with numbers that fit and that do not, in every state. */
export function christmasTree(seed: number): void {
  const world = new World(seed, { devices: [{}, { mtu: 1500 }] });
  const { random, hosts } = world;
  const peer = new RawPeer(world);
  peer.settle(3 * second);
  const reached = new Set<number>();
  for (let round = 0; round < 40; round += 1) {
    peer.sourcePort = 2_000 + round;
    peer.destinationPort = 80;
    let stream: Stream | undefined;
    const way = round % 8;
    // Who has much to say stays open; who has little to say sends FIN, at once or when all was taken.
    const total = way === 2 || way === 5 ? 1_000_000_000 : way === 6 ? 6_000 : 3_000;
    const plan = { ...steadyPlan([1_000, total], 1), sendRing: 3_000, anything: true };
    const listener = world.listen(80, 5, () => {
      stream = world.stream(1, plan);
      return stream;
    });
    peer.onSegment = undefined;
    if (way === 0) {
      // An active open of the victim, which stays in SYN_SENT or opens at once on both sides.
      stream = world.stream(1, plan);
      const to = { address: peer.source, port: peer.sourcePort, scope: 0 };
      const connection = hosts[1].tcp.connect(to, null, stream, defaultSettings());
      if (typeof connection === 'string') throw new Error(connection);
      stream.start(connection, false);
      hosts[1].wake();
      peer.arrived.length = 0;
      peer.settle();
      const syn = peer.arrived.find((one) => (one.flags & flag.syn) !== 0);
      peer.receiveNext = ((syn?.sequence ?? 0) + 1) | 0;
      peer.destinationPort = syn?.sourcePort ?? 80;
    } else if (way > 1) {
      if (way === 4 || way === 7) peer.onSegment = (segment) => peer.accept(segment);
      peer.open();
      peer.settle(50_000);
      if (way === 7) stream?.connection?.close();
      if (way >= 5) {
        peer.send(flag.ack | flag.fin);
        peer.sendNext = (peer.sendNext + 1) | 0;
        // In way 6 data is taken, but FIN is not.
        const takeData = (segment: SeenSegment): void => {
          if ((segment.flags & flag.fin) === 0) peer.accept(segment);
        };
        peer.onSegment = way === 6 ? takeData : undefined;
        if (way === 6) peer.arrived.splice(0).forEach(takeData);
        peer.settle(5_000);
      }
      hosts[1].wake();
      peer.settle();
    } else {
      peer.send(flag.syn);
      peer.settle();
    }
    for (let flags = 0; flags < 256; flags += 1) {
      for (const one of hosts[1].tcp.connections()) reached.add(one.state);
      peer.send(flags, {
        sequence: (peer.sendNext + random.pick([0, 0, 1, -1, 1_000, 100_000, -5_000])) | 0,
        acknowledgment: (peer.receiveNext + random.pick([0, 0, 0, 1, -1, 5_000, -70_000])) | 0,
        payload: new Uint8Array(random.pick([0, 0, 1, 500])),
        urgent: random.pick([0, 10, 0xffff]),
        window: random.pick([0, 1, 0xffff]),
      });
      if (random.chance(0.2)) peer.settle(random.integer(0, 2_000));
    }
    listener.close();
    peer.settle();
    if (stream !== undefined && !stream.isGone) stream.abort();
    peer.onSegment = () => {};
    peer.settle(10_000);
  }
  if (reached.size < 9) throw new Error(`only the states ${[...reached]} were reached`);
  world.pass(10 * minute);
  world.end();
}
