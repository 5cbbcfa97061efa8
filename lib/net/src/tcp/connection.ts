/**
 * One connection: its variables (RFC 9293, section 3.3.1) and what its user may do. What happens to
 * it lies in files of their own: arrive (segments), acknowledge, receive, transmit, emit, alarm.
 */
import type { Endpoint, IpAddress } from '../address.ts';
import type { SocketError } from '../errors.ts';
import type { Route, SendOptions } from '../network.ts';
import type { ReceiveRing, SendRing } from '../storage/ring.ts';
import { type Instant, never } from '../storage/timers.ts';
import { type AlarmKind, alarmKind, ConnectionTimer, setTimer } from './alarm.ts';
import { Cubic } from './congestion/cubic.ts';
import { Reno } from './congestion/reno.ts';
import { type CongestionControl, CongestionWindow } from './congestion/types.ts';
import type { TcpContext } from './context.ts';
import { sendReset } from './emit.ts';
import { Flight } from './flight.ts';
import { writeInfo } from './info.ts';
import type { Reassembly } from './reassembly.ts';
import { RoundTrip } from './round-trip.ts';
import { limitSegment } from './segment-size.ts';
import type { Timestamp } from './sequence.ts';
import { advance, distance, type SequenceNumber, sequence, timestamp } from './sequence.ts';
import { type TcpState, tcpState } from './state.ts';
import { TableEntry } from './table.ts';
import type { PortBinding, TcpConnection, TcpSettings, TcpUser } from './types.ts';
import { offeredWindow, windowUpdateAfter } from './window.ts';

/** What congestion control is at. */
export const phase = {
  /** Nothing is lost. */
  open: 0,
  /** Fast recovery (RFC 6675, 6582) until `recoveryPoint` is acknowledged. */
  recovery: 1,
  /** After a timeout, until `recoveryPoint` is acknowledged. */
  loss: 2,
} as const;
export type Phase = (typeof phase)[keyof typeof phase];

/** Whether an acknowledgement is owed. */
export const acknowledge = { none: 0, delayed: 1, now: 2 } as const;
export type Acknowledge = (typeof acknowledge)[keyof typeof acknowledge];

/** What the user is to be told at the end of the turn. */
export const notice = { established: 1, receivable: 2, sendable: 4, receiveEnded: 8 } as const;

/** Quick acknowledgements at a connection's start: the peer's slow start lives on them. */
export const quickAcknowledgments = 16;

const noUser = {
  established(): void {},
  receivable(): void {},
  sendable(): void {},
  receiveEnded(): void {},
  failed(): void {},
  closed(): void {},
};

/** A connection from SYN_SENT or ESTABLISHED on, until it is closed or in TIME_WAIT. */
export class Connection extends TableEntry implements TcpConnection, SendOptions {
  readonly kind = 'connection';
  readonly context: TcpContext;
  readonly settings: TcpSettings;
  /** Port of an active open; the listener's otherwise, null. */
  binding: PortBinding | null;
  readonly #scope: number;
  user: TcpUser | null = null;
  state: TcpState = tcpState.closed;
  route: Route;

  // SendOptions of its packets.
  hopLimit = 0;
  trafficClass = 0;
  dontFragment = true;

  // Send sequence variables. SND.NXT never goes back: what is sent again is in `flight`.
  initialSend: SequenceNumber;
  sendUnacknowledged: SequenceNumber;
  sendNext: SequenceNumber;
  sendWindow = 0;
  sendWindowMaximum = 0;
  windowSequence: SequenceNumber = sequence(0);
  windowAcknowledgment: SequenceNumber = sequence(0);
  sendScale = 0;
  /** Payload bytes of a full segment, options already taken off. */
  segmentSize = 536;
  /** The peer's MSS option, or the default; what black-hole detection came down to, 0: nothing. */
  peerSegment = 536;
  blackHoleSegment = 0;
  blackHoleUntil: Instant = 0;
  /** The route's MTU that segmentSize was computed from. */
  segmentMtu = 0;
  /** End of the last segment sent that was not full (Minshall's Nagle). */
  smallSent: SequenceNumber;
  finQueued = false;
  finSent = false;
  readonly flight: Flight;

