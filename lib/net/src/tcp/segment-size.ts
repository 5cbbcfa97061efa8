/** How large segments may be: MSS (RFC 9293, 3.7.1; RFC 6691), path MTU (RFC 1191, 8201, 4821). */
import type { Route } from '../network.ts';
import { tcpHeaderSize } from '../wire/tcp.ts';
import { timestampsSize } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';

/** MSS of a peer that names none: RFC 9293, 3.7.1. */
export const defaultSegment4 = 536;
export const defaultSegment6 = 1220;
/** Smallest MSS believed: a peer must not make us send nothing but headers. Linux's TCP_MIN_SND_MSS. */
const smallestSegment = 88;
/** Largest MSS option. */
const largestSegment = 0xffff - 40;
/** Smallest path MTU believed over IPv4 (below, DF is left out) and over IPv6 (RFC 8200). */
export const smallestMtu4 = 552;
export const smallestMtu6 = 1280;
/** Where black-hole detection goes, step by step (RFC 4821, section 7.7). */
const blackHoleSteps4: readonly number[] = [1400, 1024, 512];
const blackHoleSteps6: readonly number[] = [1360, 1220];

/** As long as a path MTU is believed (RFC 1191, section 6.3), us. */
const blackHoleLifetime = 600_000_000;

/** Bytes of the IP header on a route. */
export function ipHeaderSize(route: Route): number {
  return route.destination.isV4 ? 20 : 40;
}

/** The MSS option to send: what fits the route, options not taken off (RFC 6691). */
export function offeredSegment(route: Route, maximum: number): number {
  const fits = Math.min(route.mtu - ipHeaderSize(route) - tcpHeaderSize, largestSegment);
  return maximum > 0 ? Math.min(maximum, fits) : fits;
}

/** The peer's MSS option as it counts, 0: it sent none. */
export function peerSegmentOf(option: number, isV4: boolean): number {
  if (option === 0) return isV4 ? defaultSegment4 : defaultSegment6;
  return Math.max(option, smallestSegment);
}

/** Computes the payload of full segments anew: after the handshake, and when route or settings changed. */
export function limitSegment(connection: Connection): void {
  const { route, settings } = connection;
  connection.segmentMtu = route.mtu;
  let limit = Math.min(
    connection.peerSegment,
    route.mtu - ipHeaderSize(route) - tcpHeaderSize,
    largestSegment,
  );
  if (settings.maximumSegment > 0) limit = Math.min(limit, settings.maximumSegment);
  if (connection.blackHoleSegment > 0) limit = Math.min(limit, connection.blackHoleSegment);
  limit = Math.max(limit, smallestSegment);
  // A path of tiny packets: let routers fragment rather than crawl (RFC 1191, section 3).
  connection.dontFragment = !route.destination.isV4 || route.mtu >= smallestMtu4;
  connection.segmentSize = limit - (connection.timestamps ? timestampsSize : 0);
  const { congestion } = connection;
  // The window stays as many bytes, but never less than a segment.
  congestion.segment = connection.segmentSize;
  if (congestion.bytes < connection.segmentSize) congestion.bytes = connection.segmentSize;
}

/**
 * Large segments vanish and nobody says why: goes one step down (RFC 4821, section 7.7; RFC 2923, 2.1).
 * @param length payload of what vanishes, which may be less than a full segment
 * @returns false when the segments are as small already
 */
export function lowerForBlackHole(connection: Connection, length: number): boolean {
  const options = connection.timestamps ? timestampsSize : 0;
  const now = Math.min(connection.segmentSize, length) + options;
  const steps = connection.route.destination.isV4 ? blackHoleSteps4 : blackHoleSteps6;
  for (const step of steps) {
    if (step < now) {
      connection.blackHoleSegment = step;
      connection.blackHoleUntil = connection.context.now + blackHoleLifetime;
      limitSegment(connection);
      return true;
    }
  }
  return false;
}
