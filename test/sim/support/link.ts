/**
 * A wire between two simulated hosts: delay, bandwidth with a queue, loss, duplication, reordering,
 * corruption, and a middle that takes only packets up to some size, with or without saying so.
 */
import type { Agenda } from './clock.ts';
import type { Random } from './random.ts';

/** How a wire misbehaves. Probabilities are per frame and direction. */
export interface LinkConditions {
  /** Microseconds from end to end. */
  delay: number;
  /** A frame is late by up to this many microseconds more, and so overtaken. */
  jitter: number;
  /** Probability that jitter applies. */
  reorder: number;
  loss: number;
  duplicate: number;
  corrupt: number;
  /** Bits per microsecond (Mbit/s); 0: without limit. */
  bandwidth: number;
  /** Frames that wait for bandwidth at most; more are lost. */
  queue: number;
  /** Largest IP packet that passes; 0: any. */
  pathMtu: number;
  /** A packet too large vanishes without an ICMP error. */
  blackHole: boolean;
  /** Nothing passes. */
  cut: boolean;
  /** What differs for frames that end 1 sends. */
  back?: Partial<LinkConditions>;
}

/** A wire that does everything right. */
export const perfectLink: Readonly<LinkConditions> = {
  delay: 100,
  jitter: 0,
  reorder: 0,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  bandwidth: 0,
  queue: 1000,
  pathMtu: 0,
  blackHole: false,
  cut: false,
};

/** One end of a wire: whom frames are delivered to. */
export interface LinkEnd {
  deliver(frame: Uint8Array): void;
}

const ethernetHeader = 14;
const etherTypeV4 = 0x0800;
const etherTypeV6 = 0x86dd;

/** A wire with two ends, 0 and 1. */
export class Link {
  readonly conditions: LinkConditions;
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #ends: [LinkEnd | undefined, LinkEnd | undefined] = [undefined, undefined];
  readonly #busyUntil: [number, number] = [0, 0];
  /** What happened to frames. */
  readonly counters = {
    sent: 0,
    lost: 0,
    queueLost: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
    tooBig: 0,
  };
  /** Sees each frame as it is put on the wire, for traces. */
  onFrame: ((from: 0 | 1, frame: Uint8Array) => void) | undefined;

  constructor(agenda: Agenda, random: Random, conditions: LinkConditions) {
    this.#agenda = agenda;
    this.#random = random;
    this.conditions = conditions;
  }

  connect(end: 0 | 1, to: LinkEnd): void {
    this.#ends[end] = to;
  }

  /** Delivers a frame at once, out of nowhere: what an attacker sends. */
  inject(to: 0 | 1, frame: Uint8Array): void {
    this.#ends[to]?.deliver(frame);
  }

  /** Puts a frame on the wire; the array belongs to the wire from now on. */
  send(from: 0 | 1, frame: Uint8Array): void {
    const { back } = this.conditions;
    const conditions =
      from === 0 || back === undefined ? this.conditions : { ...this.conditions, ...back };
    const random = this.#random;
    this.counters.sent += 1;
    this.onFrame?.(from, frame);
    if (conditions.cut || random.chance(conditions.loss)) {
      this.counters.lost += 1;
      return;
    }
    if (conditions.pathMtu > 0 && frame.length - ethernetHeader > conditions.pathMtu) {
      this.counters.tooBig += 1;
      if (!conditions.blackHole) this.#tellTooBig(from, frame);
      return;
    }
    let departure = this.#agenda.now;
    if (conditions.bandwidth > 0) {
      const time = (frame.length * 8) / conditions.bandwidth;
      const busyUntil = Math.max(this.#busyUntil[from], departure);
      if ((busyUntil - departure) / time > conditions.queue) {
        this.counters.queueLost += 1;
        return;
      }
      departure = busyUntil + time;
      this.#busyUntil[from] = departure;
    }
    if (random.chance(conditions.corrupt)) this.#corrupt(frame);
    const copies = random.chance(conditions.duplicate) ? 2 : 1;
    if (copies === 2) this.counters.duplicated += 1;
    for (let copy = 0; copy < copies; copy += 1) {
      let arrival = departure + conditions.delay;
      if (random.chance(conditions.reorder)) {
        this.counters.reordered += 1;
        arrival += random.integer(0, conditions.jitter);
      }
      const content = copy === 0 ? frame : frame.slice();
      this.#agenda.at(arrival, () => this.#ends[from === 0 ? 1 : 0]?.deliver(content));
    }
  }

  /** Flips a bit behind the Ethernet header of an IP packet: what its own check sequence guards stays. */
  #corrupt(frame: Uint8Array): void {
    const type = ((frame[12] as number) << 8) | (frame[13] as number);
    if (type !== etherTypeV4 && type !== etherTypeV6) return;
    const at = this.#random.integer(ethernetHeader, frame.length - 1);
    frame[at] = (frame[at] as number) ^ (1 << this.#random.integer(0, 7));
    this.counters.corrupted += 1;
  }

  /** The router in the middle says that a packet is too big (RFC 1191, RFC 4443 section 3.2). */
  #tellTooBig(from: 0 | 1, frame: Uint8Array): void {
    const type = ((frame[12] as number) << 8) | (frame[13] as number);
    const reply =
      type === etherTypeV4
        ? icmpTooBig(frame, this.conditions.pathMtu)
        : type === etherTypeV6
          ? icmpv6TooBig(frame, this.conditions.pathMtu)
          : undefined;
    if (reply === undefined) return;
    this.#agenda.at(this.#agenda.now + this.conditions.delay, () =>
      this.#ends[from]?.deliver(reply),
    );
  }
}

