/** A simulated host: the real stack on host memory, with a device on a simulated wire, in virtual time. */
import { type Endpoint, IpAddress } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import type { Interface } from '@runtimejs/net/interface/interface.ts';
import { InterfaceIdentifiers } from '@runtimejs/net/ipv6/interface-identifier.ts';
import { Ipv6 } from '@runtimejs/net/ipv6/ipv6.ts';
import { Igmp } from '@runtimejs/net/multicast/igmp.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type { TcpLimits } from '@runtimejs/net/tcp/context.ts';
import { Tcp } from '@runtimejs/net/tcp/tcp.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import { Arena } from './arena.ts';
import type { Agenda } from './clock.ts';
import { type DeviceAbilities, SimulatedDevice } from './device.ts';
import type { Link } from './link.ts';
import type { Random } from './random.ts';
import { WatchedMemory } from './watched-memory.ts';

const arenaSize = 32 * 1024 * 1024;
const poolSize = 1024 * 1024;

/** Arenas of hosts that are gone: a fresh one for each of thousands of runs would cost most of the time. */
const spare: Arena[] = [];

/** What differs between hosts. */
export interface HostOptions {
  /** The IP version that address() and endpoint() are of; both are there. */
  readonly family?: 4 | 6;
  /** Addresses are used before their uniqueness was checked (RFC 4429). */
  readonly optimistic?: boolean;
  /** The stack is polled up to so many microseconds late: a coarse clock, a busy machine. */
  readonly lateness?: number;
  readonly limits?: TcpLimits;
  /** The stack works on WatchedMemory: slow, but it may not read what nobody wrote. */
  readonly watched?: boolean;
}

/** One host with one network card, both IP versions, TCP and UDP. */
export class SimulatedHost {
  readonly arena: Arena;
  readonly stack: Stack;
  readonly ipv6: Ipv6;
  readonly tcp: Tcp;
  readonly udp: Udp;
  readonly device: SimulatedDevice;
  readonly on: Interface;
  readonly environment: Environment;
  /** Messages that the stack logged. */
  readonly messages: string[] = [];
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #options: HostOptions;
  readonly #poolOffset: number;
  readonly #number: number;
  #nextPoll = Number.POSITIVE_INFINITY;

  constructor(
    agenda: Agenda,
    random: Random,
    link: Link,
    end: 0 | 1,
    abilities: DeviceAbilities,
    options: HostOptions = {},
  ) {
    this.#agenda = agenda;
    this.#random = random;
    this.#options = options;
    this.#number = end + 1;
    this.arena = spare.pop() ?? new Arena(arenaSize);
    const watched = options.watched ? new WatchedMemory(this.arena.memory) : undefined;
    this.environment = {
      memory: watched ?? this.arena.memory,
      // Also for applications, which the simulation has call in between turns.
      clock: {
        get now() {
          return agenda.now;
        },
        set now(_instant) {},
      },
      timers: new TimerQueue(),
      random: (into) => random.fill(into),
      log: (level, text) => this.messages.push(`${level}: ${text}`),
    };
    this.#poolOffset = this.arena.require(poolSize);
    this.stack = new Stack(this.environment, { offset: this.#poolOffset, size: poolSize });
    const { network, tcpPorts } = this.stack;
    this.tcp = new Tcp(this.environment, network, tcpPorts, options.limits);
    this.stack.registerTransport(6, this.tcp);
    this.udp = new Udp(this.stack);
    this.stack.addWork({
      run: () => {
        this.tcp.flush();
        return this.tcp.hasPending;
      },
    });
    this.ipv6 = new Ipv6(this.stack);
    new Igmp(this.stack);
    const wake = (): void => this.wake();
    const name = `sim${end}`;
    this.device = new SimulatedDevice(name, this.arena, link, end, abilities, wake, watched);
    this.on = this.stack.addDevice(this.device);
    this.on.addAddress(this.address4, 24);
    this.#startIpv6();
    this.wake();
  }

  /** 10.0.0.1 and 10.0.0.2. */
  get address4(): IpAddress {
    return IpAddress.v4(0x0a000000 + this.#number);
  }

  /** fd00::1 and fd00::2. */
  get address6(): IpAddress {
    return new IpAddress(0xfd000000, 0, 0, this.#number);
  }

  /** The address of the family in use. */
  get address(): IpAddress {
    return this.#options.family === 6 ? this.address6 : this.address4;
  }

  endpoint(port: number): Endpoint {
    return { address: this.address, port, scope: 0 };
  }

  /** All addresses may be used. */
  get isConfigured(): boolean {
    return (
      this.on.addresses.length === 3 &&
      this.on.addresses.every(({ state }) => state === 'preferred')
    );
  }

  /** Has the stack polled at this instant, or as late as this host is. */
  wake(): void {
    this.#pollAt(this.#agenda.now);
  }

  /** Timers that are set, packets that are out and bytes of memory beyond what an idle host has. */
  leaks(): { timers: number; packets: number; bytes: number } {
    return {
      timers: this.environment.timers.active,
      packets: this.device.packetsInUse + this.stack.pool.inUse,
      bytes: this.arena.allocated,
    };
  }

  /** A counter of the stack; throws when there is none of that name. */
  counter(group: string, name: string): number {
    const counters = group === 'tcp' ? this.tcp.counters : this.stack.counters.get(group);
    const value = counters?.[name];
    if (value === undefined) throw new Error(`there is no counter ${group} ${name}`);
    return value;
  }

  /** Gives the memory back for the next host. Throws when packets are still out. */
  close(): void {
    this.device.close();
    this.arena.free(this.#poolOffset, poolSize);
    this.#nextPoll = Number.NEGATIVE_INFINITY;
    this.arena.refuses = () => false;
    if (this.arena.allocated === 0) spare.push(this.arena);
  }

  #startIpv6(): void {
    const secret = new Uint8Array(16);
    this.#random.fill(secret);
    const ipv6 = this.ipv6.enable(
      this.on,
      {
        acceptAdvertisements: false,
        identifiers: new InterfaceIdentifiers('opaque', secret),
        optimistic: this.#options.optimistic ?? true,
      },
      { advertised: () => {}, resolverChanged: () => {}, duplicate: () => {} },
    );
    ipv6.addAddress(this.address6, 64, 'static');
  }

  #pollAt(asked: number): void {
    const { lateness = 0 } = this.#options;
    if (asked >= this.#nextPoll || asked === Number.POSITIVE_INFINITY) return;
    const instant = lateness === 0 ? asked : asked + this.#random.integer(0, lateness);
    if (instant >= this.#nextPoll) return;
    this.#nextPoll = instant;
    this.#agenda.at(instant, () => {
      if (this.#nextPoll !== instant) return;
      this.#nextPoll = Number.POSITIVE_INFINITY;
      this.#pollAt(this.stack.poll(this.#agenda.now));
    });
  }
}
