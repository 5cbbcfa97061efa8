/**
 * A simulated host with everything that a guest's system isolate has: the network service over a
 * device, and sockets that the kernel, which the simulation plays, hands to it.
 */
import { IpAddress } from '@runtimejs/net/address.ts';
import { configureNetwork, type NetworkSettings } from '@runtimejs/net/configuration/configure.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import { NetworkService } from '@runtimejs/net/network-service.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { FakeKernel } from '../../unit/support/fake-broker.ts';
import { Arena } from './arena.ts';
import type { Agenda } from './clock.ts';
import { type DeviceAbilities, SimulatedDevice } from './device.ts';
import type { Link } from './link.ts';
import type { Random } from './random.ts';

const memorySize = 160 << 20;
const deviceSize = 24 << 20;
const regionSize = 4 << 20;

/** Memories of hosts that are gone: fresh ones cost time. */
const spare: HostMemory[] = [];

/** The host; addresses are static: 10.0.0.n and fd00::n. */
export class SocketHost {
  readonly memory: HostMemory;
  readonly kernel: FakeKernel;
  readonly service: NetworkService;
  readonly device: SimulatedDevice;
  readonly environment: Environment;
  readonly address4: IpAddress;
  readonly address6: IpAddress;
  readonly messages: string[] = [];
  readonly #agenda: Agenda;
  #nextTurn = Number.POSITIVE_INFINITY;

  /** @param settings how interfaces are configured, in place of static addresses */
  constructor(
    agenda: Agenda,
    random: Random,
    link: Link,
    end: 0 | 1,
    abilities: DeviceAbilities,
    settings?: NetworkSettings,
  ) {
    this.#agenda = agenda;
    this.memory = spare.pop() ?? new HostMemory(memorySize);
    this.memory.bytes.fill(0, 0, 8 << 20); // tables of the kernel and socket blocks
    this.kernel = new FakeKernel(this.memory);
    this.environment = {
      memory: this.memory,
      clock: { now: agenda.now },
      timers: new TimerQueue(),
      random: (into) => random.fill(into),
      log: (level, text) => this.messages.push(`${level}: ${text}`),
    };
    const region = memorySize - deviceSize - regionSize;
    this.service = new NetworkService({
      environment: this.environment,
      broker: this.kernel,
      region: { offset: region, size: regionSize },
      now: () => agenda.now,
    });
    const number = end + 1;
    this.address4 = IpAddress.v4(0x0a000000 + number);
    this.address6 = new IpAddress(0xfd000000, 0, 0, number);
    const fixed = {
      ipv4: { addresses: [`10.0.0.${number}/24`] },
      ipv6: { addresses: [`fd00::${number}/64`] },
    };
    configureNetwork(this.service, settings ?? { default: fixed });
    const arena = new Arena(this.memory, memorySize - deviceSize);
    this.device = new SimulatedDevice(`sim${end}`, arena, link, end, abilities, () => this.wake());
    this.service.stack.addDevice(this.device);
    this.service.start();
    this.wake();
  }

  /** The kernel's doorbell, or an interrupt. */
  wake(): void {
    this.#turnAt(this.#agenda.now);
  }

  /** What is still there and ought not to be, once all sockets are closed. */
  left(): string[] {
    const { stack, tcp, sockets } = this.service;
    const counts: Record<string, number> = {
      sockets: this.kernel.socketCount,
      'bytes of rings': this.kernel.ringBytes,
      'sockets in the service': sockets.count,
      connections: tcp.connectionCount,
      'TCP ports': stack.tcpPorts.size,
      'UDP ports': stack.udpPorts.size,
      packets: this.device.packetsInUse + stack.pool.inUse,
      timers: this.environment.timers.active,
    };
    return Object.entries(counts).flatMap(([what, count]) =>
      count === 0 ? [] : `${count} ${what}`,
    );
  }

  close(): void {
    this.#nextTurn = Number.NEGATIVE_INFINITY;
    spare.push(this.memory);
  }

  #turnAt(instant: number): void {
    if (instant >= this.#nextTurn || instant === Number.POSITIVE_INFINITY) return;
    const at = Math.max(instant, this.#agenda.now);
    this.#nextTurn = at;
    this.#agenda.at(at, () => {
      if (this.#nextTurn !== at) return;
      this.#nextTurn = Number.POSITIVE_INFINITY;
      this.#turnAt(this.service.turn(this.#agenda.now));
    });
  }
}
