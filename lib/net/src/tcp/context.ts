/** What all parts of one TCP share. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import type { Memory } from '../memory.ts';
import type { NetworkLayer } from '../network.ts';
import type { PortTable } from '../ports.ts';
import { TokenBucket } from '../storage/token-bucket.ts';
import type { Connection } from './connection.ts';
import { type TcpCounters, tcpCounters } from './counters.ts';
import { SentRangePool } from './flight.ts';
import type { HalfOpen } from './half-open.ts';
import { TableHash } from './half-siphash.ts';
import type { ListenerTable } from './listener.ts';
import { Segment } from './segment.ts';
import { type SequenceNumber, sequence, type Timestamp, timestamp } from './sequence.ts';
import { KeyedHash } from './siphash.ts';
import { ConnectionTable } from './table.ts';
import type { TimeWait, TimeWaitQueue } from './time-wait.ts';

/** Numbers that bound memory; the defaults suit a VM of some hundred megabytes. */
export interface TcpLimits {
  /** Most bytes that a receive ring grows to by itself, and that a send ring does. */
  readonly receiveBuffer: number;
  readonly sendBuffer: number;
  /** Connections in TIME_WAIT. */
  readonly timeWait: number;
  /** Half-open connections of one listener, whatever its backlog. */
  readonly halfOpen: number;
}

export const defaultLimits: TcpLimits = {
  receiveBuffer: 4 << 20,
  sendBuffer: 4 << 20,
  timeWait: 32768,
  halfOpen: 4096,
};

/** Any stage of a connection in the table. */
export type Entry = Connection | HalfOpen | TimeWait;

/** Shared by all connections of a stack. */
export class TcpContext {
  readonly environment: Environment;
  readonly memory: Memory;
  readonly network: NetworkLayer;
  readonly ports: PortTable;
  readonly limits: TcpLimits;
  readonly counters: TcpCounters = tcpCounters();
  readonly table: ConnectionTable<Entry>;
  readonly ranges: SentRangePool = new SentRangePool();
  readonly segment: Segment = new Segment();
  readonly resetLimit: TokenBucket = new TokenBucket(1000, 1000);
  /** RFC 5961, section 10: per stack, and per connection in Connection. */
  readonly challengeLimit: TokenBucket = new TokenBucket(1000, 1000);
  /** Set by Tcp: they need the context themselves. */
  listeners!: ListenerTable;
  timeWaits!: TimeWaitQueue;
  /** Secrets for initial sequence numbers and for timestamps. */
  readonly #sequenceHash: KeyedHash;
  /** Connections that flush() is to look at. */
  #pending: Connection | null = null;
  #pendingLast: Connection | null = null;

  constructor(
    environment: Environment,
    network: NetworkLayer,
    ports: PortTable,
    limits: TcpLimits,
  ) {
    this.environment = environment;
    this.memory = environment.memory;
    this.network = network;
    this.ports = ports;
    this.limits = limits;
    this.table = new ConnectionTable(new TableHash(this.#randomKey(8)));
    this.#sequenceHash = this.newHash();
  }

  get now(): number {
    return this.environment.clock.now;
  }

  /** A hash with a fresh key. */
  newHash(): KeyedHash {
    return new KeyedHash(this.#randomKey(16));
  }

  #randomKey(length: number): Uint8Array {
    const key = new Uint8Array(length);
    this.environment.random(key);
    return key;
  }

  /** Initial sequence number: a clock of 4 us ticks plus a keyed hash of the connection (RFC 6528). */
  initialSequence(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): SequenceNumber {
    const hash = this.#connectionHash(local, localPort, remote, remotePort, 0);
    return sequence(hash + ticks(this.now, 4));
  }

  /**
   * Offset of a connection's timestamps, so that they tell neither the uptime nor other connections.
   * It depends on the addresses alone: RFC 6191 needs timestamps that go on growing from one
   * connection to the next.
   */
  timestampOffset(local: IpAddress, remote: IpAddress): number {
    return this.#connectionHash(local, 0, remote, 0, 1);
  }

  /** The timestamp clock: milliseconds (RFC 7323, section 5.4). */
  timestamp(offset: number): Timestamp {
    return timestamp(ticks(this.now, 1000) + offset);
  }

  /** Has flush() look at a connection. */
  schedule(connection: Connection): void {
    if (connection.isPending) return;
    connection.isPending = true;
    connection.nextPending = null;
    if (this.#pendingLast === null) this.#pending = connection;
    else this.#pendingLast.nextPending = connection;
    this.#pendingLast = connection;
  }

  /** Takes the next connection that waits for flush(), or null. */
  takePending(): Connection | null {
    const connection = this.#pending;
    if (connection === null) return null;
    this.#pending = connection.nextPending;
    if (this.#pending === null) this.#pendingLast = null;
    connection.nextPending = null;
    connection.isPending = false;
    return connection;
  }

  get hasPending(): boolean {
    return this.#pending !== null;
  }

  #connectionHash(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    purpose: number,
  ): number {
    return this.#sequenceHash.hash(
      local.word0,
      local.word1,
      local.word2,
      local.word3,
      remote.word0,
      remote.word1,
      remote.word2,
      remote.word3,
      (localPort << 16) | remotePort,
      purpose,
    );
  }
}

/** Whole ticks since the clock's start, modulo 2^32. */
function ticks(now: number, length: number): number {
  return Math.floor(now / length) | 0;
}
