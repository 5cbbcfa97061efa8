/** Every address of this machine, for the question that each received packet asks. */
import type { IpAddress } from '../address.ts';
import { AddressMap } from '../interface/address-map.ts';
import type { Interface, InterfaceAddress } from '../interface/interface.ts';
import { isLoopback, needsScope } from './addresses.ts';

/** The addresses of all interfaces. */
export class LocalAddresses {
  readonly #v4 = new Map<number, InterfaceAddress[]>();
  readonly #v6: AddressMap<InterfaceAddress[]>;
  /** Directed broadcast addresses, and how many addresses have them. */
  readonly #broadcasts = new Map<number, number>();

  constructor(seed: number) {
    this.#v6 = new AddressMap(seed);
  }

  add(added: InterfaceAddress): void {
    const { address, broadcast } = added;
    const known = address.isV4 ? this.#v4.get(address.word3) : this.#v6.get(address);
    if (known !== undefined) known.push(added);
    else if (address.isV4) this.#v4.set(address.word3, [added]);
    else this.#v6.set(address, [added]);
    if (broadcast !== null) {
      this.#broadcasts.set(broadcast.word3, (this.#broadcasts.get(broadcast.word3) ?? 0) + 1);
    }
  }

  remove(removed: InterfaceAddress): void {
    const { address, broadcast } = removed;
    const known = address.isV4 ? this.#v4.get(address.word3) : this.#v6.get(address);
    if (known === undefined) return;
    const at = known.indexOf(removed);
    if (at < 0) return;
    known.splice(at, 1);
    if (known.length === 0) {
      if (address.isV4) this.#v4.delete(address.word3);
      else this.#v6.delete(address);
    }
    if (broadcast !== null) {
      const left = (this.#broadcasts.get(broadcast.word3) as number) - 1;
      if (left > 0) this.#broadcasts.set(broadcast.word3, left);
      else this.#broadcasts.delete(broadcast.word3);
    }
  }

  /** An IPv4 address that is not tentative, on any interface (RFC 1122's weak end system, as Linux). */
  find4(bits: number): InterfaceAddress | undefined {
    const known = this.#v4.get(bits);
    return known === undefined ? undefined : usable(known, null);
  }

  /** An IPv6 address that is not tentative; a link-local one must belong to `on`. */
  find6(
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    on: Interface,
  ): InterfaceAddress | undefined {
    const known = this.#v6.getWords(word0, word1, word2, word3);
    if (known === undefined) return undefined;
    return usable(known, word0 >>> 22 === 0x3fa ? on : null);
  }

  /**
   * An address of either family. Loopback's are found even when only their prefix is configured.
   * @param scope interface index of a link-local address, 0: any
   */
  find(address: IpAddress, scope: number): InterfaceAddress | undefined {
    const known = address.isV4 ? this.#v4.get(address.word3) : this.#v6.get(address);
    if (known === undefined) return undefined;
    for (const one of known) {
      if (one.state === 'tentative') continue;
      if (scope === 0 || !needsScope(address) || one.interface.index === scope) return one;
    }
    return undefined;
  }

  /** True for an address of this machine. */
  has(address: IpAddress): boolean {
    return isLoopback(address) || this.find(address, 0) !== undefined;
  }

  /** 255.255.255.255 or the broadcast address of a network that we are on. */
  isBroadcast4(bits: number): boolean {
    return bits === -1 || this.#broadcasts.has(bits);
  }
}

function usable(known: InterfaceAddress[], on: Interface | null): InterfaceAddress | undefined {
  for (let at = 0; at < known.length; at += 1) {
    const one = known[at] as InterfaceAddress;
    if (one.state !== 'tentative' && (on === null || one.interface === on)) return one;
  }
  return undefined;
}
