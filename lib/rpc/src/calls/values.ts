/** What values mean on one connection: which of them go as references, and what a reference that comes stands for. */
import type { Channel } from '../channel.ts';
import { Encoder, type EncoderHost } from '../codec/encoder.ts';
import type { ValueLimits } from '../codec/limits.ts';
import type { Exports } from './exports.ts';
import { type Caller, handleOf, type Imports, type RemoteHandle } from './imports.ts';
import { forwarded, functionTarget, type Target, targetOf } from './reference.ts';
import { type Aborter, isSignal, makeAborter, SentSignals } from './signals.ts';
import type { Streams } from './streams.ts';
import type { AnyFunction, SignalLike } from './types.ts';
import { type Allowance, referenceKind, root } from './wire.ts';

/** The parts of a connection that values touch. */
export interface ValuesParts {
  readonly channel: Channel;
  readonly limits: ValueLimits;
  readonly caller: Caller;
  readonly exports: Exports;
  readonly imports: Imports;
  readonly streams: Streams;
  readonly sendsStacks: boolean;
  /** References and streams of the peer's that this side holds at most. */
  readonly mostReferences: number;
  /** A signal that was sent has aborted. */
  aborted(id: number, reason: unknown): void;
}

/** What a message takes with it, which has to be undone when it is never sent. */
export interface Luggage {
  /** Numbers of signals in it. */
  readonly signals: number[];
  /** References of the peer's that it names. */
  readonly handles: RemoteHandle[];
  readonly undo: (() => void)[];
}

/** Makes messages, one at a time: begin(), what the encoder is to write, and then end() or abandon(). */
export interface Messages {
  /** @param mayHaveSignals whether signals may be in it: it is a call */
  begin(mayHaveSignals?: boolean): Encoder;
  /**
   * The message is whole: the encoder holds it until the next one begins.
   * @throws the reason, when a signal in it has aborted already: then nothing has happened
   */
  end(): Luggage | undefined;
  /** The message could not be written: nothing has happened. */
  abandon(): void;
}

interface Reference {
  readonly kind: number;
  readonly id: number;
}

/** A message in the middle of which another one is made, by a getter of its values. */
interface Interrupted {
  readonly encoder: Encoder;
  readonly luggage: Luggage | undefined;
  readonly mayHaveSignals: boolean;
  readonly aborted: Aborted | undefined;
}

/** Why a message is not to go: a signal in it has aborted. */
interface Aborted {
  readonly reason: unknown;
}

/** A signal of the peer's, in the arguments of a call. */
export interface ReceivedSignal {
  readonly id: number;
  readonly aborter: Aborter;
}

const noSignals: readonly ReceivedSignal[] = [];

export class Values implements EncoderHost, Messages {
  readonly signals = new SentSignals();
  readonly sendsStacks: boolean;
  readonly mostAttachments: number;
  readonly #parts: ValuesParts;
  #encoder: Encoder;
  #limits: ValueLimits;
  #peerReferences: number;
  #luggage: Luggage | undefined;
  #mayHaveSignals = false;
  #aborted: Aborted | undefined;
  #received: ReceivedSignal[] | undefined;
  #isCall = false;
  readonly #interrupted: Interrupted[] = [];

  constructor(parts: ValuesParts) {
    this.#parts = parts;
    this.sendsStacks = parts.sendsStacks;
    this.mostAttachments = parts.channel.mostAttachments;
    this.#peerReferences = parts.mostReferences;
    this.#limits = parts.limits;
    this.#encoder = new Encoder(this, parts.limits);
  }

  /** From now on the peer's own limits are kept. */
  peerAllows(allowance: Allowance): void {
    this.#peerReferences = allowance.references;
    this.#limits = { ...this.#limits, bytes: allowance.messageBytes };
    this.#encoder = new Encoder(this, this.#limits);
  }

