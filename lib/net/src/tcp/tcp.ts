/** TCP: takes segments from the IP layer, opens connections, and sends once a turn. */
import type { Endpoint } from '../address.ts';
import { loopbackV4, loopbackV6 } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import type { NetworkError, NetworkLayer, ReceivedHeader, Transport } from '../network.ts';
import type { Packet } from '../packet.ts';
import { PortReservation, type PortTable } from '../ports.ts';
import { alarmKind, setTimer } from './alarm.ts';
import { arrive } from './arrive.ts';
import { acknowledge, Connection } from './connection.ts';
import { defaultLimits, TcpContext, type TcpLimits } from './context.ts';
import { sendAcknowledgment, sendReset, sendSyn } from './emit.ts';
import { handshakeScale } from './half-open.ts';
import { Listener, ListenerTable } from './listener.ts';
import { networkErrorArrived } from './network-error.ts';
import { initialTimeout } from './round-trip.ts';
import { advance } from './sequence.ts';
import { tcpState } from './state.ts';
import { TimeWaitQueue } from './time-wait.ts';
import { transmit } from './transmit.ts';
import type {
  BindFlags,
  PortBinding,
  TcpApi,
  TcpConnection,
  TcpListener,
  TcpListenerEvents,
  TcpSettings,
  TcpUser,
} from './types.ts';

/** A connection as a listing shows it (/proc/net/tcp). */
export interface ConnectionEntry {
  /** As Linux numbers states: see tcpState. */
  readonly state: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bytes sent and not acknowledged, or not sent; bytes that the user has not taken. */
  readonly sendQueue: number;
  readonly receiveQueue: number;
  /** Timeouts in a row. */
  readonly retransmissions: number;
}

/** Settings as Linux has them when an app changes nothing. */
export function defaultSettings(): TcpSettings {
  return {
    noDelay: false,
    keepAlive: false,
    keepAliveIdle: 7200,
    keepAliveInterval: 75,
    keepAliveCount: 9,
    userTimeout: 0,
    maximumSegment: 0,
    congestion: 'cubic',
    hopLimit: 0,
    trafficClass: 0,
    receiveBuffer: 0,
    sendBuffer: 0,
    quickAck: false,
    cork: false,
  };
}

const noFlags: BindFlags = { reuseAddress: false, reusePort: false, v6Only: false };

/**
 * TCP of a stack. Segments that arrive, timers and users only note what is to be done; flush(),
 * called at the end of every turn, tells users and sends: so data, acknowledgements and window
 * updates of one turn share segments.
 */
export class Tcp implements TcpApi, Transport {
  readonly #context: TcpContext;

  constructor(
    environment: Environment,
    network: NetworkLayer,
    ports: PortTable,
    limits: TcpLimits = defaultLimits,
  ) {
    this.#context = new TcpContext(environment, network, ports, limits);
    this.#context.listeners = new ListenerTable(this.#context);
    this.#context.timeWaits = new TimeWaitQueue(this.#context, limits.timeWait);
  }

  get counters(): Counters {
    return this.#context.counters;
  }

  /** True when flush() has something to do. */
  get hasPending(): boolean {
    return this.#context.hasPending;
  }

  // Transport.

  /** SEGMENT ARRIVES (RFC 9293, 3.10.7). Takes ownership of the packet. */
  receive(packet: Packet, header: ReceivedHeader): void {
    this.#receive(packet, header);
    packet.release();
  }

