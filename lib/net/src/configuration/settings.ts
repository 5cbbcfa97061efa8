/** How interfaces are to be configured: what a composition writes, checked with clear errors. */

import type { IpAddress } from '../address.ts';
import {
  type AddressWithPrefix,
  formatAddress,
  formatWithPrefix,
  parseAddress,
  parseWithPrefix,
} from '../address-text.ts';
import {
  broadcastOf,
  isLinkLocal,
  isLoopback,
  isMulticast,
  matchesPrefix,
  networkOf,
} from '../ip/addresses.ts';
import type { IdentifierKind } from '../ipv6/interface-identifier.ts';
import type { NameServer } from '../resolver/resolver-configuration.ts';
import { checkDomainName } from '../wire/domain-names.ts';

/** Addresses that do not change. */
export interface StaticAddresses {
  /** Like `192.168.1.5/24` or `2001:db8::5/64`, of one family. */
  readonly addresses: readonly string[];
  /** The router for everything that is not on the link. */
  readonly gateway?: string;
}

/** What one interface is to have. Everything may be left out. */
export interface InterfaceSettings {
  /** Default: DHCP. */
  readonly ipv4?: 'dhcp' | 'off' | StaticAddresses;
  /** Default: `auto`, that is addresses and routes from router advertisements. */
  readonly ipv6?: 'auto' | 'link-local' | 'off' | StaticAddresses;
  /** Name servers besides those that DHCP and routers tell of, and asked before them. */
  readonly nameServers?: readonly string[];
  readonly searchDomains?: readonly string[];
  /** Largest IP packet in bytes, 1280 or more (576 without IPv6). */
  readonly mtu?: number;
  /** Name told to the DHCP server. */
  readonly hostName?: string;
  /** How addresses are made from advertised prefixes. Default: `eui64`, `opaque` with a secret. */
  readonly identifiers?: IdentifierKind;
  /** 16 bytes: the same ones give the same opaque addresses on the next boot. Default: random. */
  readonly identifierSecret?: Uint8Array;
  /** Use IPv6 addresses while duplicates are looked for (RFC 4429). Default true. */
  readonly optimistic?: boolean;
}

/** Static addresses as they are used. */
export interface CheckedAddresses {
  readonly addresses: readonly AddressWithPrefix[];
  readonly gateway: IpAddress | undefined;
}

/** Settings that make sense, with all defaults filled in. */
export interface CheckedSettings {
  readonly ipv4: 'dhcp' | 'off' | CheckedAddresses;
  readonly ipv6: 'auto' | 'link-local' | 'off' | CheckedAddresses;
  readonly nameServers: readonly NameServer[];
  readonly searchDomains: readonly string[];
  readonly mtu: number | undefined;
  readonly hostName: string | undefined;
  readonly identifiers: IdentifierKind;
  readonly identifierSecret: Uint8Array | undefined;
  readonly optimistic: boolean;
}

/**
 * Checks settings.
 * @param name of the interface, for errors
 * @throws TypeError or RangeError that says what is wrong and what to write instead
 */
export function checkSettings(name: string, settings: InterfaceSettings): CheckedSettings {
  const { ipv4 = 'dhcp', ipv6 = 'auto', mtu, identifierSecret } = settings;
  const least = ipv6 === 'off' ? 576 : 1280;
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= least && mtu <= 65_535)) {
    throw new RangeError(`${name}: an MTU is ${least} to 65535 bytes, not ${mtu}`);
  }
  if (identifierSecret !== undefined && identifierSecret.length !== 16) {
    throw new RangeError(
      `${name}: the secret of interface identifiers is 16 bytes, not ${identifierSecret.length}`,
    );
  }
  return {
    ipv4: typeof ipv4 === 'string' ? ipv4 : checkAddresses(name, ipv4, true),
    ipv6: typeof ipv6 === 'string' ? ipv6 : checkAddresses(name, ipv6, false),
    nameServers: (settings.nameServers ?? []).map((text) => checkNameServer(name, text)),
    searchDomains: (settings.searchDomains ?? []).map((text) => {
      const domain = checkDomainName(text);
      if (domain !== undefined) return domain;
      throw new TypeError(`${name}: "${text}" is not a domain to search, as "example.com" is`);
    }),
    mtu,
    hostName: checkHostName(name, settings.hostName),
    identifiers: settings.identifiers ?? (identifierSecret === undefined ? 'eui64' : 'opaque'),
    identifierSecret,
    optimistic: settings.optimistic ?? true,
  };
}