  // Receive sequence variables.
  initialReceive: SequenceNumber = sequence(0);
  receiveNext: SequenceNumber = sequence(0);
  /** Right edge of the window as offered; never goes back. */
  receiveEdge: SequenceNumber = sequence(0);
  receiveScale = 0;
  /** What the receive ring may hold now, and at most. */
  receiveLimit: number;
  finReceived = false;
  /** A FIN came while data before it is missing, and where it lies. */
  finAhead = false;
  finAt: SequenceNumber = sequence(0);
  ahead: Reassembly | null = null;
  /** Bytes of the largest segment seen: RCV.MSS for delayed acknowledgements. */
  receiveSegment = 536;
  lastAcknowledged: SequenceNumber = sequence(0);
  owed: Acknowledge = acknowledge.none;
  quickLeft: number = quickAcknowledgments;
  /** The user answers: acknowledgements ride on its data. */
  isInteractive = false;
  duplicateStart: SequenceNumber = sequence(0);
  duplicateEnd: SequenceNumber = sequence(0);
  // Receive autotuning.
  tuneAt: Instant = 0;
  tuneTaken: SequenceNumber = sequence(0);
  receiveRoundTrip = 0;
  measureAt: Instant = 0;
  measureEdge: SequenceNumber = sequence(0);

  // Options agreed on.
  timestamps = false;
  sackPermitted = false;
  timestampOffset: number;
  timestampRecent: Timestamp = timestamp(0);
  timestampRecentAt: Instant = 0;

  // Round trips, loss and congestion.
  readonly roundTrip: RoundTrip = new RoundTrip();
  readonly congestion: CongestionWindow;
  control: CongestionControl;
  phase: Phase = phase.open;
  recoveryPoint: SequenceNumber;
  duplicates = 0;
  /** The window kept the last transmission back: only then may it grow. */
  isWindowUsed = false;
  /** Pacing: when the current burst began, its bytes, and whether more waits for the next one. */
  burstAt: Instant = 0;
  burstSent = 0;
  isBurstHeld = false;
  largestInFlight = 0;
  /** PRR (RFC 9937). */
  prrDelivered = 0;
  prrSent = 0;
  prrFlight = 0;
  /** For undoing: RFC 3522, RFC 3708. */
  undoWindow = 0;
  undoThreshold = 0;
  undoStamp: Timestamp = timestamp(0);
  undoArmed = false;
  undoByEcho = false;
  undoResent = 0;
  /** RACK (RFC 8985): the newest delivered segment, its round trip, reordering. */
  rackSentAt: Instant = 0;
  rackEnd: SequenceNumber = sequence(0);
  rackRoundTrip = 0;
  rackHighest: SequenceNumber;
  rackReordering = false;
  rackWindowFactor = 1;
  rackWindowPersist = 0;
  rackDuplicateRound: SequenceNumber;
  /** TLP: what the probe in flight ends with, and whether it was a retransmission. */
  probeEnd: SequenceNumber = sequence(0);
  isProbing = false;
  probeResent = false;
  /** Probes since SND.UNA moved. */
  tailProbes = 0;

  // Timers: one in the queue, for the earliest of these.
  readonly timer: ConnectionTimer;
  alarm: AlarmKind = alarmKind.none;
  alarmAt: Instant = never;
  acknowledgeAt: Instant = never;
  keepAliveAt: Instant = never;
  paceAt: Instant = never;
  /** Timeouts or probes in a row without an answer. */
  backoff = 0;
  probes = 0;
  /** Since when nothing that was sent was answered (TCP_USER_TIMEOUT). */
  stalledAt: Instant = never;
  receivedAt: Instant = 0;
  sentDataAt: Instant = 0;
  receivedDataAt: Instant = 0;
  challengedAt: Instant = -1e9;
  softError: SocketError | null = null;

  // Of flush().
  isPending = false;
  nextPending: Connection | null = null;
  notices = 0;
  isOrphan = false;
  resetDue = false;

  // For info().
  segmentsSent = 0;
  segmentsReceived = 0;
  dataSegmentsSent = 0;
  dataSegmentsReceived = 0;
  bytesAcknowledged = 0;
  bytesReceived = 0;
  bytesResent = 0;
  totalResent = 0;
  duplicateSacks = 0;

