/**
 * What a thread of an app in Node has of services: a connection to each life of the system isolate, which brings a channel
 * to each life of each endpoint. Pure: channels and time are passed in.
 */
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import { isRpcError } from '@runtimejs/rpc/calls/errors.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Channel, Closure } from '@runtimejs/rpc/channel.ts';
import type { After } from '@runtimejs/system/reload/within.ts';
import { EndpointReference } from '@runtimejs/system/service/endpoint.ts';
import type { AppControl, AppExchange } from './app-control.ts';
import { connectHeld } from './held-connection.ts';

/** Milliseconds before the system isolate is called again that has ended, and the one that has nothing for the app. */
const pause = 100;
const pauseAfterRefusal = 10_000;

/** What a link needs of the thread that it is in. */
export interface LinkHost {
  /** Makes a channel to this life of the system isolate, or to the next one. @throws Error when there is none */
  dial(): Channel;
  readonly after: After;
  /** Likewise, which is no reason for the event loop to go on. */
  readonly idleAfter: After;
  /** Has the event loop go on. @returns what ends that */
  hold(): () => void;
}

/** See the top of the file. */
export class AppLink {
  readonly #host: LinkHost;
  readonly #references = new Map<string, EndpointReference>();
  #connection: Connection<AppExchange> | undefined;
  #isWaiting = false;

  constructor(host: LinkHost) {
    this.#host = host;
  }

  /** What the app calls of a service, in whichever of its lives. @throws Error where there is no system isolate */
  endpoint<Interface>(name: string): Remote<Interface> {
    let reference = this.#references.get(name);
    if (reference === undefined) {
      if (this.#connection === undefined && !this.#isWaiting) this.#open();
      const { after, hold } = this.#host;
      reference = new EndpointReference(name, after, {
        hold,
        open: (channel) => connectHeld(channel, hold),
      });
      this.#references.set(name, reference);
      if (this.#connection !== undefined) this.#demand(name, reference, this.#connection);
    }
    return reference.remote as Remote<Interface>;
  }

  #open(): void {
    const connection = connect<AppExchange, AppControl>(this.#host.dial(), {
      serve: {
        connected: (name, channel) => {
          const reference = this.#references.get(name);
          if (reference === undefined) channel.close('nobody has asked for it');
          else reference.connect(channel);
        },
      },
    });
    this.#connection = connection;
    for (const [name, reference] of this.#references) this.#demand(name, reference, connection);
    void connection.closed.then((closure) => this.#hasEnded(closure));
  }

  #demand(name: string, reference: EndpointReference, { remote }: Connection<AppExchange>): void {
    remote.demand(name).catch((error: Error) => {
      // When it has ended, so has the connection, which is made again.
      if (!isRpcError(error, 'peer-gone')) reference.refuse(error);
    });
  }

  #hasEnded({ cause, by, reason }: Closure): void {
    this.#connection = undefined;
    const isRefused = cause === 'closed' && by === 'peer';
    if (isRefused) this.#refuse(new RangeError(reason));
    this.#openLater(isRefused ? pauseAfterRefusal : pause);
  }

  #openLater(milliseconds: number): void {
    this.#isWaiting = true;
    this.#host.idleAfter(milliseconds, () => {
      this.#isWaiting = false;
      try {
        this.#open();
      } catch (error) {
        this.#refuse(error as Error); // there is no memory for a channel
        this.#openLater(pauseAfterRefusal);
      }
    });
  }

  #refuse(error: Error): void {
    for (const reference of this.#references.values()) reference.refuse(error);
  }
}
