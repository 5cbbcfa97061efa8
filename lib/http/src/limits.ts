/** What one client may cost. */

/** Sizes and counts. */
export interface Limits {
  /** Bytes of a request's head. */
  readonly head: number;
  /** Bytes of a request's target. */
  readonly target: number;
  /** Header fields of a request. */
  readonly fields: number;
  /** Bytes of a request's content. */
  readonly body: number;
  /** Bytes of content that nobody read, which are taken to keep the connection. */
  readonly drain: number;
  /** Connections at a time; more wait until one ends, as with a backlog that is full. */
  readonly connections: number;
}

/** Times, in seconds. */
export interface Timeouts {
  /** From the first byte of a request to the end of its head, and from the connection to its first request. */
  readonly head: number;
  /** Between two pieces of content that somebody waits for. */
  readonly body: number;
  /** From the end of a head to the end of the content. */
  readonly request: number;
  /** Between two requests. */
  readonly idle: number;
  /** Without the client taking any of the response. */
  readonly send: number;
  /** For the client's end of a connection that was closed here. */
  readonly linger: number;
}

export const defaultLimits: Limits = {
  head: 16 * 1024,
  target: 8 * 1024,
  fields: 100,
  body: 16 * 1024 * 1024,
  drain: 64 * 1024,
  connections: 10_000,
};

export const defaultTimeouts: Timeouts = {
  head: 20,
  body: 30,
  request: 300,
  idle: 60,
  send: 60,
  linger: 2,
};