  constructor(
    context: TcpContext,
    localAddress: IpAddress,
    localPort: number,
    remoteAddress: IpAddress,
    remotePort: number,
    scope: number,
    route: Route,
    settings: TcpSettings,
    binding: PortBinding | null,
    initialSend: SequenceNumber,
  ) {
    super(localAddress, localPort, remoteAddress, remotePort);
    this.context = context;
    this.settings = settings;
    this.binding = binding;
    this.#scope = scope;
    this.route = route;
    this.initialSend = initialSend;
    this.sendUnacknowledged = initialSend;
    this.sendNext = initialSend;
    this.smallSent = initialSend;
    this.recoveryPoint = initialSend;
    this.rackHighest = initialSend;
    this.rackDuplicateRound = initialSend;
    this.flight = new Flight(context.ranges);
    this.receiveLimit = initialReceiveLimit(settings);
    this.timestampOffset = context.timestampOffset(localAddress, remoteAddress);
    this.timer = new ConnectionTimer(this);
    this.receivedAt = context.now;
    this.hopLimit = settings.hopLimit;
    this.trafficClass = settings.trafficClass;
    this.congestion = new CongestionWindow(this.segmentSize);
    this.control = newControl(settings);
  }

  get scope(): number {
    return this.#scope;
  }

  get local(): Endpoint {
    return { address: this.localAddress, port: this.localPort, scope: this.#scope };
  }

  get remote(): Endpoint {
    return { address: this.remoteAddress, port: this.remotePort, scope: this.#scope };
  }

  get sendRing(): SendRing | null {
    return this.user === null ? null : this.user.send;
  }

  get receiveRing(): ReceiveRing | null {
    return this.user === null ? null : this.user.receive;
  }

  /** It has left the table; nothing may happen to it any more. */
  get isGone(): boolean {
    return this.state === tcpState.closed;
  }

  get isQuiescent(): boolean {
    return this.flight.isEmpty && this.ahead === null;
  }

  /** Sequence numbers in flight. */
  get outstanding(): number {
    return (this.sendNext - this.sendUnacknowledged) | 0;
  }

  /** RFC 6675's pipe: what is thought to be in the network. */
  get pipe(): number {
    const { flight } = this;
    return this.outstanding - flight.sacked - flight.lost + flight.resent;
  }

  /** True from ESTABLISHED on. */
  get isSynchronized(): boolean {
    return this.state !== tcpState.synSent && this.state !== tcpState.closed;
  }

  /** Data, or FIN, that was not sent yet. */
  get unsent(): number {
    if (this.finSent || this.user === null) return 0;
    return this.user.send.length - this.outstanding;
  }

  get events(): TcpUser['events'] {
    return this.user === null ? noUser : this.user.events;
  }

  /** Has flush() look at it. */
  schedule(): void {
    this.context.schedule(this);
  }

  /** Asks for a route again when the old one does not hold any more. False: there is none now. */
  refreshRoute(): boolean {
    if (this.route.valid) return true;
    const route = this.context.network.route(this.remoteAddress, this.localAddress, this.#scope);
    if (typeof route === 'string') {
      this.softError = route;
      return false;
    }
    this.route = route;
    limitSegment(this);
    return true;
  }

  // What the user does.

  sendMore(): void {
    this.schedule();
  }

  received(): void {
    if (this.state === tcpState.closed) return;
    if (windowUpdateAfter(this) <= 0) {
      this.owed = acknowledge.now;
      this.schedule();
    }
  }

  shutdownSend(): void {
    if (this.finQueued) return;
    switch (this.state) {
      case tcpState.synSent:
      case tcpState.synReceived:
        // The FIN goes out after the handshake (RFC 9293, 3.10.4).
        this.finQueued = true;
        return;
      case tcpState.established:
        this.state = tcpState.finWait1;
        break;
      case tcpState.closeWait:
        this.state = tcpState.lastAck;
        break;
      default:
        return;
    }
    this.finQueued = true;
    this.schedule();
  }

  close(): void {
    if (this.state === tcpState.closed || this.isOrphan) return;
    this.isOrphan = true;
    if (this.state === tcpState.synSent) {
      this.#end();
      return;
    }
    // Unread data: the peer must learn that it was not taken (RFC 9293, 3.10.4; RFC 2525, 2.17).
    if (this.user !== null && this.user.receive.length > 0) {
      this.resetDue = true;
      this.schedule();
      return;
    }
    this.shutdownSend();
    this.schedule();
  }

  abort(): void {
    if (this.state === tcpState.closed) return;
    this.user = null;
    this.reset();
  }

  settingsChanged(): void {
    const { settings } = this;
    this.hopLimit = settings.hopLimit;
    this.trafficClass = settings.trafficClass;
    if (this.state === tcpState.closed) return;
    if (this.control.name !== settings.congestion) this.control = newControl(settings);
    if (settings.receiveBuffer > 0) this.receiveLimit = settings.receiveBuffer;
    this.keepAliveAt = never;
    if (this.isSynchronized) limitSegment(this);
    if (settings.quickAck) {
      this.quickLeft = quickAcknowledgments;
      this.isInteractive = false;
      if (this.owed === acknowledge.delayed) this.owed = acknowledge.now;
    }
    setTimer(this);
    this.schedule();
  }

  get sendTarget(): number {
    const { settings, context } = this;
    if (settings.sendBuffer > 0) return settings.sendBuffer;
    return Math.min(Math.max(2 * this.congestion.bytes, 1 << 17), context.limits.sendBuffer);
  }

  get windowUpdateAfter(): number {
    return windowUpdateAfter(this);
  }

  info(into: Uint8Array): number {
    return writeInfo(this, into);
  }

  /** Most that the receive ring may hold. */
  get receiveMaximum(): number {
    const { settings, context } = this;
    return settings.receiveBuffer > 0 ? settings.receiveBuffer : context.limits.receiveBuffer;
  }

  /** Window that would be offered now, in bytes. */
  get window(): number {
    return offeredWindow(this);
  }

  /** Sequence number after the last byte in the send ring. */
  get sendEnd(): SequenceNumber {
    return advance(this.sendUnacknowledged, this.user === null ? 0 : this.user.send.length);
  }

  /** Bytes of the window that are not in flight. */
  get sendRoom(): number {
    return distance(advance(this.sendUnacknowledged, this.sendWindow), this.sendNext);
  }

  // How it ends.

  /** RST to the peer, and gone; the user hears nothing. */
  reset(): void {
    if (this.state !== tcpState.synSent) sendReset(this);
    this.release();
  }

  /** Gone because of an error; the user is told. */
  fail(error: SocketError): void {
    const { events } = this;
    this.deliver();
    this.release();
    events.failed(error);
  }

  /** Gone in order; the user is told. */
  finish(): void {
    this.deliver();
    this.#end();
  }

  #end(): void {
    const { events } = this;
    this.release();
    events.closed();
  }

  /** Leaves the table; timers, ranges and port are given back. */
  release(): void {
    this.state = tcpState.closed;
    this.notices = 0;
    this.owed = acknowledge.none;
    this.user = null;
    this.ahead = null;
    this.flight.clear();
    this.context.environment.timers.remove(this.timer);
    this.context.table.remove(this);
    if (this.binding !== null) {
      this.binding.release();
      this.binding = null;
    }
  }

  /** Tells the user what happened since the last flush. */
  deliver(): void {
    const { notices, events } = this;
    if (notices === 0) return;
    this.notices = 0;
    if ((notices & notice.established) !== 0) events.established();
    if ((notices & notice.receivable) !== 0) events.receivable();
    if ((notices & notice.receiveEnded) !== 0) events.receiveEnded();
    if ((notices & notice.sendable) !== 0) events.sendable();
  }
}

/** The window starts at 64 KiB and grows by itself, unless the user fixed it. */
function initialReceiveLimit(settings: TcpSettings): number {
  return settings.receiveBuffer > 0 ? settings.receiveBuffer : 65536;
}

/** The congestion control that the settings ask for. */
function newControl(settings: TcpSettings): CongestionControl {
  return settings.congestion === 'reno' ? new Reno() : new Cubic();
}
