/**
 * Tests of TCP that read like a trace: at time t this segment comes in, that one goes out.
 *
 * Segments are written as `FLAGS seq+length ack n`: flags S F R P A, numbers relative to the initial
 * sequence numbers of both sides, e.g. `PA 1+100 ack 1`. There is one peer; its bytes are a pattern,
 * and so are ours, so that content is checked on both sides.
 */
import { strict as assert } from 'node:assert';
import { type Endpoint, IpAddress } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import { HostMemory, internetChecksum } from '@runtimejs/net/memory.ts';
import type {
  NetworkError,
  NetworkLayer,
  ReceivedHeader,
  Route,
  SendOptions,
} from '@runtimejs/net/network.ts';
import { checksumState, Packet } from '@runtimejs/net/packet.ts';
import { PortTable } from '@runtimejs/net/ports.ts';
import { ReceiveRing, SendRing } from '@runtimejs/net/storage/ring.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { defaultLimits, type TcpLimits } from '@runtimejs/net/tcp/context.ts';
import { defaultSettings, Tcp } from '@runtimejs/net/tcp/tcp.ts';
import type {
  TcpConnection,
  TcpEvents,
  TcpListener,
  TcpSettings,
  TcpUser,
} from '@runtimejs/net/tcp/types.ts';

const here = IpAddress.v4(0x0a000001);
const there = IpAddress.v4(0x0a000002);
const here6 = new IpAddress(0x20010db8, 0, 0, 1);
const there6 = new IpAddress(0x20010db8, 0, 0, 2);
const packetSize = 70_000;

/** A route whose MTU a test may change. */
export interface FakeRoute extends Route {
  mtu: number;
  segmentation: number;
  checksumOffload: boolean;
  valid: boolean;
}

/** What a segment says beside flags and numbers. */
export interface SegmentExtras {
  /** Window field, not scaled; default 65535. */
  win?: number;
  mss?: number;
  ws?: number;
  sackOk?: boolean;
  /** Timestamp value, or [value, echo] with echo relative to our last timestamp (0: exactly that). */
  ts?: number | [number, number];
  sack?: [number, number][];
  /** Sends from this peer port instead of 4000. */
  from?: number;
  /** To this port instead of that of the connection. */
  to?: number;
  /** Cuts the packet into buffers of this many bytes. */
  buffers?: number;
  badChecksum?: boolean;
  /** Fills the payload with this byte instead of the pattern. */
  fill?: number;
}

/** A segment that TCP sent. */
export interface SentSegment {
  readonly text: string;
  readonly parts: readonly string[];
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
  readonly win: number;
  readonly timestamp: number;
  readonly echo: number;
  readonly rawSequence: number;
  readonly segmentSize: number;
  readonly at: number;
  readonly options: SendOptions;
}

/** Byte number `at` of what a side sends. */
export function patternOf(at: number): number {
  return (at * 7 + (at >>> 8)) & 0xff;
}

/** An application: rings in the script's memory, and what it was told. */
export class FakeUser implements TcpUser {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents;
  readonly told: string[] = [];
  readonly #memory: HostMemory;
  /** Bytes ever written and read, for the pattern. */
  written = 0;
  read = 0;
  /** Most that the receive ring may hold. */
  most = 1 << 22;

