/** Configures one interface, and tells the boot log what it got or what is missing. */

import { anyV4, anyV6, IpAddress } from '../address.ts';
import { formatAddress, formatWithPrefix } from '../address-text.ts';
import type { DhcpLease } from '../dhcp/lease.ts';
import type { DhcpInterface, DhcpService } from '../dhcp/service.ts';
import type { LogLevel } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import { isLinkLocal } from '../ip/addresses.ts';
import type { Ipv6Interface } from '../ipv6/interface.ts';
import { InterfaceIdentifiers } from '../ipv6/interface-identifier.ts';
import type { Ipv6 } from '../ipv6/ipv6.ts';
import type { ResolverConfiguration } from '../resolver/resolver-configuration.ts';
import type { Stack } from '../stack.ts';
import { infiniteLease } from '../wire/dhcpv4.ts';
import { ConfigurationAttempt, type Family } from './attempt.ts';
import type { CheckedAddresses, CheckedSettings } from './settings.ts';

/** What interfaces are configured with. */
export interface ConfigurationParts {
  readonly stack: Stack;
  readonly resolver: ResolverConfiguration;
  readonly dhcp: DhcpService;
  readonly ipv6: Ipv6;
}

/** The configuration of one interface: static addresses, the DHCP client, IPv6. */
export class InterfaceConfiguration {
  readonly #parts: ConfigurationParts;
  readonly #on: Interface;
  readonly #settings: CheckedSettings;
  readonly #dhcp: DhcpInterface | undefined;
  readonly #ipv6: Ipv6Interface | undefined;
  #attempt: ConfigurationAttempt | undefined;
  /** Ends the wait of NetworkLayer.configuring. */
  #finish: () => void = () => {};
  /** What was logged of IPv6 last. */
  #ipv6Summary = '';
  #advertisedServers: readonly IpAddress[] = [];

  constructor(parts: ConfigurationParts, on: Interface, settings: CheckedSettings) {
    this.#parts = parts;
    this.#on = on;
    this.#settings = settings;
    if (settings.mtu !== undefined) on.setMtu(settings.mtu);
    if (settings.nameServers.length > 0 || settings.searchDomains.length > 0) {
      parts.resolver.set('static', on.name, settings);
    }
    if (settings.ipv4 === 'dhcp') this.#dhcp = this.#createDhcp();
    if (settings.ipv6 !== 'off') this.#ipv6 = this.#enableIpv6();
    if (typeof settings.ipv4 !== 'string') this.#addStatic(settings.ipv4);
    if (typeof settings.ipv6 !== 'string') this.#addStatic(settings.ipv6);
    if (!on.isUp) this.#log('warn', 'the link is down: it is configured when it comes up');
  }

  /** True while an application had better wait for addresses. */
  get configuring(): boolean {
    return this.#attempt?.configuring === true;
  }

  /** The DHCP lease in use. */
  get lease(): DhcpLease | undefined {
    return this.#dhcp?.lease;
  }

