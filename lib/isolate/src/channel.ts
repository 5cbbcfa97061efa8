/** Channels between bare isolates: the ends that one isolate has, over the bindings of the shim. */
import type {
  Attachment,
  Channel,
  ChannelListener,
  Closure,
  Message,
  Sent,
} from '@runtimejs/rpc/channel.ts';
import { checkMessage } from '@runtimejs/rpc/channels/check.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import type { ChannelBindings as SharedBindings } from './generated/bindings.d.ts';
import type { NodeBindings } from './generated/node-bindings.d.ts';

/** What there is for channels, in some isolates only. */
export type ChannelBindings = SharedBindings &
  Partial<Pick<NodeBindings['channel'], 'callSystem'>> &
  Partial<Pick<SystemBindings['channel'], 'listen' | 'accept'>>;

/** MessageRing::kLongestMessage and the most attachments of channel_table.cc in native/shim. */
const longestMessage = 16 * 1024;
const mostAttachments = 64;
/** RUNTIME_CHANNEL_* in native/abi/isolate.abi.ts. */
const results: readonly (Sent | undefined)[] = [undefined, 'sent', 'full', 'closed'];
/** RUNTIME_RECEIVED_ATTACHMENTS: something came with a message; negative: nothing comes any more. */
const attachmentMark = 0x4000_0000;
/** RUNTIME_RECEIVED_LAST: nothing follows a message that no news will come of. */
const lastMark = 0x2000_0000;
/** Kinds of news: an isolate has ended, and threads of the app call the system isolate. */
const isolateEnded = 2;
const calls = 3;
/** Closure::Cause in native/shim. */
const died = 2;
/** Messages that are taken without a turn of the event loop: a peer that floods must not stop all else. */
const mostInTurn = 512;
/** Bytes of the first buffer for what arrives; it grows. */
const firstBuffer = 1024;
/** Messages shorter than this have views that are kept. */
const keptViews = 256;
const none: readonly Attachment[] = [];

/** What an isolate does for its channels. */
export interface ChannelHost {
  /** Runs a function in a later turn of the loop. */
  later(run: () => void): void;
  /** Whether an ArrayBuffer is not this program's to give away, such as Node's pool of small buffers. */
  isPinned?(buffer: object): boolean;
}

/** All channels of this isolate. */
export class Channels {
  readonly #bindings: ChannelBindings;
  readonly #host: ChannelHost;
  readonly #ends = new Map<number, IsolateChannel>();
  #ended: (isolate: number) => void = () => {};
  #called: (channel: Channel) => void = () => {};

  constructor(bindings: ChannelBindings, host: ChannelHost) {
    this.#bindings = bindings;
    this.#host = host;
    bindings.onNews((kind, id) => {
      if (kind === isolateEnded) this.#ended(id);
      else if (kind === calls) this.#accept();
      else this.#ends.get(id)?.look();
    });
  }

  /** Names who is told that an isolate has ended. */
  onIsolateEnded(listener: (isolate: number) => void): void {
    this.#ended = listener;
  }

  /**
   * Makes a channel.
   * @returns its two ends
   * @throws Error with the code EMFILE when this isolate has too many, ENOMEM when there is no memory
   */
  create(): [Channel, Channel] {
    const { first, second } = this.#bindings.create({ first: 0, second: 0 });
    return [this.adopt(first), this.adopt(second)];
  }

  /**
   * In a thread of an app in Node: makes a channel to the system isolate, this life's or the next one's.
   * @returns this side's end
   * @throws Error with the code ENOENT when there is no system isolate, ENOMEM when there is no memory
   */
  call(): Channel {
    const { callSystem } = this.#bindings;
    if (callSystem === undefined) throw new Error('Apps in Node call the system isolate.');
    return this.adopt(callSystem());
  }

  /** In the system isolate: names who gets the channels of threads of the app that call. */
  onCaller(listener: (channel: Channel) => void): void {
    this.#called = listener;
    this.#bindings.listen?.();
  }

  #accept(): void {
    for (let id = this.#bindings.accept?.(); id; id = this.#bindings.accept?.()) {
      this.#called(this.adopt(id));
    }
  }

  /** Takes in an end that this isolate was given. */
  adopt(id: number): IsolateChannel {
    const end = new IsolateChannel(this, this.#bindings, this.#host, id);
    this.#ends.set(id, end);
    return end;
  }

  /**
   * Takes an end out, for another realm of this isolate, which adopts it.
   * @returns its number
   * @throws TypeError when it cannot be sent away
   */
  takeOut(end: Channel): number {
    return IsolateChannel.takeOut(end);
  }

  /** An end is not here any more. */
  forget(id: number): void {
    this.#ends.delete(id);
  }
}

/** One end. */
export class IsolateChannel implements Channel {
  readonly longestMessage = longestMessage;
  readonly mostAttachments = mostAttachments;
  readonly #owner: Channels;
  readonly #bindings: ChannelBindings;
  readonly #host: ChannelHost;
  readonly #id: number;
  #listener: ChannelListener | undefined;
  #buffer = new Uint8Array(firstBuffer);
  #views: (Uint8Array | undefined)[] = [];
  /** receive() has found nothing since readable() was called. */
  #isDrained = true;
  /** There is nothing after what receive() has taken, until there are news. */
  #wasLast = false;
  #wantsRoom = false;
  #leftInTurn = mostInTurn;
  #isMoved = false;
  #closure: Closure | undefined;
  #isOver = false;
  #isClosedHere = false;