/** The Internet checksum of bytes (RFC 1071), complemented. */
export function checksumOf(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  for (let at = start; at < end; at += 2) {
    sum += ((bytes[at] as number) << 8) | (at + 1 < end ? (bytes[at + 1] as number) : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** Writes a 16-bit number in network order. */
export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

function icmpTooBig(frame: Uint8Array, mtu: number): Uint8Array | undefined {
  const mayFragment = ((frame[20] as number) & 0x40) === 0;
  if (mayFragment) return undefined;
  const headerLength = ((frame[14] as number) & 15) * 4;
  const quoted = frame.subarray(14, 14 + headerLength + 8);
  const reply = new Uint8Array(14 + 20 + 8 + quoted.length);
  reply.set(frame.subarray(6, 12), 0);
  reply.set(frame.subarray(0, 6), 6);
  put16(reply, 12, etherTypeV4);
  const ip = 14;
  reply[ip] = 0x45;
  put16(reply, ip + 2, reply.length - 14);
  reply[ip + 8] = 64;
  reply[ip + 9] = 1;
  reply.set(frame.subarray(30, 34), ip + 12); // as if the destination itself said so
  reply.set(frame.subarray(26, 30), ip + 16);
  put16(reply, ip + 10, checksumOf(reply, ip, ip + 20));
  const icmp = ip + 20;
  reply[icmp] = 3;
  reply[icmp + 1] = 4;
  put16(reply, icmp + 6, mtu);
  reply.set(quoted, icmp + 8);
  put16(reply, icmp + 2, checksumOf(reply, icmp, reply.length));
  return reply;
}

function icmpv6TooBig(frame: Uint8Array, mtu: number): Uint8Array {
  const quoted = frame.subarray(14, Math.min(frame.length, 14 + 1232));
  const reply = new Uint8Array(14 + 40 + 8 + quoted.length);
  reply.set(frame.subarray(6, 12), 0);
  reply.set(frame.subarray(0, 6), 6);
  put16(reply, 12, etherTypeV6);
  const ip = 14;
  const length = 8 + quoted.length;
  reply[ip] = 0x60;
  put16(reply, ip + 4, length);
  reply[ip + 6] = 58;
  reply[ip + 7] = 64;
  reply.set(frame.subarray(14 + 24, 14 + 40), ip + 8);
  reply.set(frame.subarray(14 + 8, 14 + 24), ip + 24);
  const icmp = ip + 40;
  reply[icmp] = 2;
  put16(reply, icmp + 6, mtu);
  reply.set(quoted, icmp + 8);
  const pseudo = ~checksumOf(reply, ip + 8, ip + 40, length + 58) & 0xffff;
  put16(reply, icmp + 2, checksumOf(reply, icmp, reply.length, pseudo));
  return reply;
}
