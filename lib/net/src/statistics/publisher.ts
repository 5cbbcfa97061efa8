/**
 * Keeps the files up to date that the app may read: at most once a second, only after something
 * happened, and for no more than a hundredth of the time as far as every five seconds allow that.
 */
import type { Counters } from '../environment.ts';
import type { StackObserver } from '../interface/observer.ts';
import type { Broker } from '../sockets/broker.ts';
import type { SocketService } from '../sockets/service.ts';
import type { Stack } from '../stack.ts';
import { type Instant, never } from '../storage/timers.ts';
import {
  renderDevices,
  renderRoutes,
  renderRoutes6,
  renderSockets,
  socketFiles,
} from './proc-files.ts';
import { renderInterfaces } from './published-interfaces.ts';
import { renderSnmp } from './snmp.ts';

const shortestInterval = 1_000_000;
/** What took long may only have waited for the CPU, as it does while the app starts. */
const longestInterval = 5_000_000;

/** Time between two publications, as a multiple of what the last one took. */
const costFactor = 100;

/** Name of the file with all counters, as JSON: what @runtimejs/kernel's `network` reads. */
export const countersFile = 'net/runtime';

/** Every counter of the stack, by the part that counts. */
export type NetworkCounters = Readonly<Record<string, Counters>>;

/** Copies all counters. */
export function snapshot(stack: Stack): NetworkCounters {
  const all: Record<string, Counters> = {};
  for (const [part, counters] of stack.counters) all[part] = { ...counters };
  return all;
}

/** Publishes interfaces, addresses and counters through the broker. */
export class Publisher {
  readonly #stack: Stack;
  readonly #sockets: SocketService;
  readonly #broker: Broker;
  readonly #now: () => number;
  #interfacesChanged = true;
  #isDirty = true;
  #nextAt: Instant;

  /** @param now reads the clock: how long publishing takes is to be known */
  constructor(stack: Stack, sockets: SocketService, broker: Broker, now: () => number) {
    this.#stack = stack;
    this.#sockets = sockets;
    this.#broker = broker;
    this.#now = now;
    // Not while the machine starts.
    this.#nextAt = now() + shortestInterval;
    const changed = (): void => {
      this.#interfacesChanged = true;
    };
    const observer: StackObserver = {
      interfaceAdded: changed,
      interfaceUp: changed,
      interfaceDown: changed,
      addressAdded: changed,
      addressChanged: changed,
      addressRemoved: changed,
    };
    stack.observe(observer);
  }

  /** Something happened that counters may tell of. */
  touch(): void {
    this.#isDirty = true;
  }

  /** When poll() wants to be called. */
  get deadline(): Instant {
    return this.#isDirty ? this.#nextAt : never;
  }

  /** Publishes what changed. */
  poll(now: Instant): void {
    if (this.#interfacesChanged) {
      this.#interfacesChanged = false;
      this.#broker.publishInterfaces(renderInterfaces(this.#stack.interfaces));
      this.#isDirty = true;
    }
    if (this.#isDirty && now >= this.#nextAt) this.publish();
  }

  /** Publishes all files now. */
  publish(): void {
    this.#isDirty = false;
    const began = this.#now();
    const counters = snapshot(this.#stack);
    this.#broker.publishFile(countersFile, JSON.stringify(counters));
    this.#broker.publishFile('net/dev', renderDevices(this.#stack.interfaces));
    this.#broker.publishFile('net/route', renderRoutes(this.#stack.routes.entries));
    this.#broker.publishFile('net/ipv6_route', renderRoutes6(this.#stack.routes.entries));
    this.#broker.publishFile('net/snmp', renderSnmp(counters));
    for (const file of socketFiles) {
      this.#broker.publishFile(`net/${file.name}`, renderSockets(this.#sockets.sockets(), file));
    }
    const ended = this.#now();
    const pause = Math.max(shortestInterval, (ended - began) * costFactor);
    this.#nextAt = ended + Math.min(pause, longestInterval);
  }
}
