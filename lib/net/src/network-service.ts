/** Everything between devices and the kernel's sockets, put together: what runs in a guest and in a simulation. */
import type { IpAddress } from './address.ts';
import type { Counters, Environment } from './environment.ts';
import { Ping } from './icmp/ping.ts';
import type { MemoryRegion } from './ip/pool.ts';
import { protocol } from './network.ts';
import { ResolverConfiguration } from './resolver/resolver-configuration.ts';
import type { Broker } from './sockets/broker.ts';
import { SocketService } from './sockets/service.ts';
import { Stack } from './stack.ts';
import { Publisher } from './statistics/publisher.ts';
import type { Instant } from './storage/timers.ts';
import { Tcp } from './tcp/tcp.ts';
import { Udp } from './udp/udp.ts';

/** What a network service is made of. */
export interface NetworkServiceParts {
  readonly environment: Environment;
  readonly broker: Broker;
  /** Memory for the stack's own packets: see Stack. */
  readonly region: MemoryRegion;
  /** Reads the clock. */
  now(): Instant;
}

/** A stack that serves sockets. Devices and configuration are added by whoever makes it. */
export class NetworkService {
  readonly stack: Stack;
  readonly tcp: Tcp;
  readonly udp: Udp;
  /** ICMP echo of both versions; IPv6's is set to it where IPv6 is configured. */
  readonly ping: Ping;
  readonly sockets: SocketService;
  readonly resolver: ResolverConfiguration;
  readonly publisher: Publisher;
  readonly #broker: Broker;
  #resolverPublished = false;

  constructor(parts: NetworkServiceParts) {
    const { broker } = parts;
    this.#broker = broker;
    this.stack = new Stack(parts.environment, parts.region);
    const { stack } = this;
    const { environment } = stack;
    this.tcp = new Tcp(environment, stack.network, stack.tcpPorts);
    stack.registerTransport(protocol.tcp, this.tcp);
    stack.counters.set('tcp', this.tcp.counters);
    this.udp = new Udp(stack);
    this.ping = new Ping(stack);
    this.sockets = new SocketService({
      environment,
      network: stack.network,
      tcp: this.tcp,
      udp: this.udp,
      ping: this.ping,
      broker,
      interfaceOf: (address) => this.#interfaceOf(address),
    });
    stack.counters.set('sockets', this.sockets.counters);
    stack.counters.set('inUse', this.#inUse(environment));
    // Sockets first: what they give to TCP leaves in the same turn.
    stack.addWork(this.sockets);
    stack.addWork({
      run: () => {
        this.tcp.flush();
        return this.tcp.hasPending;
      },
    });
    this.resolver = new ResolverConfiguration((text) => {
      if (this.#resolverPublished) broker.publishFile('resolv.conf', text);
    });
    this.publisher = new Publisher(stack, this.sockets, broker, () => parts.now());
  }

  /**
   * Configuration has begun on all devices: from now on resolv.conf is shown, as soon as the first
   * attempt to configure the network is over. Until then the kernel has readers wait.
   */
  start(): void {
    const { network } = this.stack;
    if (this.#resolverPublished) return;
    if (network.configuring) {
      network.onConfigured(() => this.start());
      return;
    }
    this.#resolverPublished = true;
    this.#broker.publishFile('resolv.conf', this.resolver.text);
  }

  /**
   * One turn of everything.
   * @returns when to call again at the latest; a time that has come: at once
   */
  turn(now: Instant): Instant {
    const deadline = this.stack.poll(now);
    if (this.sockets.flush()) this.publisher.touch();
    this.publisher.poll(now);
    return Math.min(deadline, this.sockets.deadline, this.publisher.deadline);
  }

  /** What goes up and down again: what is left of it when nobody uses the network has leaked. */
  #inUse({ timers }: Environment): Counters {
    const { sockets, tcp } = this;
    const { tcpPorts, udpPorts } = this.stack;
    return {
      get sockets() {
        return sockets.count;
      },
      get connections() {
        return tcp.connectionCount - tcp.timeWaitCount;
      },
      get timeWaits() {
        return tcp.timeWaitCount;
      },
      get tcpPorts() {
        return tcpPorts.size;
      },
      get udpPorts() {
        return udpPorts.size;
      },
      get timers() {
        return timers.active;
      },
    };
  }

  #interfaceOf(address: IpAddress): number {
    return this.stack.interfaces.find((on) => on.findAddress(address) !== undefined)?.index ?? 0;
  }
}