  constructor(memory: HostMemory, words: number, rings: number) {
    this.#memory = memory;
    memory.words.set([rings, 1 << 18, 0, 0, rings + (1 << 18), 0, 0, 0], words);
    this.send = new SendRing(memory, {
      offset: words,
      capacity: words + 1,
      head: words + 2,
      tail: words + 3,
    });
    this.receive = new ReceiveRing(
      memory,
      { offset: words + 4, capacity: words + 5, head: words + 6, tail: words + 7 },
      (capacity) => {
        // Capacity is a number only: the ring has its whole area from the start.
        if (capacity > this.most || capacity > 1 << 22) return false;
        const old = memory.words[words + 5] as number;
        const tail = memory.words[words + 7] as number;
        const start = rings + (1 << 18);
        const copy = memory.bytes.slice(start, start + old);
        for (let at = 0; at < old; at += 1) {
          memory.bytes[start + ((tail + at) & (capacity - 1))] = copy[
            (tail + at) & (old - 1)
          ] as number;
        }
        memory.words[words + 5] = capacity;
        return true;
      },
    );
    const tell =
      (what: string) =>
      (detail?: SocketError): void => {
        this.told.push(detail === undefined ? what : `${what} ${detail}`);
      };
    this.events = {
      established: tell('established'),
      receivable: tell('receivable'),
      sendable: tell('sendable'),
      receiveEnded: tell('receiveEnded'),
      failed: tell('failed'),
      closed: tell('closed'),
    };
  }

  /** Puts bytes of the pattern into the send ring. */
  write(length: number): void {
    const { words, bytes } = this.#memory;
    const { offset, capacity, head } = this.send.words;
    assert.ok(this.send.length + length <= (words[capacity] as number), 'the send ring is full');
    const start = words[head] as number;
    for (let at = 0; at < length; at += 1) {
      const place = (start + at) & ((words[capacity] as number) - 1);
      bytes[(words[offset] as number) + place] = patternOf(this.written + at);
    }
    this.written += length;
    words[head] = (start + length) | 0;
  }

  /** Takes bytes from the receive ring and checks them. Returns how many there were. */
  take(most = Number.POSITIVE_INFINITY): number {
    const { words, bytes } = this.#memory;
    const { offset, capacity, tail } = this.receive.words;
    const length = Math.min(this.receive.length, most);
    const start = words[tail] as number;
    for (let at = 0; at < length; at += 1) {
      const place = (start + at) & ((words[capacity] as number) - 1);
      const found = bytes[(words[offset] as number) + place];
      assert.equal(found, patternOf(this.read + at), `byte ${this.read + at}`);
    }
    this.read += length;
    words[tail] = (start + length) | 0;
    return length;
  }
}

/** A TCP with a fake IP layer, a clock that the test moves, and one peer. */
export class TcpScript {
  readonly memory = new HostMemory(64 << 20);
  readonly environment: Environment;
  readonly tcp: Tcp;
  readonly sent: SentSegment[] = [];
  readonly route: FakeRoute;
  readonly confirmed: number[] = [];
  /** Packets out of the pool; 0 when nothing leaks. */
  packetsInUse = 0;
  /** Whether what we send is checked against the pattern; not with several connections. */
  checksContent = true;
  /** allocate() gives none while this is set. */
  noPackets = false;
  user: FakeUser;
  connection!: TcpConnection;
  listener!: TcpListener;
  accepted: { connection: TcpConnection; user: FakeUser }[] = [];
  /** What listeners say. */
  waiting = 0;
  refuse = false;
  peerPort = 4000;
  localPort = 80;
  /** Initial sequence numbers. */
  peerStart = 1_000_000;
  ourStart = 0;
  readonly isV6: boolean;
  readonly #free: Packet[] = [];
  #allocated = 1 << 16;
  #users = 0;
  #lastTimestamp = 0;
  #random = 1;

  constructor(options: { isV6?: boolean; limits?: Partial<TcpLimits>; mtu?: number } = {}) {
    this.isV6 = options.isV6 ?? false;
    this.environment = {
      memory: this.memory,
      clock: { now: 10_000_000 },
      timers: new TimerQueue(),
      random: (into) => {
        for (let at = 0; at < into.length; at += 1) {
          this.#random = (Math.imul(this.#random, 1103515245) + 12345) & 0x7fffffff;
          into[at] = this.#random >>> 16;
        }
      },
      log: () => {},
    };
    const local = this.isV6 ? here6 : here;
    this.route = {
      destination: this.isV6 ? there6 : there,
      source: local,
      interface: { index: 2, name: 'eth0' },
      valid: true,
      mtu: options.mtu ?? 1500,
      segmentation: 0,
      checksumOffload: false,
      isLocal: false,
      isGroup: false,
    };
    const network = this.#network();
    const ports = new PortTable(this.environment, network, true);
    this.tcp = new Tcp(this.environment, network, ports, { ...defaultLimits, ...options.limits });
    this.user = this.newUser();
  }

