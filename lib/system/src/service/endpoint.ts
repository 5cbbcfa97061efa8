/**
 * A service's reference to an endpoint, which outlives who offers it. Pure: channels and time are passed in.
 */
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import { isRpcError, RpcError } from '@runtimejs/rpc/calls/errors.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { After } from '../reload/within.ts';

/** How long a call waits for the next life of an endpoint, in milliseconds. */
export const endpointPatience = 30_000;
/** So many calls may wait for it. */
const mostWaiting = 1000;
/** What programs and the engine ask every object for. */
const unanswered = new Set(['then', 'toJSON', 'constructor', 'prototype', '__proto__']);

type RemoteObject = Readonly<Record<string, (...values: unknown[]) => Promise<unknown>>>;

interface Waiting {
  goOn(remote: RemoteObject): void;
  fail(error: Error): void;
}

/** What a reference does in its own way where event loops end by themselves. */
export interface ReferenceWays {
  /** Is called when a call begins, and gives what is called when it ends. */
  readonly hold?: () => () => void;
  /** Connects with a life of the endpoint. */
  readonly open?: (channel: Channel) => Connection<unknown>;
}

/** See the top of the file. */
export class EndpointReference {
  /** What the service calls. */
  readonly remote: object;
  readonly #name: string;
  readonly #after: After;
  readonly #hold: () => () => void;
  readonly #open: (channel: Channel) => Connection<unknown>;
  readonly #waiting = new Set<Waiting>();
  #connection: Connection<unknown> | undefined;
  /** How the last life has ended, for people. */
  #ending = 'it has not started yet';
  /** Why there is no life to wait for. */
  #refusal: Error | undefined;

  constructor(name: string, after: After, ways: ReferenceWays = {}) {
    const { hold = () => () => {}, open = (channel) => connect(channel) } = ways;
    this.#name = name;
    this.#after = after;
    this.#hold = hold;
    this.#open = open;
    const methods = new Map<string, unknown>();
    this.remote = new Proxy(Object.freeze({}), {
      get: (_target, key) => {
        if (typeof key === 'symbol') return key === Symbol.dispose ? () => {} : undefined;
        if (unanswered.has(key)) return undefined;
        let method = methods.get(key);
        if (method === undefined) {
          method = (...values: unknown[]) => this.#call(key, values);
          methods.set(key, method);
        }
        return method;
      },
    });
  }

  /** Begins to talk to a life of the endpoint. */
  connect(channel: Channel): void {
    this.#connection?.close('there is a newer life');
    const connection = this.#open(channel);
    this.#connection = connection;
    this.#refusal = undefined;
    void connection.closed.then(({ reason }) => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      const [line = ''] = reason.split('\n');
      this.#ending = line === '' ? 'it has ended' : `it has ended: ${line}`;
    });
    for (const each of [...this.#waiting]) each.goOn(connection.remote as unknown as RemoteObject);
  }

  /** Has calls fail that wait for a life, and later ones, until there is one. */
  refuse(error: Error): void {
    this.#refusal = error;
    for (const each of [...this.#waiting]) each.fail(error);
  }

  /** Ends what is under way. */
  close(reason: string): void {
    this.#connection?.close(reason);
  }

  async #call(method: string, values: readonly unknown[]): Promise<unknown> {
    const release = this.#hold();
    const connection = this.#connection;
    try {
      const remote =
        connection === undefined
          ? await this.#untilConnected(method)
          : (connection.remote as unknown as RemoteObject);
      return await this.#callOn(remote, method, values);
    } finally {
      release();
    }
  }

  async #callOn(
    remote: RemoteObject,
    method: string,
    values: readonly unknown[],
  ): Promise<unknown> {
    try {
      return await remote[method]?.(...values);
    } catch (error) {
      if (!isRpcError(error, 'peer-gone')) throw error;
      throw new RpcError(
        'peer-gone',
        `${this.#name} has ended while ${method}() was under way, which may have been done or not ` +
          `(${(error as Error).message}). Later calls go to its next life.`,
        { cause: error },
      );
    }
  }

  #untilConnected(method: string): Promise<RemoteObject> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#waiting.size >= mostWaiting) {
      const text = `${mostWaiting} calls wait for ${this.#name} already (${this.#ending}).`;
      return Promise.reject(new RpcError('overload', text));
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        goOn: (remote) => {
          this.#waiting.delete(waiting);
          stop();
          resolve(remote);
        },
        fail: (error) => {
          this.#waiting.delete(waiting);
          stop();
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      const stop = this.#after(endpointPatience, () => {
        this.#waiting.delete(waiting);
        const text =
          `${this.#name} is not there (${this.#ending}): ${method}() has waited ` +
          `${endpointPatience / 1000} s for its next life.`;
        reject(new RpcError('peer-gone', text));
      });
    });
  }
}

/** The endpoints that the composition gives a service. */
export class Endpoints {
  readonly #service: string;
  readonly #references: ReadonlyMap<string, EndpointReference>;

  constructor(service: string, names: readonly string[], after: After) {
    this.#service = service;
    this.#references = new Map(names.map((name) => [name, new EndpointReference(name, after)]));
  }

  /** As ServiceContext.endpoint(). */
  get<Interface>(name: string): Remote<Interface> {
    const reference = this.#references.get(name);
    if (reference !== undefined) return reference.remote as Remote<Interface>;
    const given = [...this.#references.keys()].join(', ') || 'none';
    throw new RangeError(
      `The composition gives ${this.#service} no endpoint ${name} (it gives ${given}): ` +
        `add it to "endpoints" of this service.`,
    );
  }

  connected(name: string, channel: Channel): void {
    const reference = this.#references.get(name);
    if (reference === undefined) channel.close('nobody has asked for it');
    else reference.connect(channel);
  }
}
