// A wire that is not reliable: it takes frames from two ends and loses, repeats, delays and swaps some of
// them on the way. Every decision comes from a seed, so a run can be repeated.
//
// QEMU sends each frame as one UDP datagram (-netdev dgram). The other end is a second QEMU, without a
// machine, that joins such a wire to a TAP device: no native code of ours is needed for it.
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

/** How often, from 0 to 1, something happens to a frame. */
export interface WireFaults {
  readonly loss: number;
  readonly duplication: number;
  /** The frame is held back until some later ones have passed. */
  readonly reordering: number;
  /** The longest time that a frame which is swapped or repeated is held back, in ms. */
  readonly delay: number;
  /** How long every frame is on the way, in ms; by default no longer than this program takes. */
  readonly latency?: number;
}

/** What a relay did, both directions together. */
export interface RelayCounts {
  frames: number;
  lost: number;
  duplicated: number;
  reordered: number;
}

/** Random numbers from 0 to 1 from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Hands frames on after a fixed time, in their order; the timers of Node are of a millisecond. */
class DelayLine {
  readonly #latency: number;
  readonly #deliver: (frame: Uint8Array) => void;
  readonly #frames: { readonly frame: Uint8Array; readonly due: number }[] = [];

  constructor(latency: number, deliver: (frame: Uint8Array) => void) {
    this.#latency = latency;
    this.#deliver = deliver;
  }

  take(frame: Uint8Array): void {
    if (this.#frames.length === 0) setTimeout(this.#expire, this.#latency);
    this.#frames.push({ frame, due: performance.now() + this.#latency });
  }

  readonly #expire = (): void => {
    const now = performance.now() + 0.5;
    let count = 0;
    for (const { frame, due } of this.#frames) {
      if (due > now) break;
      count += 1;
      this.#deliver(frame);
    }
    this.#frames.splice(0, count);
    const [next] = this.#frames;
    if (next) setTimeout(this.#expire, next.due - now);
  };
}

/** Decides what happens to the frames of one direction. */
export class FaultyWire {
  readonly #faults: WireFaults;
  readonly #random: () => number;
  readonly #counts: RelayCounts;
  readonly #deliver: (frame: Uint8Array) => void;

  constructor(
    faults: WireFaults,
    seed: number,
    counts: RelayCounts,
    deliver: (frame: Uint8Array) => void,
  ) {
    this.#faults = faults;
    this.#random = seededRandom(seed);
    this.#counts = counts;
    if (faults.latency) {
      const line = new DelayLine(faults.latency, deliver);
      this.#deliver = (frame) => line.take(frame);
    } else {
      this.#deliver = deliver;
    }
  }

  /** Takes a frame at one end. The same number of random numbers is drawn for each. */
  take(frame: Uint8Array): void {
    const { loss, duplication, reordering, delay } = this.#faults;
    const [lost, doubled, swapped, part] = [
      this.#random() < loss,
      this.#random() < duplication,
      this.#random() < reordering,
      this.#random(),
    ];
    this.#counts.frames++;
    if (lost) {
      this.#counts.lost++;
      return;
    }
    if (swapped) {
      this.#counts.reordered++;
      setTimeout(this.#deliver, 1 + part * delay, frame);
    } else {
      this.#deliver(frame);
    }
    if (doubled) {
      this.#counts.duplicated++;
      setTimeout(this.#deliver, part * delay, frame);
    }
  }
}

/** Ports of 127.0.0.1: where a relay listens for each end, and where the ends listen. */
interface RelayPorts {
  readonly relay: readonly [number, number];
  readonly ends: readonly [number, number];
}

/** The ports of a relay in a namespace of its own. */
export const relayPorts: RelayPorts = { relay: [20_000, 20_001], ends: [20_010, 20_011] };

/** QEMU's arguments for the program that joins a relay's second end to a TAP device. */
export function bridgeArguments(tap: string): string[] {
  const [, relay] = relayPorts.relay;
  const [, end] = relayPorts.ends;
  const local = `local.type=inet,local.host=127.0.0.1,local.port=${end}`;
  const remote = `remote.type=inet,remote.host=127.0.0.1,remote.port=${relay}`;
  return [
    ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-netdev', `tap,id=tap,ifname=${tap},script=no,downscript=no,vnet_hdr=off`],
    ...['-netdev', `dgram,id=wire,${local},${remote}`],
    ...['-netdev', 'hubport,id=port0,hubid=0,netdev=tap'],
    ...['-netdev', 'hubport,id=port1,hubid=0,netdev=wire'],
  ];
}

/** Large enough for a full window of frames that come at once. */
const socketBuffer = 4 << 20;

/** Runs a relay in this process until it is told to end; then it prints its counts as JSON. */
async function runRelay(faults: WireFaults, seed: number): Promise<void> {
  const counts: RelayCounts = { frames: 0, lost: 0, duplicated: 0, reordered: 0 };
  const sockets = relayPorts.relay.map(() => dgram.createSocket('udp4'));
  for (const [index, socket] of sockets.entries()) {
    socket.bind(relayPorts.relay[index], '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(socketBuffer);
    socket.setSendBufferSize(socketBuffer);
    socket.on('error', () => {}); // The other end is not there yet (ECONNREFUSED): the frame is lost.
    const other = sockets[1 - index]!;
    const target = relayPorts.ends[1 - index]!;
    const wire = new FaultyWire(faults, seed + index, counts, (frame) => {
      other.send(frame, target, '127.0.0.1', () => {});
    });
    socket.on('message', (frame) => wire.take(frame));
  }
  const { port } = sockets[0]!.address() as AddressInfo;
  console.log(`relay at ${port}, seed ${seed}`);
  process.once('SIGTERM', () => {
    console.log(JSON.stringify(counts));
    process.exit(0);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [faults = '{}', seed = '1'] = process.argv.slice(2);
  await runRelay(JSON.parse(faults) as WireFaults, Number(seed));
}