  get local(): IpAddress {
    return this.route.source;
  }

  get now(): number {
    return this.environment.clock.now - 10_000_000;
  }

  get counters(): Record<string, number> {
    return this.tcp.counters;
  }

  newUser(): FakeUser {
    const user = new FakeUser(
      this.memory,
      16 * (1 + this.#users),
      (1 << 20) + this.#users * (5 << 20),
    );
    this.#users += 1;
    return user;
  }

  settings(changes: Partial<TcpSettings> = {}): TcpSettings {
    return { ...defaultSettings(), ...changes };
  }

  /** Moves the clock on to `milliseconds` since the start, firing timers on the way. */
  at(milliseconds: number): this {
    const { clock, timers } = this.environment;
    const end = 10_000_000 + Math.round(milliseconds * 1000);
    assert.ok(end >= clock.now, 'time goes forward');
    while (timers.next <= end) {
      clock.now = Math.max(clock.now, timers.next);
      timers.run(clock.now);
      this.tcp.flush();
    }
    clock.now = end;
    return this;
  }

  /** Moves the clock on by `milliseconds`. */
  after(milliseconds: number): this {
    return this.at(this.now / 1000 + milliseconds);
  }

  /** Begins an active open. */
  connect(settings: Partial<TcpSettings> = {}): this {
    const remote: Endpoint = { address: this.route.destination, port: this.peerPort, scope: 0 };
    const result = this.tcp.connect(remote, null, this.user, this.settings(settings));
    assert.ok(typeof result !== 'string', `connect: ${String(result)}`);
    this.connection = result;
    this.localPort = result.local.port;
    this.ourStart = (this.sent.at(-1) as SentSegment).rawSequence;
    this.sent.length = 0;
    this.#renderAgain();
    this.tcp.flush();
    return this;
  }

  /** Listens on port 80. */
  listen(settings: Partial<TcpSettings> = {}, backlog = 10): this {
    const wildcard = new IpAddress(0, 0, 0, 0);
    const binding = this.tcp.bind(
      { address: wildcard, port: this.localPort, scope: 0 },
      { reuseAddress: true, reusePort: false, v6Only: false },
    );
    assert.ok(typeof binding !== 'string', `bind: ${String(binding)}`);
    const listener = this.tcp.listen(binding, backlog, this.settings(settings), {
      waiting: () => this.waiting,
      accept: (connection) => {
        if (this.refuse) return null;
        const user = this.accepted.length === 0 ? this.user : this.newUser();
        this.accepted.push({ connection, user });
        this.connection = connection;
        return user;
      },
    });
    assert.ok(typeof listener !== 'string', `listen: ${String(listener)}`);
    this.listener = listener;
    return this;
  }

  /** An established connection that we opened. Options as the peer's SYN has them. */
  established(settings: Partial<TcpSettings> = {}, options: SegmentExtras = { mss: 1460 }): this {
    this.connect(settings);
    this.peer('SA 0+0 ack 1', options);
    this.sent.length = 0;
    this.user.told.length = 0;
    return this;
  }

  /** A segment from the peer arrives, then the turn ends. */
  peer(text: string, extras: SegmentExtras = {}): this {
    this.inject(text, extras);
    this.tcp.flush();
    return this;
  }

  /** A segment from the peer arrives; the turn goes on. */
  inject(text: string, extras: SegmentExtras = {}): void {
    const match = /^([SFRPAU]*) (-?\d+)\+(\d+)(?: ack (-?\d+))?$/.exec(text);
    assert.ok(match !== null, `not a segment: ${text}`);
    const [, flags = '', seq = '0', length = '0', ack] = match;
    const options = this.#options(extras);
    const payload = Number(length);
    const bytes = new Uint8Array(20 + options.length + payload);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, extras.from ?? this.peerPort);
    view.setUint16(2, extras.to ?? this.localPort);
    view.setUint32(4, (this.peerStart + Number(seq)) >>> 0);
    view.setUint32(8, ack === undefined ? 0 : (this.ourStart + Number(ack)) >>> 0);
    bytes[12] = (bytes.length - payload) << 2;
    for (const [letter, bit] of flagBits)
      if (flags.includes(letter)) bytes[13] = (bytes[13] ?? 0) | bit;
    view.setUint16(14, extras.win ?? 65535);
    bytes.set(options, 20);
    for (let at = 0; at < payload; at += 1) {
      bytes[20 + options.length + at] = extras.fill ?? patternOf(Number(seq) - 1 + at);
    }
    const sum = internetChecksum(bytes, 0, bytes.length, this.#pseudo(bytes.length));
    view.setUint16(16, (~sum & 0xffff) ^ (extras.badChecksum === true ? 0x55 : 0));
    this.receive(bytes, extras.buffers);
  }

  /** Raw bytes of a TCP packet arrive from the peer. */
  receive(bytes: Uint8Array, buffers = packetSize): void {
    let first: Packet | null = null;
    let last: Packet | null = null;
    for (let at = 0; at < bytes.length || first === null; at += buffers) {
      const packet = this.#packet();
      packet.reset(128);
      const part = bytes.subarray(at, Math.min(bytes.length, at + buffers));
      this.memory.bytes.set(part, packet.start);
      packet.end = packet.start + part.length;
      if (last === null) first = packet;
      else last.next = packet;
      last = packet;
    }
    this.tcp.receive(first as Packet, this.#header(bytes.length));
  }

  /** An ICMP error quotes a segment of ours at a relative sequence number. */
  icmp(kind: NetworkError['kind'], seq: number, error: SocketError, mtu = 0): this {
    const packet = this.#packet();
    const view = new DataView(this.memory.bytes.buffer);
    view.setUint16(packet.base, this.localPort);
    view.setUint16(packet.base + 2, this.peerPort);
    view.setUint32(packet.base + 4, (this.ourStart + seq) >>> 0);
    this.tcp.networkError({
      kind,
      error,
      mtu,
      source: this.local,
      destination: this.route.destination,
      quoted: packet.base,
      quotedLength: 8,
    });
    packet.release();
    this.tcp.flush();
    return this;
  }

  /** The application writes, and the turn ends. */
  write(length: number, user = this.user): this {
    user.write(length);
    this.connection.sendMore();
    this.tcp.flush();
    return this;
  }

  /** The application reads, and the turn ends. */
  take(expected: number, most = Number.POSITIVE_INFINITY): this {
    assert.equal(this.user.take(most), expected);
    this.connection.received();
    this.tcp.flush();
    return this;
  }

  /** Runs something, and the turn ends. */
  do(what: () => void): this {
    what();
    this.tcp.flush();
    return this;
  }

  /** The next segment that was sent is this one; further parts must be in it: `win 512`, `sack 1:5`. */
  expect(text: string, ...parts: string[]): SentSegment {
    const segment = this.sent.shift();
    assert.ok(segment !== undefined, `expected ${text}, but nothing was sent`);
    assert.equal(segment.text, text, `then: ${this.sent.map((other) => other.text).join(' | ')}`);
    for (const part of parts) {
      assert.ok(
        segment.parts.includes(part),
        `${text}: no '${part}' in ${segment.parts.join(', ')}`,
      );
    }
    return segment;
  }

  /** Nothing was sent that was not expected. */
  quiet(): this {
    assert.deepEqual(
      this.sent.map((segment) => segment.text),
      [],
    );
    return this;
  }

  /** The user was told just this since the last time. */
  told(...what: string[]): this {
    assert.deepEqual(this.user.told, what);
    this.user.told.length = 0;
    return this;
  }

  /** All that TCP took is back. */
  finished(): void {
    assert.equal(this.packetsInUse, 0, 'packets are out');
    assert.equal(this.environment.timers.active, 0, 'timers are set');
    assert.equal(this.tcp.connectionCount, 0, 'connections are left');
  }

  #options(extras: SegmentExtras): Uint8Array {
    const bytes: number[] = [];
    const word = (value: number): void => {
      bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
    };
    if (extras.mss !== undefined) bytes.push(2, 4, extras.mss >> 8, extras.mss & 255);
    if (extras.sackOk === true) bytes.push(1, 1, 4, 2);
    if (extras.ts !== undefined) {
      const [value, echo] = typeof extras.ts === 'number' ? [extras.ts, 0] : extras.ts;
      bytes.push(1, 1, 8, 10);
      word(value);
      word(this.#lastTimestamp + echo);
    }
    if (extras.ws !== undefined) bytes.push(1, 3, 3, extras.ws);
    if (extras.sack !== undefined) {
      bytes.push(1, 1, 5, 2 + 8 * extras.sack.length);
      for (const [left, right] of extras.sack) {
        word(this.ourStart + left);
        word(this.ourStart + right);
      }
    }
    return Uint8Array.from(bytes);
  }

  #pseudo(length: number): number {
    const bytes = new Uint8Array(40);
    const { source, destination } = this.route;
    source.writeV6(bytes, 0);
    destination.writeV6(bytes, 16);
    if (!this.isV6) bytes.fill(0, 8, 12).fill(0, 24, 28);
    bytes[33] = length >> 16;
    bytes[34] = length >> 8;
    bytes[35] = length & 255;
    bytes[39] = 6;
    return internetChecksum(bytes, 0, 40, 0);
  }

  #header(length: number): ReceivedHeader {
    const { source, destination } = this.route;
    return {
      interface: this.route.interface,
      isV4: !this.isV6,
      source0: destination.word0,
      source1: destination.word1,
      source2: destination.word2,
      source3: destination.word3,
      destination0: source.word0,
      destination1: source.word1,
      destination2: source.word2,
      destination3: source.word3,
      protocol: 6,
      payloadLength: length,
      hopLimit: 64,
      trafficClass: 0,
      isMulticast: false,
      pseudoHeaderSum: () => this.#pseudo(length),
      sourceAddress: () => destination,
      destinationAddress: () => source,
    };
  }

