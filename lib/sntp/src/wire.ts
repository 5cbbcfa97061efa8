/** NTP packets (RFC 5905, 7.3; RFC 4330, section 4). Pure: bytes in, fields or a reason out. */

/** Bytes of a packet without extensions. */
export const packetSize = 48;
export const ntpPort = 123;

/** Seconds from NTP's first era, which began in 1900, to 1970. */
const secondsTo1970 = 2_208_988_800n;
const nanosecondsPerSecond = 1_000_000_000n;
/** An era has 2^32 seconds. */
const era = 1n << 32n;
/** A time within this era or the next one is meant: no clock that this software sees runs before 2020. */
const earliest = 1_577_836_800n + secondsTo1970;

/** Modes (RFC 5905, figure 10). */
const modeClient = 3;
const modeServer = 4;
const version = 4;
const leapUnsynchronised = 3;

/** What a server says of the time. */
export interface ServerTime {
  readonly kind: 'time';
  readonly stratum: number;
  /** Nanoseconds to the reference clock and back, and how wrong it may be. */
  readonly rootDelay: bigint;
  readonly rootDispersion: bigint;
  /** Nanoseconds since 1970 when the request came and when the answer left. */
  readonly received: bigint;
  readonly transmitted: bigint;
}

/** A server that does not want to be asked, or not so often (RFC 5905, 7.4). */
export interface KissOfDeath {
  readonly kind: 'kiss';
  /** Four letters: DENY, RSTR, RATE and others. */
  readonly code: string;
}

/** Why an answer is none: each counted under its name. */
export type Refusal =
  | 'too short'
  | 'not from a server'
  | 'unknown version'
  | 'not an answer to this request'
  | 'server not synchronised'
  | 'invalid stratum'
  | 'no transmit time'
  | 'root too far away'
  | 'times out of order';

/**
 * Writes a request. It tells nothing of this machine: what would be its time is a number that nobody can
 * guess, which the server repeats (draft-ietf-ntp-data-minimization).
 *
 * @param into packetSize bytes
 * @param cookie 64 bits
 */
export function writeRequest(into: Uint8Array, cookie: bigint): void {
  into.fill(0);
  into[0] = (version << 3) | modeClient;
  new DataView(into.buffer, into.byteOffset).setBigUint64(40, cookie);
}

/**
 * Reads an answer, with the checks of RFC 4330, section 5.
 *
 * @param bytes what came
 * @param cookie what the request had
 */
export function readAnswer(bytes: Uint8Array, cookie: bigint): ServerTime | KissOfDeath | Refusal {
  if (bytes.length < packetSize) return 'too short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  if ((first & 7) !== modeServer) return 'not from a server';
  const spoken = (first >> 3) & 7;
  if (spoken < 3 || spoken > version) return 'unknown version';
  // Before anything else is believed: only who saw the request knows this.
  if (view.getBigUint64(24) !== cookie) return 'not an answer to this request';
  const stratum = view.getUint8(1);
  if (stratum === 0) return { kind: 'kiss', code: kissCode(bytes) };
  if (first >> 6 === leapUnsynchronised) return 'server not synchronised';
  if (stratum > 15) return 'invalid stratum';
  const transmit = view.getBigUint64(40);
  if (transmit === 0n) return 'no transmit time';
  const rootDelay = shortToNanoseconds(view.getInt32(4));
  const rootDispersion = shortToNanoseconds(view.getUint32(8));
  if (rootDelay < 0n || rootDelay / 2n + rootDispersion >= nanosecondsPerSecond) {
    return 'root too far away';
  }
  const received = timestampToNanoseconds(view.getBigUint64(32));
  const transmitted = timestampToNanoseconds(transmit);
  if (transmitted < received) return 'times out of order';
  return { kind: 'time', stratum, rootDelay, rootDispersion, received, transmitted };
}

function kissCode(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(12, 16)).replace(/[^A-Z0-9]/g, '?');
}

/** 16.16 fixed point. */
function shortToNanoseconds(value: number): bigint {
  return (BigInt(value) * nanosecondsPerSecond) >> 16n;
}

/** A 32.32 timestamp, whose era follows from when this software was written: right until 2156. */
export function timestampToNanoseconds(timestamp: bigint): bigint {
  let seconds = timestamp >> 32n;
  if (seconds < earliest) seconds += era;
  const fraction = ((timestamp & 0xffffffffn) * nanosecondsPerSecond) >> 32n;
  return (seconds - secondsTo1970) * nanosecondsPerSecond + fraction;
}

/** The timestamp of nanoseconds since 1970; for servers and tests. */
export function nanosecondsToTimestamp(nanoseconds: bigint): bigint {
  const seconds = (nanoseconds / nanosecondsPerSecond + secondsTo1970) % era;
  const fraction = ((nanoseconds % nanosecondsPerSecond) << 32n) / nanosecondsPerSecond;
  return (seconds << 32n) | fraction;
}
