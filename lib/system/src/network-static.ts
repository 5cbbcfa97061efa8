/** Addresses that do not change, for compositions without the code of DHCP and IPv6's autoconfiguration. */
import { anyV4, anyV6, type IpAddress } from '@runtimejs/net/address.ts';
import {
  type AddressWithPrefix,
  formatWithPrefix,
  parseAddress,
  parseWithPrefix,
} from '@runtimejs/net/address-text.ts';
import type { Configuration } from './network.ts';

/** What an interface is to have. */
export interface StaticOptions {
  /** Name of the interface: `eth0`. */
  readonly interface: string;
  /** Like `192.168.1.5/24` or `2001:db8::5/64`. */
  readonly addresses: readonly string[];
  /** Routers for everything that is on no link: at most one of each family. */
  readonly gateways?: readonly string[];
  /** Addresses of name servers, in the order in which they are asked. */
  readonly nameServers?: readonly string[];
  readonly searchDomains?: readonly string[];
}

/** Gives an interface addresses, routes and name servers. Throws a TypeError for text that is no address. */
export function staticAddresses(options: StaticOptions): Configuration {
  const addresses = options.addresses.map(parsePrefix);
  const gateways = (options.gateways ?? []).map(parse);
  const nameServers = (options.nameServers ?? []).map((text) => ({
    address: parse(text),
    scope: '',
  }));
  return ({ stack, resolver }, { log }) => {
    stack.observe({
      interfaceAdded: (on) => {
        if (on.name !== options.interface) return;
        for (const { address, prefixLength } of addresses) {
          on.addAddress(address, prefixLength);
          log('info', `${on.name}: ${formatWithPrefix(address, prefixLength)} (static)`);
        }
        for (const gateway of gateways) {
          const destination = gateway.isV4 ? anyV4 : anyV6;
          stack.routes.add({ destination, prefixLength: 0, gateway, interface: on });
        }
        resolver.set('static', on.name, {
          nameServers,
          searchDomains: options.searchDomains ?? [],
        });
      },
    });
  };
}

function parse(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new TypeError(`"${text}" is no IP address`);
  return address;
}

function parsePrefix(text: string): AddressWithPrefix {
  const parsed = parseWithPrefix(text);
  if (parsed === undefined) {
    throw new TypeError(`"${text}" is no address with a prefix length, as 192.168.1.5/24 is`);
  }
  return parsed;
}