  begin(mayHaveSignals = false): Encoder {
    if (this.#encoder.isBusy) {
      this.#interrupted.push({
        encoder: this.#encoder,
        luggage: this.#luggage,
        mayHaveSignals: this.#mayHaveSignals,
        aborted: this.#aborted,
      });
      this.#encoder = new Encoder(this, this.#limits);
    }
    this.#aborted = undefined;
    this.#luggage = undefined;
    this.#mayHaveSignals = mayHaveSignals;
    this.#encoder.begin();
    return this.#encoder;
  }

  end(): Luggage | undefined {
    const aborted = this.#aborted;
    if (aborted !== undefined) {
      this.abandon();
      throw aborted.reason;
    }
    const luggage = this.#luggage;
    if (this.#interrupted.length > 0) this.#goOn();
    return luggage;
  }

  abandon(): void {
    const undoable = this.#luggage?.undo ?? [];
    if (this.#interrupted.length > 0) this.#goOn();
    for (const undo of undoable) undo();
  }

  reference(value: object): Reference | undefined {
    const handle = handleOf(value);
    const target = targetOf(value);
    if (handle?.isReleased === true) throw new TypeError('this reference has been released');
    if (target !== undefined) return this.#mine(target);
    if (handle !== undefined) return this.#remote(value, handle);
    if (typeof value === 'function') {
      return this.#mine(functionTarget(value as AnyFunction));
    }
    if (isSignal(value)) return this.#signal(value);
    if (Symbol.asyncIterator in value) {
      const { streams } = this.#parts;
      if (streams.sources >= this.#peerReferences) throw tooMany(this.#peerReferences);
      const id = streams.send(value as AsyncIterable<unknown>);
      this.#take().undo.push(() => streams.stopSource(id));
      return { kind: referenceKind.stream, id };
    }
    return undefined;
  }

  carries(value: object): boolean {
    return this.#parts.channel.carries(value);
  }

  /** The arguments of a call follow, among which may be signals. */
  beginCall(): void {
    this.#received = undefined;
    this.#isCall = true;
  }

  /** They have ended. @returns the signals among them */
  endCall(): readonly ReceivedSignal[] {
    this.#isCall = false;
    return this.#received ?? noSignals;
  }

  /** What a reference stands for that the peer has sent: the decoder's question. */
  received(kind: number, id: number, refuse: (why: string) => never): object {
    const { exports, imports, streams, mostReferences } = this.#parts;
    switch (kind) {
      case referenceKind.mine:
        if (imports.size >= mostReferences) refuse(`more than ${mostReferences} references came`);
        return imports.receive(id);
      case referenceKind.yours:
        return exports.home(id);
      case referenceKind.stream:
        if (streams.arrivals >= mostReferences) refuse(`more than ${mostReferences} streams came`);
        return streams.receive(id);
      case referenceKind.signal: {
        if (!this.#isCall) return refuse('a signal is not in the arguments of a call');
        const aborter = makeAborter();
        this.#received ??= [];
        this.#received.push({ id, aborter });
        return aborter.signal;
      }
      default:
        return refuse(`a reference is of the unknown kind ${kind}`);
    }
  }

  /** A reference of the peer's goes home; one of another connection's peer is passed on. */
  #remote(value: object, handle: RemoteHandle): Reference {
    if (handle.caller !== this.#parts.caller) return this.#mine(forwarded(value));
    if (handle.id === root) throw new TypeError('what the other side serves is there already');
    this.#take().handles.push(handle);
    return { kind: referenceKind.yours, id: handle.id };
  }

  #mine(target: Target): Reference {
    const { exports } = this.#parts;
    const id = exports.send(target, this.#peerReferences);
    if (id === undefined) throw tooMany(this.#peerReferences);
    this.#take().undo.push(() => exports.takeBack(id));
    return { kind: referenceKind.mine, id };
  }

  #signal(signal: SignalLike): Reference {
    if (!this.#mayHaveSignals) throw new TypeError('a signal goes only in the arguments of a call');
    if (signal.aborted) this.#aborted = { reason: signal.reason };
    const id = this.signals.send(signal, this.#parts.aborted);
    const luggage = this.#take();
    luggage.signals.push(id);
    luggage.undo.push(() => this.signals.forget(id));
    return { kind: referenceKind.signal, id };
  }

  /** Back to the message that was interrupted. */
  #goOn(): void {
    const interrupted = this.#interrupted.pop();
    if (interrupted === undefined) return;
    this.#encoder = interrupted.encoder;
    this.#luggage = interrupted.luggage;
    this.#mayHaveSignals = interrupted.mayHaveSignals;
    this.#aborted = interrupted.aborted;
  }

  #take(): Luggage {
    this.#luggage ??= { signals: [], handles: [], undo: [] };
    return this.#luggage;
  }
}

function tooMany(most: number): RangeError {
  return new RangeError(`the other side holds ${most} references, and takes no more`);
}
