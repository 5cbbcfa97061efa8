/**
 * What RPC runs over: one end of a channel between two sides, which may be isolates, Workers, or two
 * objects of one test. Messages arrive whole, once and in order. A channel is bounded: it refuses
 * what does not fit and says when to try again, so that a slow receiver slows its sender and
 * neither side's memory grows.
 *
 * Nothing here waits or blocks, and nothing calls back from within a call: send() and receive()
 * try, and the listener is told later, from the event loop, when trying again is worth it.
 */

/**
 * What travels beside the bytes: an ArrayBuffer moves (the sender's is detached and nothing is copied), a
 * SharedArrayBuffer is shared, and any other object must be one that the channel carries(), such as a
 * capability or the end of another channel. Never a number: what a peer holds it was given.
 */
export type Attachment = object;

/** One message, as receive() gives it. Both fields are valid until the next call of receive(). */
export interface Message {
  readonly bytes: Uint8Array;
  readonly attachments: readonly Attachment[];
}

/**
 * What became of a message: `sent`, and the peer gets it unless one of the two dies; `full`, nothing was
 * taken, and the listener's writable() will follow; `closed`, nothing was taken and nothing ever will be.
 */
export type Sent = 'sent' | 'full' | 'closed';

/** Why a channel has ended. */
export interface Closure {
  /**
   * `closed`: one side called close(). `died`: the peer ended without that; what it had sent may be
   * lost. `broken`: the peer broke the channel's own rules, so that nothing it says can be trusted.
   */
  readonly cause: 'closed' | 'died' | 'broken';
  /** Whose doing it was. */
  readonly by: 'here' | 'peer';
  /** For people, such as `heap limit of 16 MiB reached`. Empty when none was given. */
  readonly reason: string;
}

/** Who is told. Each method is called from the event loop and should not throw. */
export interface ChannelListener {
  /**
   * Messages have come, or the end of the channel has. Called again only after receive() has returned
   * undefined; until then the receiver may leave messages where they are, which slows the peer.
   */
  readable(): void;
  /** After send() had returned `full`: there is room again. Another message may be refused still. */
  writable(): void;
  /**
   * The channel has ended, and whatever arrived before was received. Called once, also after the own
   * side's close(); nothing follows.
   */
  closed(closure: Closure): void;
}

/** One end of a channel. */
export interface Channel {
  /** The longest message in bytes. At least 256. */
  readonly longestMessage: number;
  /** Most attachments of one message. At least 1. */
  readonly mostAttachments: number;

  /**
   * Begins to deliver. What came before waits.
   * @throws Error when the channel has a listener already
   */
  start(listener: ChannelListener): void;

  /**
   * Sends a message. The bytes are copied before this returns, so that the caller may reuse them. The
   * peer is told at the latest when the current job of the event loop ends.
   * @param attachments detached here when the result is `sent`, and only then
   * @throws RangeError when the message is longer than longestMessage or has more than mostAttachments;
   *   TypeError when an attachment is detached already, is there twice, or cannot be carried
   */
  send(bytes: Uint8Array, attachments?: readonly Attachment[]): Sent;

  /**
   * The next message, or undefined when none is there, in which case the listener's readable() tells
   * when to ask again. Makes room for the peer.
   */
  receive(): Message | undefined;

  /** Whether an object that is neither ArrayBuffer nor SharedArrayBuffer may be an attachment. */
  carries(value: object): boolean;

  /**
   * Ends the channel for both sides. What was sent before is still delivered to the peer, who then learns
   * the reason; what is not received yet on this side is dropped. Does nothing when the channel has ended.
   * @param reason for people; the peer sees it
   */
  close(reason?: string): void;

  /** Why the channel has ended; undefined while it has not. */
  readonly closure: Closure | undefined;
}
