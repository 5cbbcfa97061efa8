/** Stateless address autoconfiguration (RFC 4862): addresses from advertised prefixes, and their lifetimes. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { isLinkLocal, isMulticast, matchesPrefix, networkOf } from '../ip/addresses.ts';
import { type Instant, never } from '../storage/timers.ts';
import { infiniteLifetime, type PrefixInformation } from '../wire/ndp-options.ts';
import type { InterfaceIdentifiers } from './interface-identifier.ts';

/** An address as the interface has it. */
export interface ConfiguredAddress {
  readonly address: IpAddress;
  readonly validUntil: Instant;
}

/** What autoconfiguration needs of its interface. */
export interface AutoconfigurationHost {
  readonly environment: Environment;
  readonly hardwareAddress: Uint8Array;
  /** The address of an autoconfigured prefix that the interface has, if any. */
  configured(prefix: IpAddress): ConfiguredAddress | undefined;
  /** Adds an address, or sets the lifetimes of one that is there. */
  configure(address: IpAddress, preferredUntil: Instant, validUntil: Instant): void;
}

/** Why a prefix gives no address. */
export type PrefixRefusal =
  | 'not autonomous'
  | 'prefix is link-local or multicast'
  | 'preferred for longer than valid'
  | 'prefix length is not 64'
  | 'valid lifetime is 0'
  | 'too many prefixes'
  | 'no address is left to try';

/** RFC 4862, section 5.5.3, e: an unauthenticated RA cannot shorten a lifetime below two hours. */
const twoHours = 7200e6;
/** Prefixes that one interface takes addresses from. */
const prefixLimit = 8;
/** Addresses tried for a prefix when they are duplicates (RFC 7217, section 5: IDGEN_RETRIES). */
const attemptLimit = 3;

/** Makes addresses of an interface from advertised prefixes. */
export class Autoconfiguration {
  readonly #host: AutoconfigurationHost;
  readonly #identifiers: InterfaceIdentifiers;
  /** How many addresses of a prefix were duplicates. */
  readonly #attempts: { readonly prefix: IpAddress; count: number }[] = [];

  constructor(host: AutoconfigurationHost, identifiers: InterfaceIdentifiers) {
    this.#host = host;
    this.#identifiers = identifiers;
  }

  /** Takes a Prefix Information option (section 5.5.3). Returns why it gives no address, or null. */
  advertised(option: PrefixInformation): PrefixRefusal | null {
    if (!option.autonomous) return 'not autonomous';
    if (isLinkLocal(option.prefix) || isMulticast(option.prefix)) {
      return 'prefix is link-local or multicast';
    }
    if (option.preferredLifetime > option.validLifetime) return 'preferred for longer than valid';
    if (option.prefixLength !== 64) return 'prefix length is not 64';
    const prefix = networkOf(option.prefix, 64);
    const { now } = this.#host.environment.clock;
    const preferredUntil = deadline(now, option.preferredLifetime);
    const validUntil = deadline(now, option.validLifetime);
    const known = this.#host.configured(prefix);
    if (known === undefined) {
      if (option.validLifetime === 0) return 'valid lifetime is 0';
      return this.#add(prefix, preferredUntil, validUntil);
    }
    this.#host.configure(
      known.address,
      preferredUntil,
      prolonged(now, known.validUntil, validUntil),
    );
    return null;
  }

  /**
   * The address of a prefix, the link-local one included, was found to be a duplicate and was removed.
   * @returns the next one to try, undefined when there is none
   */
  replacement(duplicate: IpAddress): IpAddress | undefined {
    const prefix = networkOf(duplicate, 64);
    const attempt = this.#attempts.find((one) => one.prefix.equals(prefix));
    const count = (attempt?.count ?? 0) + 1;
    if (attempt !== undefined) attempt.count = count;
    else if (this.#attempts.length <= prefixLimit) this.#attempts.push({ prefix, count });
    return this.addressIn(prefix);
  }

  /** The address to use in a prefix of 64 bits. */
  addressIn(prefix: IpAddress): IpAddress | undefined {
    const attempt = this.#attempts.find((one) => matchesPrefix(prefix, one.prefix, 64))?.count ?? 0;
    if (attempt > attemptLimit) return undefined;
    return this.#identifiers.address(prefix, this.#host.hardwareAddress, attempt);
  }

  #add(prefix: IpAddress, preferredUntil: Instant, validUntil: Instant): PrefixRefusal | null {
    const address = this.addressIn(prefix);
    if (address === undefined) return 'no address is left to try';
    this.#host.configure(address, preferredUntil, validUntil);
    return this.#host.configured(prefix) === undefined ? 'too many prefixes' : null;
  }
}

/** When a lifetime in seconds ends. */
export function deadline(now: Instant, lifetime: number): Instant {
  return lifetime >= infiniteLifetime ? never : now + lifetime * 1e6;
}

/** The rule of two hours. */
function prolonged(now: Instant, current: Instant, advertised: Instant): Instant {
  if (advertised - now > twoHours || advertised > current) return advertised;
  return current - now <= twoHours ? current : now + twoHours;
}

/** How many prefixes an interface takes addresses from; for the host's configure(). */
export const autoconfiguredPrefixLimit: number = prefixLimit;