  constructor(owner: Channels, bindings: ChannelBindings, host: ChannelHost, id: number) {
    this.#owner = owner;
    this.#bindings = bindings;
    this.#host = host;
    this.#id = id;
  }

  start(listener: ChannelListener): void {
    if (this.#listener !== undefined) throw new Error('The channel was started already.');
    if (this.#isMoved) throw new Error('This end of the channel was sent away.');
    this.#listener = listener;
    this.#host.later(() => this.look());
  }

  send(bytes: Uint8Array, attachments: readonly Attachment[] = []): Sent {
    if (this.#isMoved) throw new Error('This end of the channel was sent away.');
    checkMessage(this, bytes, attachments);
    if (this.#closure !== undefined) return 'closed';
    const result =
      attachments.length === 0
        ? results[this.#bindings.post(this.#id, bytes)]
        : this.#sendWith(bytes, attachments);
    if (result === 'full') this.#wantsRoom = true;
    return result as Sent;
  }

  #sendWith(bytes: Uint8Array, attachments: readonly Attachment[]): Sent | undefined {
    this.#checkPinned(attachments);
    const moved = attachments.map((each) => (each instanceof IsolateChannel ? each.#id : each));
    const result = results[this.#bindings.send(this.#id, bytes, moved)];
    if (result === 'sent') {
      for (const each of attachments) if (each instanceof IsolateChannel) each.#leave();
    }
    return result;
  }

  #checkPinned(attachments: readonly Attachment[]): void {
    const index = attachments.findIndex((each) => this.#host.isPinned?.(each) === true);
    if (index < 0) return;
    throw new TypeError(
      `Attachment ${index} is memory that others use, too, such as Node’s pool of small buffers: copy it before.`,
    );
  }

  receive(): Message | undefined {
    if (this.#wasLast || this.#isMoved || this.#isOver || this.#leftInTurn === 0) {
      this.#wasLast = false;
      return this.#drained();
    }
    let result = this.#bindings.receive(this.#id, this.#buffer);
    if (result < -1 && result !== -attachmentMark) {
      this.#buffer = new Uint8Array(Math.min(longestMessage, 2 * (-1 - result)));
      this.#views = [];
      result = this.#bindings.receive(this.#id, this.#buffer);
    }
    if (result < 0) {
      if (result === -attachmentMark) this.#host.later(() => this.#finish());
      return this.#drained();
    }
    this.#leftInTurn--;
    if (this.#leftInTurn === 0) this.#host.later(() => this.#newTurn());
    const hasAttachments = result >= attachmentMark;
    this.#wasLast = (result & lastMark) !== 0 && this.#listener !== undefined;
    return {
      bytes: this.#view(result & (lastMark - 1)),
      attachments: hasAttachments ? this.#takeAttachments() : none,
    };
  }

  /** The start of the buffer. Short messages are nearly all there are, and a view costs more than they do. */
  #view(length: number): Uint8Array {
    if (length >= keptViews) return this.#buffer.subarray(0, length);
    this.#views[length] ??= this.#buffer.subarray(0, length);
    return this.#views[length];
  }

  #takeAttachments(): readonly Attachment[] {
    const attachments = this.#bindings.attachments() ?? [];
    return attachments.map((each) => (typeof each === 'number' ? this.#owner.adopt(each) : each));
  }

  carries(value: object): boolean {
    return value !== this && IsolateChannel.canMove(value);
  }

  close(reason = ''): void {
    if (this.#isMoved || this.closure !== undefined) return;
    this.#isClosedHere = true;
    this.#bindings.close(this.#id, reason);
  }

  get closure(): Closure | undefined {
    if (this.#closure !== undefined || this.#isMoved) return this.#closure;
    const told = this.#bindings.closure(this.#id);
    if (told === undefined) return undefined;
    const [cause, isOwn, reason] = told;
    this.#closure = {
      cause: cause === died ? 'died' : 'closed',
      by: isOwn ? 'here' : 'peer',
      reason,
    };
    return this.#closure;
  }

  /** There are news of this channel. */
  look(): void {
    const listener = this.#listener;
    this.#wasLast = false;
    if (listener === undefined || this.#isOver || this.#isMoved) return;
    if (this.#isClosedHere) {
      this.#finish();
      return;
    }
    if (this.#wantsRoom && this.closure === undefined) {
      this.#wantsRoom = false;
      listener.writable();
    }
    if (!this.#isDrained) return;
    this.#isDrained = false;
    listener.readable();
  }

  #drained(): undefined {
    this.#isDrained = true;
    return undefined;
  }

  /** More may be taken: what the limit of a turn has left there. */
  #newTurn(): void {
    this.#leftInTurn = mostInTurn;
    this.look();
  }

  #finish(): void {
    const closure = this.closure;
    if (this.#isOver || this.#isMoved || closure === undefined) return;
    this.#isOver = true;
    this.#owner.forget(this.#id);
    this.#bindings.release(this.#id);
    this.#listener?.closed(closure);
  }

  /** Whether something is an end of a channel that can be sent away: no listener, and not over. */
  static canMove(value: object): boolean {
    return (
      value instanceof IsolateChannel &&
      value.#listener === undefined &&
      !value.#isMoved &&
      value.closure === undefined
    );
  }

  /** See Channels.takeOut(). */
  static takeOut(end: Channel): number {
    if (!IsolateChannel.canMove(end)) throw new TypeError('This end cannot be given away.');
    const own = end as IsolateChannel;
    own.#leave();
    return own.#id;
  }

  /** This end belongs to another isolate from now on. */
  #leave(): void {
    this.#isMoved = true;
    this.#owner.forget(this.#id);
  }
}
