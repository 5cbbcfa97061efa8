/**
 * How values look as bytes. Each begins with a tag. Numbers without a sign are LEB128 (7 bits to a byte, least first);
 * doubles are IEEE 754, least byte first. Every value from `object` on gets the next number, counted from 0, by which
 * `again` names it: so that shared references stay shared, and cycles end.
 */
export const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** Zigzag, then LEB128: -2^31 to 2^31 - 1. */
  integer: 4,
  double: 5,
  /** Sign (1 for below zero), length, hexadecimal digits. */
  bigint: 6,
  /** Length, one byte for each code unit. */
  latin1: 7,
  /** Length, two bytes for each code unit: lone surrogates survive. */
  utf16: 8,
  /** Number of an earlier value. */
  again: 9,
  /** An element that an array does not have; only in arrays. */
  hole: 10,
  /** Number of properties; key and value of each. A key is a string's value with its tag. */
  object: 11,
  /** Length; each element. */
  array: 12,
  /** Length, number of elements; index and value of each, in rising order. */
  sparseArray: 13,
  /** Milliseconds since 1970, a double. */
  date: 14,
  /** Source and flags, two strings. */
  regExp: 15,
  /** Number of entries; key and value of each. */
  map: 16,
  /** Number of entries; each. */
  set: 17,
  /**
   * Kind, see errorKinds; name, message, stack, each a string or undefined; number of further properties, among them
   * cause and errors; key and value of each.
   */
  error: 18,
  /** The primitive in it: number, string, boolean or bigint. */
  boxed: 19,
  /** Length; bytes. */
  buffer: 20,
  /** Number of an attachment that is an ArrayBuffer, a SharedArrayBuffer or something the channel carries. */
  attachment: 21,
  /** Kind, see viewKinds; offset in bytes; length in elements; its buffer, a value. */
  view: 22,
  /** Kind and number: what these mean is the matter of whoever encodes, such as RPC. */
  reference: 23,
} as const;

/** Constructors of errors; names beyond them arrive as Error with that name. */
export const errorKinds: readonly ErrorConstructor[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError as unknown as ErrorConstructor,
];

/** Constructors of views of buffers. */
export const viewKinds = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Float16Array,
] as const;

/** The key that is refused on both sides: whoever assigned it on would set a prototype. */
export const refusedKey = '__proto__';
