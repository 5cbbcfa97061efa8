/** Passive opens: which listener a SYN is for, its backlog, and what becomes of handshakes (RFC 9293, 3.10.7.2). */
import type { Endpoint, IpAddress } from '../address.ts';
import type { ReceivedHeader, Route } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { PortReservation } from '../ports.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { arrive } from './arrive.ts';
import { initialWindow } from './congestion/types.ts';
import { acknowledge, Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import { Cookies } from './cookies.ts';
import { plainOptions, resetStray, sendBare, sendHandshake } from './emit.ts';
import { HalfOpen, handshakeScale } from './half-open.ts';
import type { Segment } from './segment.ts';
import { limitSegment, offeredSegment, peerSegmentOf } from './segment-size.ts';
import { advance, type SequenceNumber, timestamp } from './sequence.ts';
import { tcpState } from './state.ts';
import type { PortBinding, TcpListener, TcpListenerEvents, TcpSettings } from './types.ts';

/** A listening port. */
export class Listener implements TcpListener {
  readonly #table: ListenerTable;
  readonly #binding: PortReservation;
  readonly settings: TcpSettings;
  readonly events: TcpListenerEvents;
  backlog: number;
  /** Handshakes under way. */
  halfOpen = 0;
  isClosed = false;

  constructor(
    table: ListenerTable,
    binding: PortReservation,
    backlog: number,
    settings: TcpSettings,
    events: TcpListenerEvents,
  ) {
    this.#table = table;
    this.#binding = binding;
    this.backlog = Math.max(1, backlog);
    this.settings = settings;
    this.events = events;
  }

  get local(): Endpoint {
    return this.#binding.local;
  }

  /** Reserves the port for a connection, which may outlive the listener. */
  share(local: IpAddress, scope: number): PortBinding {
    return this.#binding.share({ address: local, port: this.local.port, scope });
  }

  get v6Only(): boolean {
    return this.#binding.flags.v6Only;
  }

  /** Window of a SYN with ACK: never scaled (RFC 7323, 2.2). */
  get initialWindow(): number {
    const { receiveBuffer } = this.settings;
    return receiveBuffer > 0 ? Math.min(receiveBuffer, 0xffff) : 0xffff;
  }

  get windowScale(): number {
    return handshakeScale(this.settings.receiveBuffer, this.#table.receiveMaximum);
  }

  setBacklog(backlog: number): void {
    this.backlog = Math.max(1, backlog);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#table.remove(this);
    this.#binding.stopListening();
    this.#binding.release();
  }
}

/** All listeners, by port. */
export class ListenerTable {
  readonly #context: TcpContext;
  readonly #byPort = new Map<number, Listener[]>();
  readonly #cookies: Cookies;

  constructor(context: TcpContext) {
    this.#context = context;
    this.#cookies = new Cookies(context);
  }

  get receiveMaximum(): number {
    return this.#context.limits.receiveBuffer;
  }

  add(listener: Listener): void {
    const { port } = listener.local;
    const listeners = this.#byPort.get(port);
    if (listeners === undefined) this.#byPort.set(port, [listener]);
    else listeners.push(listener);
  }

  /** Forgets a listener and its handshakes. */
  remove(listener: Listener): void {
    const { port } = listener.local;
    const listeners = this.#byPort.get(port) ?? [];
    const left = listeners.filter((other) => other !== listener);
    if (left.length === 0) this.#byPort.delete(port);
    else this.#byPort.set(port, left);
    if (listener.halfOpen === 0) return;
    const orphans: HalfOpen[] = [];
    for (const entry of this.#context.table.entries()) {
      if (entry.kind === 'halfOpen' && entry.listener === listener) orphans.push(entry);
    }
    for (const entry of orphans) entry.remove();
  }

  *listeners(): Generator<Listener> {
    for (const listeners of this.#byPort.values()) yield* listeners;
  }

  /**
   * The listener for a destination: an exact address before a wildcard of the family, before :: that
   * takes both; among several (SO_REUSEPORT) the connection's hash decides.
   */
  find(header: ReceivedHeader, port: number, hash: number): Listener | null {
    const listeners = this.#byPort.get(port);
    if (listeners === undefined) return null;
    let best = 0;
    let count = 0;
    for (const listener of listeners) {
      const score = scoreOf(listener, header);
      if (score > best) {
        best = score;
        count = 1;
      } else if (score === best && score > 0) {
        count += 1;
      }
    }
    if (best === 0) return null;
    let chosen = count === 1 ? 0 : (hash >>> 8) % count;
    for (const listener of listeners) {
      if (scoreOf(listener, header) !== best) continue;
      if (chosen === 0) return listener;
      chosen -= 1;
    }
    return null;
  }

  /** A segment that belongs to no connection. The packet stays the caller's. */
  arrive(segment: Segment, header: ReceivedHeader, packet: Packet, hash: number): void {
    const { counters } = this.#context;
    const listener = this.find(header, segment.destinationPort, hash);
    if (listener === null) {
      // RFC 9293, 3.10.7.1: CLOSED.
      counters.dropNoConnection += 1;
      this.#reset(segment, header);
      return;
    }
    // RFC 9293, 3.10.7.2, first: RST is ignored.
    if (segment.has(tcpFlag.rst)) {
      counters.dropNoConnection += 1;
      return;
    }
    // Second: an ACK is for a connection that is no more, or for a cookie.
    if (segment.has(tcpFlag.ack)) {
      if (segment.has(tcpFlag.syn) || !this.#cookies.check(header, segment)) {
        counters.dropNoConnection += 1;
        if (!segment.has(tcpFlag.syn)) counters.synCookiesRefused += 1;
        // Data can overtake the acknowledgement of a cookie, or outlive it: what comes first is sent again.
        if (segment.length === 0 || !this.#cookies.areOut) this.#reset(segment, header);
        return;
      }
      counters.synCookiesAccepted += 1;
      this.#completeCookie(listener, segment, header, packet);
      return;
    }
    // Third: SYN.
    if (segment.has(tcpFlag.syn) && !segment.has(tcpFlag.fin)) {
      this.#synArrives(listener, segment, header);
      return;
    }
    // Fourth: anything else is dropped.
    counters.dropNoConnection += 1;
  }

  /** A segment for a handshake under way. */
  arriveHalfOpen(entry: HalfOpen, segment: Segment, header: ReceivedHeader, packet: Packet): void {
    const context = this.#context;
    const { counters } = context;
    const verdict = entry.arrive(segment);
    switch (verdict) {
      case 'complete':
        this.#complete(entry, segment, packet);
        return;
      case 'answer':
        if (context.now - entry.challengedAt < 100_000) return;
        entry.challengedAt = context.now;
        entry.answer();
        return;
      case 'challenge':
        counters.dropOutsideWindow += 1;
        if (context.now - entry.challengedAt < 500_000) {
          counters.dropChallengeLimited += 1;
          return;
        }
        entry.challengedAt = context.now;
        counters.challengeAcknowledgments += 1;
        sendBare(
          context,
          entry.route,
          entry.localPort,
          entry.remotePort,
          advance(entry.initialSend, 1),
          advance(entry.initialReceive, 1),
          tcpFlag.ack,
          entry.listener.initialWindow,
          entry.timestamps,
          context.timestamp(entry.timestampOffset),
          entry.timestampRecent,
        );
        return;
      case 'drop':
        counters.dropOutsideWindow += 1;
        return;
      case 'abandon':
        counters.resetsReceived += 1;
        counters.attemptsFailed += 1;
        entry.remove();
        return;
      case 'reset':
        if (this.#cookies.check(header, segment)) {
          // Its first SYN was answered with a cookie, and a SYN that it repeated found room.
          const { listener } = entry;
          counters.synCookiesAccepted += 1;
          entry.remove();
          this.#completeCookie(listener, segment, header, packet);
          return;
        }
        counters.dropBadAcknowledgment += 1;
        this.#reset(segment, header);
        return;
      default: {
        const impossible: never = verdict;
        throw new TypeError(`no such verdict: ${impossible}`);
      }
    }
  }

  #reset(segment: Segment, header: ReceivedHeader): void {
    if (segment.has(tcpFlag.rst)) return;
    const route = this.#routeBack(header);
    if (route !== null) resetStray(this.#context, route, segment);
  }

  #routeBack(header: ReceivedHeader): Route | null {
    const { network, counters } = this.#context;
    const scope = scopeOf(header);
    const route = network.route(header.sourceAddress(), header.destinationAddress(), scope);
    if (typeof route !== 'string') return route;
    counters.dropNoRoute += 1;
    return null;
  }

  #synArrives(listener: Listener, segment: Segment, header: ReceivedHeader): void {
    const context = this.#context;
    const { counters } = context;
    counters.synReceived += 1;
    if (listener.events.waiting() >= listener.backlog) {
      counters.dropListenBacklog += 1;
      return;
    }
    const route = this.#routeBack(header);
    if (route === null) return;
    const most = Math.min(Math.max(listener.backlog, 8), context.limits.halfOpen);
    if (listener.halfOpen >= most) {
      counters.dropSynBacklog += 1;
      this.#sendCookie(listener, segment, header, route);
      return;
    }
    const local = header.destinationAddress();
    const remote = header.sourceAddress();
    const entry = new HalfOpen(
      context,
      listener,
      local,
      remote,
      scopeOf(header),
      route,
      segment,
      context.initialSequence(local, segment.destinationPort, remote, segment.sourcePort),
    );
    listener.halfOpen += 1;
    context.table.add(entry);
    entry.begin();
  }

  #sendCookie(listener: Listener, segment: Segment, header: ReceivedHeader, route: Route): void {
    const context = this.#context;
    const { options } = segment;
    context.counters.synCookiesSent += 1;
    const offset = context.timestampOffset(header.destinationAddress(), header.sourceAddress());
    const canScale = options.hasTimestamps && options.windowScale >= 0;
    sendHandshake(
      context,
      route,
      segment.destinationPort,
      segment.sourcePort,
      this.#cookies.make(header, segment),
      advance(segment.sequence, 1),
      tcpFlag.syn | tcpFlag.ack,
      listener.initialWindow,
      offeredSegment(route, listener.settings.maximumSegment),
      canScale ? listener.windowScale : -1,
      options.hasTimestamps && options.sackPermitted,
      options.hasTimestamps,
      this.#cookies.stamp(context.timestamp(offset), options.windowScale, options.sackPermitted),
      options.timestampValue,
      plainOptions,
    );
  }

  #complete(entry: HalfOpen, segment: Segment, packet: Packet): void {
    const { listener } = entry;
    const { counters } = this.#context;
    if (listener.events.waiting() >= listener.backlog) {
      // The peer sends its data again, and with it another chance.
      counters.dropListenBacklog += 1;
      return;
    }
    const connection = this.#connection(
      listener,
      entry.localAddress,
      entry.localPort,
      entry.remoteAddress,
      entry.remotePort,
      entry.scope,
      entry.route,
      entry.initialSend,
    );
    connection.peerSegment = peerSegmentOf(entry.peerSegment, entry.remoteAddress.isV4);
    connection.sendScale = entry.sendScale;
    connection.sackPermitted = entry.sackPermitted;
    connection.timestamps = entry.timestamps;
    connection.timestampRecent = entry.timestampRecent;
    if (entry.resent === 0) {
      connection.roundTrip.measured(this.#context.now - entry.sentAt, this.#context.now);
    }
    if (!this.#offer(connection, listener, segment, entry.initialReceive)) return;
    entry.remove();
    this.#context.table.add(connection);
    if (entry.resent > 0) connection.congestion.bytes = connection.segmentSize;
    arrive(connection, segment, packet);
  }

  #completeCookie(
    listener: Listener,
    segment: Segment,
    header: ReceivedHeader,
    packet: Packet,
  ): void {
    const context = this.#context;
    if (listener.events.waiting() >= listener.backlog) {
      context.counters.dropListenBacklog += 1;
      return;
    }
    const route = this.#routeBack(header);
    if (route === null) return;
    const { content } = this.#cookies;
    const { options } = segment;
    const remote = header.sourceAddress();
    const connection = this.#connection(
      listener,
      header.destinationAddress(),
      segment.destinationPort,
      remote,
      segment.sourcePort,
      scopeOf(header),
      route,
      advance(segment.acknowledgment, -1),
    );
    connection.peerSegment = peerSegmentOf(content.maximumSegment, remote.isV4);
    connection.sendScale = content.windowScale;
    connection.sackPermitted = content.sackPermitted;
    connection.timestamps = options.hasTimestamps;
    connection.timestampRecent = timestamp(options.timestampValue);
    if (!this.#offer(connection, listener, segment, advance(segment.sequence, -1))) return;
    context.table.add(connection);
    arrive(connection, segment, packet);
  }

  #connection(
    listener: Listener,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    scope: number,
    route: Route,
    initialSend: SequenceNumber,
  ): Connection {
    const { settings } = listener;
    return new Connection(
      this.#context,
      local,
      localPort,
      remote,
      remotePort,
      scope,
      route,
      { ...settings },
      null,
      initialSend,
    );
  }

  /** ESTABLISHED, and offered to the listener's user. False: the user has no room for it. */
  #offer(
    connection: Connection,
    listener: Listener,
    segment: Segment,
    initialReceive: SequenceNumber,
  ): boolean {
    const context = this.#context;
    connection.initialReceive = initialReceive;
    connection.receiveNext = advance(initialReceive, 1);
    connection.lastAcknowledged = connection.receiveNext;
    connection.receiveEdge = advance(connection.receiveNext, listener.initialWindow);
    connection.receiveScale = connection.sendScale < 0 ? 0 : listener.windowScale;
    connection.sendScale = Math.max(connection.sendScale, 0);
    connection.sendUnacknowledged = advance(connection.initialSend, 1);
    connection.sendNext = connection.sendUnacknowledged;
    connection.smallSent = connection.sendNext;
    connection.recoveryPoint = connection.sendNext;
    connection.rackHighest = connection.sendNext;
    connection.rackDuplicateRound = connection.sendNext;
    connection.windowSequence = segment.sequence;
    connection.windowAcknowledgment = segment.acknowledgment;
    connection.sendWindow = segment.window << connection.sendScale;
    connection.sendWindowMaximum = connection.sendWindow;
    connection.timestampRecentAt = context.now;
    connection.tuneTaken = connection.receiveNext;
    connection.tuneAt = context.now;
    connection.owed = acknowledge.none;
    limitSegment(connection);
    connection.congestion.bytes = initialWindow(connection.segmentSize);
    connection.state = tcpState.established;
    const user = listener.events.accept(connection);
    if (user === null) {
      context.counters.dropUserRefused += 1;
      connection.state = tcpState.closed;
      return false;
    }
    connection.user = user;
    connection.binding = listener.share(connection.localAddress, connection.scope);
    context.counters.passiveOpens += 1;
    connection.schedule();
    return true;
  }
}

/** Interface index for link-local peers, else 0. */
export function scopeOf(header: ReceivedHeader): number {
  return !header.isV4 && (header.source0 & 0xffc00000) === (0xfe800000 | 0)
    ? header.interface.index
    : 0;
}

/** How well a listener fits a destination; 0: not at all. */
function scoreOf(listener: Listener, header: ReceivedHeader): number {
  const { address, scope } = listener.local;
  if (scope !== 0 && scope !== header.interface.index) return 0;
  if (
    address.word3 === header.destination3 &&
    address.word2 === header.destination2 &&
    address.word1 === header.destination1 &&
    address.word0 === header.destination0
  ) {
    return 3;
  }
  if (!address.isUnspecified) return 0;
  if (address.isV4) return header.isV4 ? 2 : 0;
  if (header.isV4) return listener.v6Only ? 0 : 1;
  return 2;
}
