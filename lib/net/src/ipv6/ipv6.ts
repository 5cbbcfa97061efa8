/** IPv6 of a machine: ICMPv6, and for each interface Neighbour Discovery, autoconfiguration and MLD. */
import type { IpAddress } from '../address.ts';
import type { Counters } from '../environment.ts';
import type { Interface, InterfaceAddress } from '../interface/interface.ts';
import type { StackObserver } from '../interface/observer.ts';
import { Mld } from '../multicast/mld.ts';
import { protocol, type ReceivedHeader } from '../network.ts';
import type { Stack } from '../stack.ts';
import { IcmpV6, type LinkMessages } from './icmpv6.ts';
import { type Ipv6Events, Ipv6Interface, type Ipv6Settings } from './interface.ts';
import { LinkOutput } from './output.ts';

/** IPv6. Registers itself with the stack; interfaces get it by enable(). */
export class Ipv6 implements StackObserver, LinkMessages {
  readonly icmp: IcmpV6;
  readonly #stack: Stack;
  readonly #output: LinkOutput;
  readonly #interfaces = new Map<number, { readonly ipv6: Ipv6Interface; readonly mld: Mld }>();

  constructor(stack: Stack) {
    this.#stack = stack;
    const counters: Counters = {};
    this.#output = new LinkOutput(stack.environment, counters);
    this.icmp = new IcmpV6(stack.environment, stack.network);
    this.icmp.link = this;
    stack.registerTransport(protocol.icmpv6, this.icmp);
    stack.setErrorSender(false, this.icmp);
    stack.counters.set('icmpv6', this.icmp.counters);
    stack.counters.set('icmpv6.link', counters);
    stack.observe(this);
  }

  /**
   * Turns IPv6 on for an interface: it gets a link-local address, and what the settings say. Without
   * this an interface takes no Neighbour Discovery messages and finds no neighbours.
   */
  enable(on: Interface, settings: Ipv6Settings, events: Ipv6Events): Ipv6Interface {
    const { environment, counters } = this.#stack;
    const mld = new Mld(environment, on, this.#output);
    const ipv6 = new Ipv6Interface(this.#stack, on, this.#output, settings, events);
    counters.set(`ipv6.${on.name}`, ipv6.counters);
    counters.set(`mld.${on.name}`, mld.counters);
    this.#interfaces.set(on.index, { ipv6, mld });
    for (const group of on.groups()) mld.joined(group);
    if (on.isUp) this.interfaceUp(on);
    return ipv6;
  }

  /** IPv6 of an interface, undefined when it was not enabled. */
  interface(on: Interface): Ipv6Interface | undefined {
    return this.#interfaces.get(on.index)?.ipv6;
  }

  // As an observer of the stack.

  interfaceUp(on: Interface): void {
    const known = this.#interfaces.get(on.index);
    known?.mld.start();
    known?.ipv6.start();
  }

  interfaceDown(on: Interface): void {
    const known = this.#interfaces.get(on.index);
    known?.mld.stop();
    known?.ipv6.stop();
  }

  addressRemoved(on: Interface, removed: InterfaceAddress): void {
    this.interface(on)?.addressRemoved(removed.address);
  }

  groupJoined(on: Interface, group: IpAddress): void {
    this.#interfaces.get(on.index)?.mld.joined(group);
  }

  groupLeft(on: Interface, group: IpAddress): void {
    this.#interfaces.get(on.index)?.mld.left(group);
  }

  // As the receiver of messages about links.

  neighbourDiscovery(
    on: Interface,
    bytes: Uint8Array,
    offset: number,
    length: number,
    header: ReceivedHeader,
  ): void {
    this.interface(on)?.receive(bytes, offset, length, header);
  }

  multicastListener(
    on: Interface,
    bytes: Uint8Array,
    offset: number,
    length: number,
    header: ReceivedHeader,
  ): void {
    this.#interfaces.get(on.index)?.mld.receive(bytes, offset, length, header);
  }
}
