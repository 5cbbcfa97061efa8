/**
 * Sequence numbers (RFC 9293, section 3.4): 32 bits, compared modulo 2^32. They are kept as signed
 * integers, which V8 stores unboxed; every comparison in TCP goes through this file.
 */

declare const brand: unique symbol;

/** A TCP sequence number, or an RFC 7323 timestamp (`Timestamp`), as a signed 32-bit integer. */
export type SequenceNumber = number & { readonly [brand]: 'sequence' };

/** A value of the timestamps option; the same arithmetic, another meaning. */
export type Timestamp = number & { readonly [brand]: 'timestamp' };

/** Makes a sequence number of any integer. */
export function sequence(value: number): SequenceNumber {
  return (value | 0) as SequenceNumber;
}

/** Makes a timestamp of any integer. */
export function timestamp(value: number): Timestamp {
  return (value | 0) as Timestamp;
}

/** `from` moved by `distance`, which may be negative. */
export function advance(from: SequenceNumber, distance: number): SequenceNumber {
  return ((from + distance) | 0) as SequenceNumber;
}

/** How far `later` is after `earlier`; negative when it is before. */
export function distance<T extends SequenceNumber | Timestamp>(later: T, earlier: T): number {
  return (later - earlier) | 0;
}

/** a < b */
export function before<T extends SequenceNumber | Timestamp>(a: T, b: T): boolean {
  return ((a - b) | 0) < 0;
}

/** a <= b */
export function notAfter<T extends SequenceNumber | Timestamp>(a: T, b: T): boolean {
  return ((a - b) | 0) <= 0;
}

/** The later of two. */
export function latest(a: SequenceNumber, b: SequenceNumber): SequenceNumber {
  return ((a - b) | 0) < 0 ? b : a;
}

/** The earlier of two. */
export function earliest(a: SequenceNumber, b: SequenceNumber): SequenceNumber {
  return ((a - b) | 0) < 0 ? a : b;
}
