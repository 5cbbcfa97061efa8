/** Linux's struct tcp_info (include/uapi/linux/tcp.h), as getsockopt(TCP_INFO) gives it. */

import { backedOff, delayedAcknowledgment } from './alarm.ts';
import { noThreshold } from './congestion/types.ts';
import type { Connection } from './connection.ts';
import { phase } from './connection.ts';
import { offeredSegment } from './segment-size.ts';
import { distance } from './sequence.ts';

/** Bytes that are filled in: up to tcpi_snd_wnd. */
export const tcpInfoSize = 232;

/** @returns how many bytes were written: all that fit, at most tcpInfoSize */
export function writeInfo(connection: Connection, into: Uint8Array): number {
  const bytes = new Uint8Array(tcpInfoSize);
  const view = new DataView(bytes.buffer);
  const { context, congestion, flight, roundTrip, segmentSize } = connection;
  const { now } = context;
  const byte = (at: number, value: number): void => view.setUint8(at, value & 0xff);
  const word = (at: number, value: number): void =>
    view.setUint32(at, Math.min(Math.max(0, Math.round(value)), 0xffffffff), true);
  const long = (at: number, value: number): void =>
    view.setBigUint64(at, BigInt(Math.max(0, Math.round(value))), true);
  const since = (instant: number): number => (instant <= 0 ? 0 : (now - instant) / 1000);
  const segments = (amount: number): number => Math.ceil(amount / segmentSize);
  byte(0, connection.state);
  byte(1, connection.phase === phase.loss ? 4 : connection.phase === phase.recovery ? 3 : 0);
  byte(2, connection.backoff);
  byte(3, connection.probes);
  byte(4, connection.backoff);
  const scaled = connection.sendScale > 0 || connection.receiveScale > 0;
  byte(5, (connection.timestamps ? 1 : 0) | (connection.sackPermitted ? 2 : 0) | (scaled ? 4 : 0));
  byte(6, Math.max(0, connection.sendScale) | (connection.receiveScale << 4));
  word(8, backedOff(connection));
  word(12, delayedAcknowledgment);
  word(16, segmentSize);
  word(20, connection.receiveSegment);
  word(24, segments(connection.outstanding));
  word(28, segments(flight.sacked));
  word(32, segments(flight.lost));
  word(36, segments(flight.resent));
  word(44, since(connection.sentDataAt));
  word(52, since(connection.receivedDataAt));
  word(56, since(connection.receivedAt));
  word(60, connection.route.mtu);
  word(64, connection.receiveLimit);
  word(68, roundTrip.smoothed);
  word(72, roundTrip.variance);
  word(76, congestion.threshold === noThreshold ? noThreshold : segments(congestion.threshold));
  word(80, segments(congestion.bytes));
  word(84, offeredSegment(connection.route, connection.settings.maximumSegment));
  word(88, 3);
  word(92, connection.receiveRoundTrip);
  word(96, connection.receiveLimit);
  word(100, connection.totalResent);
  long(112, 0xffffffff);
  long(120, connection.bytesAcknowledged);
  long(128, connection.bytesReceived);
  word(136, connection.segmentsSent);
  word(140, connection.segmentsReceived);
  word(144, Math.max(0, connection.unsent));
  word(148, roundTrip.minimum);
  word(152, connection.dataSegmentsReceived);
  word(156, connection.dataSegmentsSent);
  const sent = Math.max(0, distance(connection.sendNext, connection.sendUnacknowledged));
  long(200, connection.bytesAcknowledged + sent + connection.bytesResent);
  long(208, connection.bytesResent);
  word(216, connection.duplicateSacks);
  word(220, connection.rackReordering ? 1 : 0);
  word(224, connection.ahead?.count ?? 0);
  word(228, connection.sendWindow);
  const length = Math.min(into.length, tcpInfoSize);
  into.set(bytes.subarray(0, length));
  return length;
}
