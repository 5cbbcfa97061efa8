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
import type { ChannelBindings } from './generated/bindings.d.ts';

/** MessageRing::kLongestMessage and the most attachments of channel_table.cc in native/shim. */
const longestMessage = 16 * 1024;
const mostAttachments = 64;
/** RUNTIME_CHANNEL_* in native/abi/isolate.abi.ts. */
const results: readonly (Sent | undefined)[] = [undefined, 'sent', 'full', 'closed'];
/** Kind of the news that an isolate has ended. */
const isolateEnded = 2;
/** Closure::Cause in native/shim. */
const died = 2;
/** Messages that are taken without a turn of the event loop: a peer that floods must not stop all else. */
const mostInTurn = 512;
/** Bytes of the first buffer for what arrives; it grows. */
const firstBuffer = 1024;

/** What the loop of a bare isolate does besides. */
export interface LoopFunctions {
  /** Runs a function in a later turn of the loop. */
  later(run: () => void): void;
}

/** All channels of this isolate. */
export class Channels {
  readonly #bindings: ChannelBindings;
  readonly #loop: LoopFunctions;
  readonly #ends = new Map<number, IsolateChannel>();
  #ended: (isolate: number) => void = () => {};

  constructor(bindings: ChannelBindings, loop: LoopFunctions) {
    this.#bindings = bindings;
    this.#loop = loop;
    bindings.onNews((kind, id) => {
      if (kind === isolateEnded) this.#ended(id);
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

  /** Takes in an end that this isolate was given. */
  adopt(id: number): IsolateChannel {
    const end = new IsolateChannel(this, this.#bindings, this.#loop, id);
    this.#ends.set(id, end);
    return end;
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
  readonly #loop: LoopFunctions;
  readonly #id: number;
  #listener: ChannelListener | undefined;
  #buffer = new Uint8Array(firstBuffer);
  /** receive() has found nothing since readable() was called. */
  #isDrained = true;
  #wantsRoom = false;
  #leftInTurn = mostInTurn;
  #isMoved = false;
  #closure: Closure | undefined;
  #isOver = false;

  constructor(owner: Channels, bindings: ChannelBindings, loop: LoopFunctions, id: number) {
    this.#owner = owner;
    this.#bindings = bindings;
    this.#loop = loop;
    this.#id = id;
  }

  start(listener: ChannelListener): void {
    if (this.#listener !== undefined) throw new Error('The channel was started already.');
    if (this.#isMoved) throw new Error('This end of the channel was sent away.');
    this.#listener = listener;
    this.#loop.later(() => this.look());
  }

  send(bytes: Uint8Array, attachments: readonly Attachment[] = []): Sent {
    if (this.#isMoved) throw new Error('This end of the channel was sent away.');
    checkMessage(this, bytes, attachments);
    if (this.closure !== undefined) return 'closed';
    const moved =
      attachments.length === 0
        ? undefined
        : attachments.map((each) => (each instanceof IsolateChannel ? each.#id : each));
    const result = results[this.#bindings.send(this.#id, bytes, moved)] as Sent;
    if (result === 'full') this.#wantsRoom = true;
    if (result === 'sent' && moved !== undefined) {
      for (const each of attachments) if (each instanceof IsolateChannel) each.#leave();
    }
    return result;
  }

  receive(): Message | undefined {
    if (this.#isMoved || this.#isOver || this.#leftInTurn === 0) return this.#drained();
    // Asked before the ring: then what the ring has is all that ever comes.
    const hasEnded = this.closure !== undefined;
    let length = this.#bindings.receive(this.#id, this.#buffer);
    if (length < -1) {
      this.#buffer = new Uint8Array(Math.min(longestMessage, 2 * (-1 - length)));
      length = this.#bindings.receive(this.#id, this.#buffer);
    }
    if (length < 0) {
      if (hasEnded) this.#loop.later(() => this.#finish());
      return this.#drained();
    }
    this.#leftInTurn--;
    if (this.#leftInTurn === 0) this.#loop.later(() => this.#newTurn());
    const attachments = this.#bindings.attachments() ?? [];
    return {
      bytes: this.#buffer.subarray(0, length),
      attachments: attachments.map((each) =>
        typeof each === 'number' ? this.#owner.adopt(each) : each,
      ),
    };
  }

  carries(value: object): boolean {
    return value !== this && IsolateChannel.canMove(value);
  }

  close(reason = ''): void {
    if (this.#isMoved || this.closure !== undefined) return;
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
    if (listener === undefined || this.#isOver || this.#isMoved) return;
    if (this.closure?.by === 'here') {
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

  /** This end belongs to another isolate from now on. */
  #leave(): void {
    this.#isMoved = true;
    this.#owner.forget(this.#id);
  }
}