function checkAddresses(name: string, given: StaticAddresses, isV4: boolean): CheckedAddresses {
  const family = isV4 ? 'IPv4' : 'IPv6';
  const example = isV4 ? '192.168.1.5/24' : '2001:db8::5/64';
  if (given.addresses.length === 0) {
    throw new TypeError(`${name}: static ${family} needs an address like ${example}, or say "off"`);
  }
  const addresses = given.addresses.map((text) => {
    const parsed = parseWithPrefix(text);
    if (parsed === undefined) {
      const what = parseAddress(text) === undefined ? 'is not an address' : 'has no prefix length';
      throw new TypeError(`${name}: "${text}" ${what}; write it like ${example}`);
    }
    if (parsed.address.isV4 !== isV4) {
      throw new TypeError(
        `${name}: ${text} is not an ${family} address; it belongs to the other family`,
      );
    }
    checkHost(name, parsed);
    return parsed;
  });
  return { addresses, gateway: checkGateway(name, given.gateway, addresses, isV4) };
}

/** Refuses addresses that one machine cannot have. */
function checkHost(name: string, { address, prefixLength }: AddressWithPrefix): void {
  const text = formatWithPrefix(address, prefixLength);
  if (address.isUnspecified || isMulticast(address) || isLoopback(address)) {
    throw new RangeError(`${name}: ${text} cannot be the address of an interface`);
  }
  if (prefixLength === 0) {
    throw new RangeError(
      `${name}: ${text} would put the whole world on the link; name the length of the network's prefix`,
    );
  }
  if (!address.isV4 || prefixLength > 30) return;
  if (address.equals(networkOf(address, prefixLength))) {
    throw new RangeError(`${name}: ${text} is the network itself, not an address in it`);
  }
  if (broadcastOf(address, prefixLength)?.equals(address) === true) {
    throw new RangeError(`${name}: ${text} is the broadcast address of its network`);
  }
}

function checkGateway(
  name: string,
  text: string | undefined,
  addresses: readonly AddressWithPrefix[],
  isV4: boolean,
): IpAddress | undefined {
  if (text === undefined) return undefined;
  const gateway = parseAddress(text);
  if (gateway === undefined || gateway.isV4 !== isV4) {
    throw new TypeError(
      `${name}: the gateway "${text}" is not an ${isV4 ? 'IPv4' : 'IPv6'} address; write it without a prefix length`,
    );
  }
  if (addresses.some(({ address }) => address.equals(gateway))) {
    throw new RangeError(`${name}: the gateway ${text} is this machine's own address`);
  }
  const isNeighbour = addresses.some(({ address, prefixLength }) =>
    matchesPrefix(gateway, address, prefixLength),
  );
  if (!isNeighbour && !(!isV4 && isLinkLocal(gateway))) {
    const networks = addresses.map(({ address, prefixLength }) =>
      formatWithPrefix(networkOf(address, prefixLength), prefixLength),
    );
    throw new RangeError(
      `${name}: the gateway ${formatAddress(gateway)} is not on the link (${networks.join(', ')}); ` +
        'correct it or the prefix length',
    );
  }
  return gateway;
}

function checkNameServer(name: string, text: string): NameServer {
  const [host = '', scope = ''] = text.split('%');
  const address = parseAddress(host);
  if (address === undefined || isMulticast(address) || address.isUnspecified) {
    throw new TypeError(`${name}: the name server "${text}" is not an IP address`);
  }
  return { address, scope: scope === '' && !address.isV4 && isLinkLocal(address) ? name : scope };
}

function checkHostName(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const checked = checkDomainName(text);
  if (checked !== undefined && checked.length <= 63) return checked;
  throw new TypeError(
    `${name}: "${text}" is not a host name: letters, digits and hyphens, at most 63`,
  );
}