  #packet(): Packet {
    this.packetsInUse += 1;
    const reused = this.#free.pop();
    if (reused !== undefined) return reused;
    // The last 32 MiB of the memory are for packets.
    const base = (32 << 20) + this.#allocated;
    this.#allocated += packetSize + 128;
    return new Packet(base, packetSize + 128, base, (packet) => {
      this.packetsInUse -= 1;
      this.#free.push(packet);
    });
  }

  #network(): NetworkLayer {
    return {
      configuring: false,
      onConfigured: () => {},
      route: () => (this.route.valid ? this.route : 'ENETUNREACH'),
      isLocal: (address) => address.equals(this.route.source),
      allocate: (_route, size) => {
        if (this.noPackets) return null;
        assert.ok(size <= packetSize);
        const packet = this.#packet();
        packet.reset(128);
        return packet;
      },
      send: (_route, packet, number, options) => {
        assert.equal(number, 6);
        this.#wasSent(packet, options);
        packet.release();
      },
      pseudoHeaderSum: (_route, _number, length) => this.#pseudo(length),
      confirmReachable: () => this.confirmed.push(this.now),
      learnMtu: (_destination, mtu) => {
        this.route.mtu = mtu;
      },
    };
  }

  readonly #raw: { bytes: Uint8Array; packet: { segmentSize: number }; options: SendOptions }[] =
    [];

  #wasSent(packet: Packet, options: SendOptions): void {
    const bytes = this.memory.bytes.slice(packet.start, packet.end);
    if (this.route.checksumOffload) {
      assert.equal(packet.checksum, checksumState.partial);
      assert.equal(packet.checksumStart, packet.start);
      assert.equal(packet.checksumOffset, 16);
      assert.equal(new DataView(bytes.buffer).getUint16(16), this.#pseudo(bytes.length));
    } else {
      const sum = internetChecksum(bytes, 0, bytes.length, this.#pseudo(bytes.length));
      assert.equal(sum, 0xffff, 'checksum');
    }
    const raw = { bytes, packet: { segmentSize: packet.segmentSize }, options: { ...options } };
    this.#raw.push(raw);
    this.sent.push(this.#render(raw));
  }

  /** connect() learns our initial sequence number from the SYN: the SYN itself is rendered with it. */
  #renderAgain(): void {
    const raw = this.#raw.at(-1);
    if (raw !== undefined) this.sent.push(this.#render(raw));
  }

  #render(raw: {
    bytes: Uint8Array;
    packet: { segmentSize: number };
    options: SendOptions;
  }): SentSegment {
    const { bytes } = raw;
    const view = new DataView(bytes.buffer);
    const header = ((bytes[12] as number) >>> 4) << 2;
    const length = bytes.length - header;
    let flags = '';
    for (const [letter, bit] of flagBits) if (((bytes[13] as number) & bit) !== 0) flags += letter;
    if (flags.includes('S')) {
      if (flags === 'SA') this.ourStart = view.getUint32(4);
    }
    const seq = (view.getUint32(4) - this.ourStart) | 0;
    const ack = flags.includes('A') ? (view.getUint32(8) - this.peerStart) | 0 : 0;
    const parts: string[] = [`win ${view.getUint16(14)}`];
    let timestamp = 0;
    let echo = 0;
    for (let at = 20; at < header; ) {
      const kind = bytes[at] as number;
      if (kind === 1) {
        at += 1;
        continue;
      }
      const size = bytes[at + 1] as number;
      if (kind === 2) parts.push(`mss ${view.getUint16(at + 2)}`);
      if (kind === 3) parts.push(`ws ${bytes[at + 2]}`);
      if (kind === 4) parts.push('sackOk');
      if (kind === 5) {
        const blocks: string[] = [];
        for (let block = at + 2; block < at + size; block += 8) {
          const left = (view.getUint32(block) - this.peerStart) | 0;
          const right = (view.getUint32(block + 4) - this.peerStart) | 0;
          blocks.push(`${left}:${right}`);
        }
        parts.push(`sack ${blocks.join(',')}`);
      }
      if (kind === 8) {
        timestamp = view.getUint32(at + 2);
        echo = view.getUint32(at + 6);
        this.#lastTimestamp = timestamp;
        parts.push('ts', `echo ${echo}`);
      }
      at += size;
    }
    if (this.checksContent && !flags.includes('S')) {
      for (let at = 0; at < length; at += 1) {
        assert.equal(bytes[header + at], patternOf(seq - 1 + at), `our byte ${seq - 1 + at}`);
      }
    }
    const acks = flags.includes('A') ? ` ack ${ack}` : '';
    return {
      text: `${flags} ${seq}+${length}${acks}`,
      parts,
      flags,
      seq,
      ack,
      length,
      win: view.getUint16(14),
      timestamp,
      echo,
      rawSequence: view.getUint32(4),
      segmentSize: raw.packet.segmentSize,
      at: this.now / 1000,
      options: raw.options,
    };
  }
}

const flagBits: readonly [string, number][] = [
  ['S', 2],
  ['F', 1],
  ['R', 4],
  ['P', 8],
  ['A', 16],
  ['U', 32],
];
