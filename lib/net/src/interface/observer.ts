/** What protocols that configure interfaces want to hear: SLAAC, DHCP, MLD, IGMP, the log. */
import type { IpAddress } from '../address.ts';
import type { Interface, InterfaceAddress } from './interface.ts';

/** Told of changes, after they took effect. Every method may be left out; none may throw. */
export interface StackObserver {
  interfaceAdded?(on: Interface): void;
  /** The link came up: begin or renew configuration. */
  interfaceUp?(on: Interface): void;
  /** The link went down; addresses stay until somebody removes them. */
  interfaceDown?(on: Interface): void;
  addressAdded?(on: Interface, address: InterfaceAddress): void;
  /** Its state changed. */
  addressChanged?(on: Interface, address: InterfaceAddress): void;
  addressRemoved?(on: Interface, address: InterfaceAddress): void;
  /** Somebody else on the link uses an address of ours, or one that is being probed (RFC 5227). */
  addressConflict?(on: Interface, address: IpAddress, hardwareAddress: Uint8Array): void;
  /** A group was joined by its first member, or left by its last. */
  groupJoined?(on: Interface, group: IpAddress): void;
  groupLeft?(on: Interface, group: IpAddress): void;
}

/** Everybody who listens, in the order of joining. */
export class Observers {
  readonly #all: StackObserver[] = [];

  add(observer: StackObserver): void {
    this.#all.push(observer);
  }

  interfaceAdded(on: Interface): void {
    for (const one of this.#all) one.interfaceAdded?.(on);
  }

  interfaceUp(on: Interface): void {
    for (const one of this.#all) one.interfaceUp?.(on);
  }

  interfaceDown(on: Interface): void {
    for (const one of this.#all) one.interfaceDown?.(on);
  }

  addressAdded(on: Interface, address: InterfaceAddress): void {
    for (const one of this.#all) one.addressAdded?.(on, address);
  }

  addressChanged(on: Interface, address: InterfaceAddress): void {
    for (const one of this.#all) one.addressChanged?.(on, address);
  }

  addressRemoved(on: Interface, address: InterfaceAddress): void {
    for (const one of this.#all) one.addressRemoved?.(on, address);
  }

  addressConflict(on: Interface, address: IpAddress, hardwareAddress: Uint8Array): void {
    for (const one of this.#all) one.addressConflict?.(on, address, hardwareAddress);
  }

  groupJoined(on: Interface, group: IpAddress): void {
    for (const one of this.#all) one.groupJoined?.(on, group);
  }

  groupLeft(on: Interface, group: IpAddress): void {
    for (const one of this.#all) one.groupLeft?.(on, group);
  }
}
