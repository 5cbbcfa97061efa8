/** Connections for which the event loop goes on as long as something is under way: calls, also of references, and streams. */
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import type {
  Attachment,
  Channel,
  ChannelListener,
  Closure,
  Message,
  Sent,
} from '@runtimejs/rpc/channel.ts';

/**
 * Connects over a channel.
 * @param hold has the event loop go on; gives what ends that
 */
export function connectHeld(channel: Channel, hold: () => () => void): Connection<unknown> {
  let connection: Connection<unknown> | undefined;
  let release: (() => void) | undefined;
  const look = (): void => {
    if (connection === undefined) return;
    const { unanswered, streams } = connection.statistics;
    const isBusy = channel.closure === undefined && unanswered + streams > 0;
    if (isBusy) {
      release ??= hold();
    } else {
      release?.();
      release = undefined;
    }
  };
  connection = connect(new WatchedChannel(channel, look));
  void connection.closed.then(() => {
    release?.();
    release = undefined;
  });
  return connection;
}

/** Tells when something was sent, and when all that has come was looked at. */
class WatchedChannel implements Channel {
  readonly #channel: Channel;
  readonly #look: () => void;

  constructor(channel: Channel, look: () => void) {
    this.#channel = channel;
    this.#look = look;
  }

  get longestMessage(): number {
    return this.#channel.longestMessage;
  }

  get mostAttachments(): number {
    return this.#channel.mostAttachments;
  }

  get closure(): Closure | undefined {
    return this.#channel.closure;
  }

  start(listener: ChannelListener): void {
    this.#channel.start(listener);
  }

  send(bytes: Uint8Array, attachments?: readonly Attachment[]): Sent {
    const sent = this.#channel.send(bytes, attachments);
    this.#look();
    return sent;
  }

  receive(): Message | undefined {
    const message = this.#channel.receive();
    if (message === undefined) this.#look();
    return message;
  }

  carries(value: object): boolean {
    return this.#channel.carries(value);
  }

  close(reason?: string): void {
    this.#channel.close(reason);
  }
}
