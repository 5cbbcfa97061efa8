/** Making packets: every segment that TCP sends is put together in this file. */
import type { NetworkLayer, Route, SendOptions } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { never } from '../storage/timers.ts';
import { write16 } from '../wire/bytes.ts';
import {
  tcpChecksumOffset,
  tcpFlag,
  tcpHeaderMaximum,
  tcpHeaderSize,
  writeTcpHeader,
} from '../wire/tcp.ts';
import {
  sackBlockMaximum,
  timestampsSize,
  writeMaximumSegment,
  writeSackBlock,
  writeSackHead,
  writeSackPermitted,
  writeTimestamps,
  writeWindowScale,
} from '../wire/tcp-options.ts';
import { acknowledge, type Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import type { Segment } from './segment.ts';
import { offeredSegment } from './segment-size.ts';
import { advance, distance, type SequenceNumber } from './sequence.ts';
import { tcpState } from './state.ts';
import { takeWindowField } from './window.ts';

const tcpProtocol = 6;

/** How packets go out that belong to no connection. */
export const plainOptions: SendOptions = { hopLimit: 0, trafficClass: 0, dontFragment: true };

/** A packet with room for a segment, or null, counted, when the device has none. */
export function allocate(context: TcpContext, route: Route, size: number): Packet | null {
  const packet = context.network.allocate(route, size);
  if (packet === null) {
    context.counters.dropNoPacket += 1;
    return null;
  }
  packet.end = packet.start + size;
  return packet;
}

/** Completes the checksum, or leaves it to the device, and sends. */
export function dispatch(
  context: TcpContext,
  route: Route,
  packet: Packet,
  options: SendOptions,
): void {
  const { network, memory } = context;
  const length = packet.end - packet.start;
  const at = packet.start + tcpChecksumOffset;
  const pseudo = pseudoSum(network, route, length);
  if (route.checksumOffload) {
    write16(memory.bytes, at, pseudo);
    packet.checksum = checksumState.partial;
    packet.checksumStart = packet.start;
    packet.checksumOffset = tcpChecksumOffset;
  } else {
    write16(memory.bytes, at, ~memory.checksum(packet.start, length, pseudo) & 0xffff);
    packet.checksum = checksumState.none;
  }
  context.counters.segmentsSent += 1;
  network.send(route, packet, tcpProtocol, options);
}

function pseudoSum(network: NetworkLayer, route: Route, length: number): number {
  return network.pseudoHeaderSum(route, tcpProtocol, length);
}

/** What an acknowledgement clears: it rides on every segment with ACK. */
function acknowledged(connection: Connection): void {
  connection.owed = acknowledge.none;
  connection.acknowledgeAt = never;
  connection.lastAcknowledged = connection.receiveNext;
  if (connection.quickLeft > 0) connection.quickLeft -= 1;
}

/** Bytes of header and options of a connection's ordinary segments. */
export function headerSize(connection: Connection): number {
  return connection.timestamps ? tcpHeaderSize + timestampsSize : tcpHeaderSize;
}

/** Writes header and timestamps of an ordinary segment at the packet's start. */
function writeOrdinary(
  connection: Connection,
  packet: Packet,
  sequence: SequenceNumber,
  flags: number,
  size: number,
): void {
  const { context } = connection;
  const { bytes } = context.memory;
  writeTcpHeader(
    bytes,
    packet.start,
    connection.localPort,
    connection.remotePort,
    sequence,
    connection.receiveNext,
    size,
    flags,
    takeWindowField(connection),
  );
  if (connection.timestamps) {
    writeTimestamps(
      bytes,
      packet.start + tcpHeaderSize,
      context.timestamp(connection.timestampOffset),
      connection.timestampRecent,
    );
  }
  connection.segmentsSent += 1;
}

/**
 * Sends data that the send ring holds, with ACK.
 * @param start its first sequence number; @param length bytes, more than a segment is cut by the device
 * @param flags PSH and FIN as they apply
 * @returns false when there is no packet or no route
 */
export function sendData(
  connection: Connection,
  start: SequenceNumber,
  length: number,
  flags: number,
): boolean {
  const { context, user } = connection;
  if (user === null || !connection.refreshRoute()) return false;
  const { route } = connection;
  const header = headerSize(connection);
  const packet = allocate(context, route, header + length);
  if (packet === null) return false;
  writeOrdinary(connection, packet, start, flags | tcpFlag.ack, header);
  if (length > 0) {
    user.send.copy(distance(start, connection.sendUnacknowledged), packet.start + header, length);
    connection.dataSegmentsSent += 1;
    context.counters.bytesSent += length;
    connection.sentDataAt = context.now;
    connection.isInteractive =
      connection.isInteractive || context.now - connection.receivedDataAt < 40_000;
  }
  if (length > connection.segmentSize) packet.segmentSize = connection.segmentSize;
  // Selective acknowledgements only go on segments without data: those that are owed stay owed.
  if (connection.ahead === null && connection.duplicateStart === connection.duplicateEnd) {
    acknowledged(connection);
  }
  dispatch(context, route, packet, connection);
  return true;
}

/** Sends an acknowledgement without data, with selective acknowledgements where there are gaps. */
export function sendAcknowledgment(connection: Connection): void {
  sendEmpty(connection, connection.sendNext);
}

/** Sends a probe that the peer must answer: a sequence number before its window (RFC 9293, 3.8.4). */
export function sendProbe(connection: Connection): void {
  sendEmpty(connection, advance(connection.sendUnacknowledged, -1));
}

function sendEmpty(connection: Connection, sequence: SequenceNumber): void {
  const { context } = connection;
  if (!connection.refreshRoute()) {
    context.counters.dropNoRoute += 1;
    return;
  }
  const size = headerSize(connection);
  const blocks = sackBlockCount(connection);
  const whole = blocks === 0 ? size : size + 4 + 8 * blocks;
  const packet = allocate(context, connection.route, whole);
  if (packet === null) return;
  writeOrdinary(connection, packet, sequence, tcpFlag.ack, whole);
  if (blocks > 0) writeSacks(connection, packet.start + size, blocks);
  context.counters.acknowledgmentsSent += 1;
  acknowledged(connection);
  dispatch(context, connection.route, packet, connection);
}

/** How many blocks fit and are known, a duplicate's (RFC 2883) included. */
function sackBlockCount(connection: Connection): number {
  if (!connection.sackPermitted) return 0;
  const duplicate = connection.duplicateStart === connection.duplicateEnd ? 0 : 1;
  const known = connection.ahead === null ? 0 : connection.ahead.count;
  return Math.min(
    duplicate + known,
    connection.timestamps ? sackBlockMaximum - 1 : sackBlockMaximum,
  );
}

/** Writes SACK blocks: a duplicate first (RFC 2883), then the ranges that changed last (RFC 2018, section 4). */
function writeSacks(connection: Connection, at: number, count: number): void {
  const { context, ahead } = connection;
  const { bytes } = context.memory;
  let cursor = writeSackHead(bytes, at, count);
  let left = count;
  if (connection.duplicateStart !== connection.duplicateEnd) {
    cursor = writeSackBlock(bytes, cursor, connection.duplicateStart, connection.duplicateEnd);
    connection.duplicateStart = connection.duplicateEnd;
    context.counters.duplicateSacksSent += 1;
    left -= 1;
  }
  let than = Number.MAX_SAFE_INTEGER;
  while (left > 0 && ahead !== null) {
    const range = ahead.newest(than);
    if (range < 0) return;
    cursor = writeSackBlock(bytes, cursor, ahead.start(range), ahead.end(range));
    than = ahead.changeOf(range);
    left -= 1;
  }
}

/** Sends the SYN of an active open, or SYN and ACK of a simultaneous one. */
export function sendSyn(connection: Connection): void {
  const { context, settings } = connection;
  if (!connection.refreshRoute()) {
    context.counters.dropNoRoute += 1;
    return;
  }
  const answers = connection.state === tcpState.synReceived;
  // Offer everything at first; answer only what the peer offered.
  const withTimestamps = !answers || connection.timestamps;
  const withScale = !answers || connection.sendScale >= 0;
  sendHandshake(
    context,
    connection.route,
    connection.localPort,
    connection.remotePort,
    connection.initialSend,
    answers ? connection.receiveNext : 0,
    answers ? tcpFlag.syn | tcpFlag.ack : tcpFlag.syn,
    Math.min(connection.receiveLimit, 0xffff),
    offeredSegment(connection.route, settings.maximumSegment),
    withScale ? connection.receiveScale : -1,
    !answers || connection.sackPermitted,
    withTimestamps,
    context.timestamp(connection.timestampOffset),
    answers ? connection.timestampRecent : 0,
    connection,
  );
  connection.segmentsSent += 1;
}

/** Sends a segment with SYN and its options. */
export function sendHandshake(
  context: TcpContext,
  route: Route,
  localPort: number,
  remotePort: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  segment: number,
  scale: number,
  sack: boolean,
  timestamps: boolean,
  timestampValue: number,
  timestampEcho: number,
  options: SendOptions,
): void {
  const packet = allocate(context, route, tcpHeaderMaximum);
  if (packet === null) return;
  const { bytes } = context.memory;
  const { start } = packet;
  let at = writeMaximumSegment(bytes, start + tcpHeaderSize, segment);
  if (sack) at = writeSackPermitted(bytes, at);
  if (timestamps) at = writeTimestamps(bytes, at, timestampValue, timestampEcho);
  if (scale >= 0) at = writeWindowScale(bytes, at, scale);
  packet.end = at;
  writeTcpHeader(
    bytes,
    start,
    localPort,
    remotePort,
    sequence,
    acknowledgment,
    at - start,
    flags,
    window,
  );
  dispatch(context, route, packet, options);
}

/** Sends a header without data or connection: resets, acknowledgements in TIME_WAIT. */
export function sendBare(
  context: TcpContext,
  route: Route,
  localPort: number,
  remotePort: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  timestamps: boolean,
  timestampValue: number,
  timestampEcho: number,
): void {
  const size = timestamps ? tcpHeaderSize + timestampsSize : tcpHeaderSize;
  const packet = allocate(context, route, size);
  if (packet === null) return;
  const { bytes } = context.memory;
  writeTcpHeader(
    bytes,
    packet.start,
    localPort,
    remotePort,
    sequence,
    acknowledgment,
    size,
    flags,
    window,
  );
  if (timestamps) {
    writeTimestamps(bytes, packet.start + tcpHeaderSize, timestampValue, timestampEcho);
  }
  dispatch(context, route, packet, plainOptions);
}

/** Resets the peer of a connection (RFC 9293, 3.10.5). */
export function sendReset(connection: Connection): void {
  const { context } = connection;
  if (!connection.refreshRoute()) {
    context.counters.dropNoRoute += 1;
    return;
  }
  context.counters.resetsSent += 1;
  sendBare(
    context,
    connection.route,
    connection.localPort,
    connection.remotePort,
    connection.sendNext,
    connection.receiveNext,
    tcpFlag.rst | tcpFlag.ack,
    0,
    connection.timestamps,
    context.timestamp(connection.timestampOffset),
    connection.timestampRecent,
  );
}

/**
 * Answers a segment that belongs to nothing by RST (RFC 9293, 3.5.2, group 1; 3.10.7.1), as often as
 * the stack's limit lets it. The segment must not be an RST.
 */
export function resetStray(context: TcpContext, route: Route, segment: Segment): void {
  if (!context.resetLimit.take(context.now)) {
    context.counters.dropResetLimited += 1;
    return;
  }
  context.counters.resetsSent += 1;
  const withAck = segment.has(tcpFlag.ack);
  sendBare(
    context,
    route,
    segment.destinationPort,
    segment.sourcePort,
    withAck ? segment.acknowledgment : 0,
    withAck ? 0 : advance(segment.sequence, segment.span),
    withAck ? tcpFlag.rst : tcpFlag.rst | tcpFlag.ack,
    0,
    false,
    0,
    0,
  );
}
