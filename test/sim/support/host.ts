/** A simulated host: the real stack on host memory, with devices on simulated wires, in virtual time. */
import { type Endpoint, IpAddress } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { Tcp } from '@runtimejs/net/tcp/tcp.ts';
import { Arena } from './arena.ts';
import type { Agenda } from './clock.ts';
import { type DeviceAbilities, SimulatedDevice } from './device.ts';
import type { Link } from './link.ts';
import type { Random } from './random.ts';

const arenaSize = 32 * 1024 * 1024;
const poolSize = 1024 * 1024;

/** Arenas of hosts that are gone: a fresh one for each of thousands of runs would cost most of the time. */
const spare: Arena[] = [];

/** One host with one network card. */
export class SimulatedHost {
  readonly arena: Arena;
  readonly stack: Stack;
  readonly tcp: Tcp;
  readonly device: SimulatedDevice;
  readonly environment: Environment;
  /** Messages that the stack logged. */
  readonly messages: string[] = [];
  readonly #agenda: Agenda;
  readonly #poolOffset: number;
  #nextPoll = Number.POSITIVE_INFINITY;

  constructor(agenda: Agenda, random: Random, link: Link, end: 0 | 1, abilities: DeviceAbilities) {
    this.#agenda = agenda;
    this.arena = spare.pop() ?? new Arena(arenaSize);
    this.environment = {
      memory: this.arena.memory,
      clock: { now: agenda.now },
      timers: new TimerQueue(),
      random: (into) => random.fill(into),
      log: (level, text) => this.messages.push(`${level}: ${text}`),
    };
    const poolOffset = this.arena.allocate(poolSize);
    if (poolOffset === undefined) throw new Error('the arena is full');
    this.#poolOffset = poolOffset;
    this.stack = new Stack(this.environment, { offset: poolOffset, size: poolSize });
    this.tcp = new Tcp(this.environment, this.stack.network, this.stack.tcpPorts);
    this.stack.registerTransport(6, this.tcp);
    this.stack.addWork({
      run: () => {
        this.tcp.flush();
        return this.tcp.hasPending;
      },
    });
    this.device = new SimulatedDevice(`sim${end}`, this.arena, link, end, abilities, () =>
      this.wake(),
    );
    const on = this.stack.addDevice(this.device);
    on.addAddress(this.address, 24);
    this.wake();
  }

  /** 10.0.0.1 and 10.0.0.2. */
  get address(): IpAddress {
    return IpAddress.v4(0x0a000000 + (this.device.hardwareAddress[5] as number));
  }

  endpoint(port: number): Endpoint {
    return { address: this.address, port, scope: 0 };
  }

  /** Has the stack polled at this instant. */
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

  /** Gives the memory back for the next host. Throws when packets are still out. */
  close(): void {
    this.device.close();
    this.arena.free(this.#poolOffset, poolSize);
    this.#nextPoll = Number.NEGATIVE_INFINITY;
    if (this.arena.allocated === 0) spare.push(this.arena);
  }

  #pollAt(instant: number): void {
    if (instant >= this.#nextPoll || instant === Number.POSITIVE_INFINITY) return;
    this.#nextPoll = instant;
    this.#agenda.at(instant, () => {
      if (this.#nextPoll !== instant) return;
      this.#nextPoll = Number.POSITIVE_INFINITY;
      this.#pollAt(this.stack.poll(this.#agenda.now));
    });
  }
}