  /** The link came up. */
  start(): void {
    const families: Family[] = [];
    if (this.#dhcp !== undefined && this.#dhcp.lease === undefined) families.push('ipv4');
    if (this.#settings.ipv6 === 'auto') families.push('ipv6');
    this.#attempt?.abandon();
    if (families.length > 0) {
      this.#finish = this.#on.beginConfiguration();
      this.#attempt = new ConfigurationAttempt(
        this.#parts.stack.environment,
        families,
        (family) => this.#gaveUp(family),
        () => this.#finish(),
      );
    }
    this.#dhcp?.start();
  }

  /** The link went down. */
  stop(): void {
    this.#dhcp?.stop();
    this.#attempt?.abandon();
  }

  #createDhcp(): DhcpInterface {
    const { hostName } = this.#settings;
    return this.#parts.dhcp.create(
      this.#on,
      { hostName },
      {
        bound: (lease, isNew) => {
          this.#log(isNew ? 'info' : 'debug', leaseText(lease));
          if (lease.ignored.length > 0) {
            this.#log('warn', `DHCP options make no sense: ${lease.ignored.join(', ')}`);
          }
          this.#attempt?.succeeded('ipv4');
        },
        unbound: (lease, reason) =>
          this.#log('warn', `${formatAddress(IpAddress.v4(lease.address))} is gone: ${reason}`),
      },
    );
  }

  #enableIpv6(): Ipv6Interface {
    const { stack, ipv6, resolver } = this.#parts;
    const { identifiers, identifierSecret, optimistic, ipv6: mode } = this.#settings;
    const secret = identifierSecret ?? new Uint8Array(16);
    if (identifierSecret === undefined) stack.environment.random(secret);
    return ipv6.enable(
      this.#on,
      {
        acceptAdvertisements: mode === 'auto',
        identifiers: new InterfaceIdentifiers(identifiers, secret),
        optimistic,
      },
      {
        advertised: (message, router) => {
          this.#logIpv6(router);
          // A router that leads nowhere and gives no address changes nothing.
          const useful = message.routerLifetime > 0 || message.options.prefixes.length > 0;
          if (useful) this.#attempt?.succeeded('ipv6');
        },
        resolverChanged: (servers, searchDomains) => {
          this.#advertisedServers = servers;
          resolver.set('ra', this.#on.name, {
            nameServers: servers.map((address) => ({
              address,
              scope: isLinkLocal(address) ? this.#on.name : '',
            })),
            searchDomains,
          });
        },
        duplicate: () => {},
      },
    );
  }

  #addStatic({ addresses, gateway }: CheckedAddresses): void {
    const on = this.#on;
    for (const { address, prefixLength } of addresses) {
      if (address.isV4) on.addAddress(address, prefixLength, { origin: 'static' });
      else this.#ipv6?.addAddress(address, prefixLength, 'static');
    }
    if (gateway !== undefined) {
      const destination = gateway.isV4 ? anyV4 : anyV6;
      this.#parts.stack.routes.add({ destination, prefixLength: 0, gateway, interface: on });
    }
    const list = addresses.map((one) => formatWithPrefix(one.address, one.prefixLength)).join(', ');
    const servers = this.#settings.nameServers.map(({ address }) => formatAddress(address));
    this.#log('info', `${list}, static${gatewayText(gateway)}${serversText(servers)}`);
  }

  /** Logs what routers gave, when it is not what was logged last. */
  #logIpv6(router: IpAddress): void {
    const addresses = this.#on.addresses.filter(({ origin }) => origin === 'slaac');
    const list = addresses.map((one) => formatWithPrefix(one.address, one.prefixLength));
    const gateway = this.#ipv6?.defaultRouters[0];
    const servers = this.#advertisedServers.map(formatAddress);
    const what = list.length > 0 ? list.join(', ') : 'no IPv6 prefix';
    const rest = `${gatewayText(gateway)}${serversText(servers)}`;
    // Whose advertisement it was is no news: several routers take turns.
    if (what + rest === this.#ipv6Summary) return;
    this.#ipv6Summary = what + rest;
    this.#log('info', `${what} from router ${formatAddress(router)}${rest}`);
  }

  #gaveUp(family: Family): void {
    if (family === 'ipv4') {
      this.#log('warn', 'no DHCP server answers: there is no IPv4 address yet; it goes on asking');
    } else {
      this.#log('info', 'no IPv6 router answers: IPv6 reaches this link only; it goes on asking');
    }
  }

  #log(level: LogLevel, text: string): void {
    this.#parts.stack.environment.log(level, `${this.#on.name}: ${text}`);
  }
}

/** `10.0.2.15/24 from DHCP server 10.0.2.2, lease 86400 s, gateway 10.0.2.2, DNS 10.0.2.3` */
function leaseText(lease: DhcpLease): string {
  const v4 = (bits: number) => formatAddress(IpAddress.v4(bits));
  const time = lease.leaseTime >= infiniteLease ? 'for ever' : `${lease.leaseTime} s`;
  const gateway = lease.routes.find((route) => route.prefixLength === 0)?.gateway;
  const address = formatWithPrefix(IpAddress.v4(lease.address), lease.prefixLength);
  return (
    `${address} from DHCP server ${v4(lease.server)}, lease ${time}` +
    gatewayText(gateway === undefined ? undefined : IpAddress.v4(gateway)) +
    serversText(lease.nameServers.map(v4))
  );
}

function gatewayText(gateway: IpAddress | undefined): string {
  return gateway === undefined ? ', no gateway' : `, gateway ${formatAddress(gateway)}`;
}

function serversText(servers: readonly string[]): string {
  return servers.length === 0 ? '' : `, DNS ${servers.join(' ')}`;
}
