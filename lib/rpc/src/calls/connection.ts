/** RPC over a channel: both sides may serve and both may call. */
import type { Channel, Closure } from '../channel.ts';
import { Decoder } from '../codec/decoder.ts';
import type { Encoder } from '../codec/encoder.ts';
import { DecodeError, defaultValueLimits } from '../codec/limits.ts';
import { Calls } from './calls.ts';
import { ProtocolError, RpcError } from './errors.ts';
import { Exports } from './exports.ts';
import { Imports, makeProxy, RemoteHandle } from './imports.ts';
import { Assembly, Outbox } from './outbox.ts';
import { servedTarget } from './reference.ts';
import { Services } from './services.ts';
import { Streams } from './streams.ts';
import type { Reference, Remote, Served } from './types.ts';
import { Values } from './values.ts';
import {
  type Allowance,
  defaultAllowance,
  frame,
  kind,
  leastMessageBytes,
  root,
  version,
} from './wire.ts';

/** What a connection takes from the program that it runs in. */
export interface RpcHost {
  /** Runs something from the event loop, after what is ready. */
  later(run: () => void): void;
  /** @returns what clearTimeout() takes */
  setTimeout(run: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** How a connection is made. */
export interface ConnectionOptions<Mine> {
  /** What the peer may call: an object literal, remote(instance, names), or a function. Without it, nothing. */
  readonly serve?: Served<Mine> | Reference<Mine>;
  /** What the peer may make this side keep. */
  readonly allowance?: Partial<Allowance>;
  /** Milliseconds after which every call fails with `timed-out`; by default never. */
  readonly timeout?: number;
  /** Calls that may wait until the peer takes more; the next fails with `overload`. By default 10,000. */
  readonly mostWaitingCalls?: number;
  /** Errors carry their stacks to the peer; by default true. False where the peer is not to see them. */
  readonly sendsStacks?: boolean;
  /** Errors that come back have the stack of the call added; by default true. It costs a little for each call. */
  readonly tracesCalls?: boolean;
  /** Event loop and timers; by default those of the global object. */
  readonly host?: RpcHost;
}

/** Numbers for those who watch. */
export interface ConnectionStatistics {
  /** Calls that were made here, that wait for an answer, and that wait to be sent. */
  readonly called: number;
  readonly unanswered: number;
  readonly waiting: number;
  /** Calls of the peer's, and those of them that run. */
  readonly served: number;
  readonly running: number;
  /** References that the peer holds, that this side holds, and streams in both directions. */
  readonly exported: number;
  readonly imported: number;
  readonly streams: number;
  /** Bytes that the channel has not taken yet. */
  readonly waitingBytes: number;
}

/** One side of a connection. */
export interface Connection<Theirs> extends Disposable {
  /** What the peer serves. */
  readonly remote: Remote<Theirs>;
  /** Replaces what is served. Calls that run go on; new ones for methods that it does not have fail clearly. */
  serve(served: object | undefined): void;
  /** Ends the connection: what waits fails, on both sides. */
  close(reason?: string): void;
  /** How the connection has ended. Never rejects. */
  readonly closed: Promise<Closure>;
  readonly statistics: ConnectionStatistics;
}

/** Messages that are handled before the event loop gets its turn. */
const messagesPerTurn = 256;
/** Up to so many arguments there is room for them before they have come. */
const fewArguments = 8;
/** While this much waits for the channel, no new call of the peer's is begun. */
const congestedBytes = 1 << 20;

/**
 * Begins to talk over a channel.
 * @param channel which nobody else has started
 */
export function connect<Theirs = unknown, Mine = unknown>(
  channel: Channel,
  options: ConnectionOptions<Mine> = {},
): Connection<Theirs> {
  return new ChannelConnection(channel, options) as unknown as Connection<Theirs>;
}

class ChannelConnection {
  readonly remote: object;
  readonly closed: Promise<Closure>;
  readonly #channel: Channel;
  readonly #host: RpcHost;
  readonly #exports = new Exports();
  readonly #imports: Imports;
  readonly #streams: Streams;
  readonly #outbox: Outbox;
  readonly #assembly: Assembly;
  readonly #decoder: Decoder;
  readonly #values: Values;
  readonly #calls: Calls;
  readonly #services: Services;
  readonly #resolveClosed: (closure: Closure) => void;
  #isGreeted = false;
  #hasEnded = false;

  constructor(channel: Channel, options: ConnectionOptions<unknown>) {
    const allowance = { ...defaultAllowance, ...options.allowance };
    if (allowance.messageBytes < leastMessageBytes || allowance.calls < 1) {
      throw new RangeError(
        `A side allows 1 call and messages of ${leastMessageBytes} bytes at least.`,
      );
    }
    const limits = { ...defaultValueLimits, bytes: allowance.messageBytes };
    this.#channel = channel;
    this.#host = options.host ?? globalHost();
    const { promise, resolve } = Promise.withResolvers<Closure>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#outbox = new Outbox(channel);
    this.#assembly = new Assembly(allowance.messageBytes);
    this.#streams = new Streams({
      item: (id, value) => this.#postValue(kind.item, id, value, 'item'),
      end: (id) => this.#postNumbers(kind.end, id),
      fail: (id, error) => this.#postThrown(kind.fail, id, error),
      want: (id, items) => this.#postNumbers(kind.want, id, items),
      stop: (id) => this.#postNumbers(kind.stop, id),
    });
    this.#calls = new Calls({
      host: this.#host,
      outbox: this.#outbox,
      timeout: options.timeout,
      mostWaiting: options.mostWaitingCalls ?? 10_000,
      tracesCalls: options.tracesCalls ?? true,
      messages: {
        begin: (mayHaveSignals) => this.#values.begin(mayHaveSignals),
        end: () => this.#values.end(),
        abandon: () => this.#values.abandon(),
      },
      cancel: (id, reason) => this.#postThrown(kind.cancel, id, reason),
      giveBack: (id, received) => this.#postNumbers(kind.release, id, received),
      unpin: (handle) => this.#imports.unpin(handle),
      forgetSignal: (id) => this.#values.signals.forget(id),
      abort: (id, reason) => this.#postThrown(kind.abort, id, reason),
    });
    this.#imports = new Imports(this.#calls);
    this.#values = new Values({
      channel,
      limits,
      caller: this.#calls,
      exports: this.#exports,
      imports: this.#imports,
      streams: this.#streams,
      sendsStacks: options.sendsStacks ?? true,
      mostReferences: allowance.references,
      aborted: (id, reason) => this.#calls.aborted(id, reason),
    });
    this.#decoder = new Decoder(
      { reference: (...asked) => this.#values.received(...asked) },
      limits,
    );
    this.#services = new Services({
      result: (id, value) => this.#postValue(kind.result, id, value, 'result'),
      failure: (id, error) => this.#postThrown(kind.failure, id, error),
      isCongested: () => this.#outbox.waitingBytes > congestedBytes,
      allowance,
    });
    this.remote = makeProxy(new RemoteHandle(this.#calls, root, () => {}));
    if (options.serve !== undefined) this.serve(options.serve as object);
    channel.start({
      readable: () => this.#readable(),
      writable: () => {
        this.#outbox.flush();
        this.#services.resume();
      },
      closed: (closure) => this.#end(closure),
    });
    const { calls, callBytes, references, messageBytes } = allowance;
    this.#postNumbers(kind.hello, version, calls, callBytes, references, messageBytes);
  }

  serve(served: object | undefined): void {
    this.#exports.serve(served === undefined ? undefined : servedTarget(served));
  }

  close(reason = ''): void {
    this.#channel.close(reason);
    this.#end({ cause: 'closed', by: 'here', reason });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get statistics(): ConnectionStatistics {
    return {
      called: this.#calls.called,
      unanswered: this.#calls.unanswered,
      waiting: this.#calls.waiting,
      served: this.#services.served,
      running: this.#services.running,
      exported: this.#exports.size,
      imported: this.#imports.size,
      streams: this.#streams.sources + this.#streams.arrivals,
      waitingBytes: this.#outbox.waitingBytes,
    };
  }

  #readable(): void {
    for (let handled = 0; handled < messagesPerTurn; handled += 1) {
      const message = this.#channel.receive();
      if (message === undefined) return;
      try {
        const whole = this.#assembly.take(message.bytes);
        if (typeof whole === 'string') throw new ProtocolError(whole);
        if (whole === undefined) continue;
        this.#decoder.begin(whole, message.attachments, 1);
        this.#handle(whole.length);
        this.#decoder.finish();
      } catch (error) {
        this.#breakOff(error);
        return;
      }
    }
    this.#host.later(() => this.#readable());
  }

  #handle(length: number): void {
    const from = this.#decoder;
    const what = from.byte();
    const id = from.unsigned();
    if (this.#isGreeted === (what === kind.hello))
      throw new ProtocolError('the greeting is missing');
    switch (what) {
      case kind.hello:
        if (id !== version) throw new ProtocolError(`it speaks version ${id}, this is ${version}`);
        this.#isGreeted = true;
        this.#greet({
          calls: from.unsigned(),
          callBytes: from.unsigned(),
          references: from.unsigned(),
          messageBytes: from.unsigned(),
        });
        break;
      case kind.call:
        this.#called(id, length);
        break;
      case kind.result:
        this.#calls.answered(id, from.value(), false);
        break;
      case kind.failure:
        this.#calls.answered(id, from.value(), true);
        break;
      case kind.cancel:
        this.#services.cancel(id, from.value());
        break;
      case kind.abort:
        this.#services.abort(id, from.value());
        break;
      case kind.release:
        this.#exports.release(id, from.unsigned());
        break;
      case kind.want:
        this.#streams.want(id, from.unsigned());
        break;
      case kind.item:
        this.#streams.item(id, from.value());
        break;
      case kind.end:
        this.#streams.finish(id, false);
        break;
      case kind.fail:
        this.#streams.finish(id, true, from.value());
        break;
      case kind.stop:
        this.#streams.stopSource(id);
        break;
      default:
        throw new ProtocolError(`a message is of the unknown kind ${what}`);
    }
  }

  #greet(theirs: Allowance): void {
    if (theirs.messageBytes < leastMessageBytes || theirs.calls < 1) {
      throw new ProtocolError('it allows less than every side has to');
    }
    this.#values.peerAllows(theirs);
    this.#calls.allow(theirs);
  }

  #called(id: number, length: number): void {
    const from = this.#decoder;
    const number = from.unsigned();
    const method = from.name();
    const count = from.unsigned();
    // A peer that announces many gets room for each when it has come.
    const values: unknown[] = count <= fewArguments ? new Array(count) : [];
    this.#values.beginCall();
    for (let index = 0; index < count; index += 1) values[index] = from.value();
    const signals = this.#values.endCall();
    const target = this.#exports.target(number);
    this.#services.call({ id, length, signals, target, method, values });
  }

  /** Sends a message of numbers. */
  #postNumbers(what: number, id: number, ...numbers: readonly number[]): void {
    if (this.#hasEnded) return;
    const to = header(this.#values.begin(), what, id);
    for (const number of numbers) to.unsigned(number);
    this.#values.end();
    this.#outbox.post(to.bytes, to.attachments);
  }

  /** Sends a message with a value. Throws when that cannot be sent; then nothing was. */
  #postValue(what: number, id: number, value: unknown, name: string): void {
    if (this.#hasEnded) return;
    const to = header(this.#values.begin(), what, id);
    try {
      to.value(value, name);
    } catch (error) {
      this.#values.abandon();
      throw error;
    }
    this.#values.end();
    this.#outbox.post(to.bytes, to.attachments);
  }

  /** Sends what was thrown; what cannot be sent is described. */
  #postThrown(what: number, id: number, thrown: unknown): void {
    try {
      this.#postValue(what, id, thrown, 'error');
    } catch (error) {
      const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : typeof thrown;
      const why = `What was thrown cannot be sent (${text.slice(0, 500)}): ${String(error)}`;
      const stand = new Error(why.slice(0, 1000));
      stand.stack = '';
      this.#postValue(what, id, stand, 'error');
    }
  }

  #breakOff(error: unknown): void {
    const isTheirs = error instanceof ProtocolError || error instanceof DecodeError;
    const reason = `${isTheirs ? 'protocol error' : 'internal error'}: ${(error as Error).message}`;
    this.#channel.close(reason);
    this.#end({ cause: 'broken', by: 'peer', reason });
    if (!isTheirs) throw error;
  }

  #end(closure: Closure): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#resolveClosed(closure);
    const who = closure.by === 'here' ? 'This side' : 'The other side';
    const how = {
      closed: 'has closed the connection',
      died: 'has died',
      broken: 'broke the rules',
    };
    const why = closure.reason === '' ? '' : `: ${closure.reason}`;
    const error = new RpcError('peer-gone', `${who} ${how[closure.cause]}${why}`, {
      cause: closure,
    });
    this.#outbox.clear();
    this.#calls.end(error);
    this.#services.end(error);
    this.#streams.clear(error);
    this.#values.signals.clear();
    this.#imports.clear();
    this.#exports.clear();
  }
}

function header(to: Encoder, what: number, id: number): Encoder {
  to.byte(frame.last);
  to.byte(what);
  to.unsigned(id);
  return to;
}

function globalHost(): RpcHost {
  const { setTimeout, clearTimeout, setImmediate } = globalThis as unknown as {
    setTimeout: RpcHost['setTimeout'];
    clearTimeout: RpcHost['clearTimeout'];
    setImmediate?: (run: () => void) => unknown;
  };
  return {
    later: (run) => void (setImmediate === undefined ? setTimeout(run, 0) : setImmediate(run)),
    setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer),
  };
}