  #receive(packet: Packet, header: ReceivedHeader): void {
    const context = this.#context;
    const { counters, segment, table } = context;
    counters.segmentsReceived += 1;
    if (header.isMulticast) {
      counters.dropMulticast += 1; // RFC 9293, MUST-57
      return;
    }
    const defect = segment.parse(context.memory, packet, header);
    if (defect !== null) {
      counters[defect] += 1;
      return;
    }
    const hash = table.hashOf(
      header.destination0,
      header.destination1,
      header.destination2,
      header.destination3,
      segment.destinationPort,
      header.source0,
      header.source1,
      header.source2,
      header.source3,
      segment.sourcePort,
    );
    const entry = table.find(
      hash,
      header.destination0,
      header.destination1,
      header.destination2,
      header.destination3,
      segment.destinationPort,
      header.source0,
      header.source1,
      header.source2,
      header.source3,
      segment.sourcePort,
    );
    if (entry === null) {
      context.listeners.arrive(segment, header, packet, hash);
    } else if (entry.kind === 'connection') {
      arrive(entry, segment, packet);
    } else if (entry.kind === 'halfOpen') {
      context.listeners.arriveHalfOpen(entry, segment, header, packet);
    } else if (context.timeWaits.arrive(entry, segment)) {
      context.listeners.arrive(segment, header, packet, hash);
    }
  }

  /** An ICMP error about a segment of ours (RFC 5927). */
  networkError(error: NetworkError): void {
    networkErrorArrived(this.#context, error);
  }

  /**
   * Tells users what happened and sends what is due: data, acknowledgements, window updates. To be
   * called at the end of every turn, after segments, timers and users had their say.
   */
  flush(): void {
    const context = this.#context;
    for (
      let connection = context.takePending();
      connection !== null;
      connection = context.takePending()
    ) {
      settle(connection);
    }
  }

  /** flush() as Work of a Stack; to be added after the sockets' work. */
  run(): boolean {
    this.flush();
    return false;
  }

  // TcpApi.

  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError {
    return this.#context.ports.bind(local, flags);
  }

  connect(
    remote: Endpoint,
    binding: PortBinding | null,
    user: TcpUser,
    settings: TcpSettings,
  ): TcpConnection | SocketError {
    const context = this.#context;
    // connect() to the wildcard address means this machine, as on Linux.
    const to = remote.address.isUnspecified
      ? remote.address.isV4
        ? loopbackV4
        : loopbackV6
      : remote.address;
    const bound = binding === null ? undefined : binding.local.address;
    const source = bound === undefined || bound.isUnspecified ? undefined : bound;
    const route = context.network.route(to, source, remote.scope);
    if (typeof route === 'string') return route;
    if (route.isGroup) return 'ENETUNREACH'; // RFC 9293, MUST-57; as on Linux
    if (remote.port === 0) return 'ECONNREFUSED';
    const from = source ?? route.source;
    const port =
      binding ??
      context.ports.connect({ address: from, port: 0, scope: remote.scope }, noFlags, (candidate) =>
        this.#isFree(from, candidate, to, remote.port),
      );
    if (typeof port === 'string') return port;
    const localPort = port.local.port;
    if (!this.#isFree(from, localPort, to, remote.port)) return 'EADDRNOTAVAIL';
    this.#makeRoom(from, localPort, to, remote.port);
    const connection = new Connection(
      context,
      from,
      localPort,
      to,
      remote.port,
      remote.scope,
      route,
      settings,
      port,
      context.initialSequence(from, localPort, to, remote.port),
    );
    connection.user = user;
    connection.receiveScale = handshakeScale(settings.receiveBuffer, context.limits.receiveBuffer);
    connection.state = tcpState.synSent;
    connection.sendNext = advance(connection.initialSend, 1);
    connection.sentDataAt = context.now;
    context.counters.activeOpens += 1;
    context.table.add(connection);
    sendSyn(connection);
    connection.alarm = alarmKind.retransmit;
    connection.alarmAt = context.now + initialTimeout;
    connection.schedule();
    return connection;
  }

  listen(
    binding: PortBinding,
    backlog: number,
    settings: TcpSettings,
    events: TcpListenerEvents,
  ): TcpListener | SocketError {
    const { listeners } = this.#context;
    if (!(binding instanceof PortReservation)) return 'EINVAL';
    const taken = binding.listen();
    if (taken !== null) return taken;
    const listener = new Listener(listeners, binding, backlog, settings, events);
    listeners.add(listener);
    return listener;
  }

  /** Every connection and listener, for listings. */
  *connections(): Generator<ConnectionEntry> {
    const { listeners, table } = this.#context;
    for (const listener of listeners.listeners()) {
      yield {
        state: tcpState.listen,
        local: listener.local,
        remote: {
          address: listener.local.address,
          port: 0,
          scope: 0,
        },
        sendQueue: listener.backlog,
        receiveQueue: listener.events.waiting(),
        retransmissions: 0,
      };
    }
    for (const entry of table.entries()) {
      const isConnection = entry.kind === 'connection';
      const ring = isConnection ? entry.user : null;
      yield {
        state: entry.kind === 'halfOpen' ? tcpState.synReceived : entry.state,
        local: { address: entry.localAddress, port: entry.localPort, scope: 0 },
        remote: { address: entry.remoteAddress, port: entry.remotePort, scope: 0 },
        sendQueue: ring?.send.length ?? 0,
        receiveQueue: ring?.receive.length ?? 0,
        retransmissions: isConnection ? entry.backoff : 0,
      };
    }
  }

  /** How many connections there are of any stage, and in TIME_WAIT. */
  get connectionCount(): number {
    return this.#context.table.size;
  }

  get timeWaitCount(): number {
    return this.#context.timeWaits.size;
  }

  /** Resets all connections; their users hear nothing. Listeners stay. */
  reset(): void {
    for (const entry of [...this.#context.table.entries()]) {
      if (entry.kind === 'connection') entry.abort();
    }
  }

  /** Resets all connections and forgets everything: the stack ends. */
  stop(): void {
    const { listeners, timeWaits } = this.#context;
    for (const listener of [...listeners.listeners()]) listener.close();
    this.reset();
    timeWaits.clear();
  }

  /**
   * Is there no connection of this name? One in TIME_WAIT for a second or more makes room when
   * timestamps keep the two apart (RFC 6191).
   */
  #isFree(
    from: Endpoint['address'],
    fromPort: number,
    to: Endpoint['address'],
    toPort: number,
  ): boolean {
    const { table, now } = this.#context;
    const entry = table.lookup(from, fromPort, to, toPort);
    if (entry === null) return true;
    if (entry.kind !== 'timeWait' || entry.state !== tcpState.timeWait) return false;
    return entry.timestamps && now - entry.since >= 1_000_000;
  }

  /** Forgets the connection in TIME_WAIT that a new one replaces. */
  #makeRoom(
    from: Endpoint['address'],
    fromPort: number,
    to: Endpoint['address'],
    toPort: number,
  ): void {
    const { table, timeWaits, counters } = this.#context;
    const entry = table.lookup(from, fromPort, to, toPort);
    if (entry === null || entry.kind !== 'timeWait') return;
    counters.timeWaitReused += 1;
    timeWaits.remove(entry);
  }
}

/** What a connection has to tell and to send at the end of a turn. */
function settle(connection: Connection): void {
  if (connection.state === tcpState.closed) return;
  connection.deliver();
  if (connection.resetDue) {
    const { events } = connection;
    sendReset(connection);
    connection.release();
    events.closed();
    return;
  }
  if (connection.isOrphan && connection.state === tcpState.finWait2) {
    connection.context.timeWaits.enter(connection, tcpState.finWait2);
    connection.finish();
    return;
  }
  transmit(connection);
  if (connection.owed === acknowledge.now) sendAcknowledgment(connection);
  setTimer(connection);
}
