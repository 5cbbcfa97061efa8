/**
 * What the two sides say to each other. Numbers are LEB128, values as in the codec. A frame of the channel begins with a
 * byte: `part` for a piece of a message that more follows of, `last` for the last or only piece. A message
 * begins with its kind.
 */

export const frame = { last: 0, part: 1 } as const;

export const kind = {
  /** Version, and what this side allows the peer: see Allowance. Once, first. */
  hello: 0,
  /** Number, target, method, number of arguments; each. */
  call: 1,
  /** Number of the call; value. */
  result: 2,
  /** Number of the call; what was thrown. */
  failure: 3,
  /** Number of a call nobody waits for any longer; reason. Its signals abort; it is answered all the same. */
  cancel: 4,
  /** Number of a signal; reason. */
  abort: 5,
  /** Number of a reference; how many times it was received. */
  release: 6,
  /** Number of a stream; how many items more are wanted. */
  want: 7,
  /** Number of a stream; value. */
  item: 8,
  /** Number of a stream. */
  end: 9,
  /** Number of a stream; what was thrown. */
  fail: 10,
  /** Number of a stream of which no more is wanted. */
  stop: 11,
} as const;

/** Kinds of references in values. */
export const referenceKind = {
  /** Something of the sender's that the receiver may call. */
  mine: 0,
  /** Something that the receiver gave to the sender before. */
  yours: 1,
  /** A stream of the sender's. */
  stream: 2,
  /** A signal of the sender's, in arguments alone: it lasts as long as the call. */
  signal: 3,
} as const;

export const version = 1;

/** The target of every call that is not on a reference: what the peer serves. */
export const root = 0;

/** What a side allows its peer, so that it need not keep more than that. */
export interface Allowance {
  /** Calls that are not answered yet. */
  readonly calls: number;
  /** Bytes of those calls, of which one is allowed always. */
  readonly callBytes: number;
  /** References to the peer's objects and streams that this side will hold. */
  readonly references: number;
  /** Bytes of one message, without the buffers that move: at least leastMessageBytes. */
  readonly messageBytes: number;
}

/** What every side takes, so that there is always room to say what went wrong. */
export const leastMessageBytes = 4096;

/** What is kept to unless a program says otherwise. */
export const defaultAllowance: Allowance = {
  calls: 1024,
  callBytes: 16 << 20,
  references: 10_000,
  messageBytes: 16 << 20,
};
