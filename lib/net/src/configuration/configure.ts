/** Configures all interfaces of a machine: DHCP, IPv6 autoconfiguration, static addresses. */
import { DhcpService } from '../dhcp/service.ts';
import type { EchoReceiver } from '../icmp/icmpv4.ts';
import type { Interface } from '../interface/interface.ts';
import { Ipv6 } from '../ipv6/ipv6.ts';
import { Igmp } from '../multicast/igmp.ts';
import type { ResolverConfiguration } from '../resolver/resolver-configuration.ts';
import type { Stack } from '../stack.ts';
import type { UdpApi } from '../udp/types.ts';
import { InterfaceConfiguration } from './interface-configuration.ts';
import { type CheckedSettings, checkSettings, type InterfaceSettings } from './settings.ts';

/** What is configured; a NetworkService is one. */
export interface ConfigurationTarget {
  readonly stack: Stack;
  readonly udp: UdpApi;
  readonly resolver: ResolverConfiguration;
  /** Who takes ICMPv6 echo replies. */
  readonly ping?: EchoReceiver;
}

/** Settings of all interfaces. */
export interface NetworkSettings {
  /** For interfaces that `interfaces` does not name. Default: DHCP, and IPv6 from routers. */
  readonly default?: InterfaceSettings;
  /** By name of the interface: eth0, eth1, ... */
  readonly interfaces?: Readonly<Record<string, InterfaceSettings>>;
}

/** The configuration of a machine. */
export class NetworkConfiguration {
  readonly ipv6: Ipv6;
  readonly dhcp: DhcpService;
  readonly #interfaces = new Map<string, InterfaceConfiguration>();

  constructor(target: ConfigurationTarget, settings: NetworkSettings) {
    const { stack, resolver } = target;
    const named = new Map<string, CheckedSettings>();
    for (const [name, one] of Object.entries(settings.interfaces ?? {})) {
      named.set(name, checkSettings(name, one));
    }
    const fallback = checkSettings('default', settings.default ?? {});
    this.ipv6 = new Ipv6(stack);
    this.ipv6.icmp.echo = target.ping ?? null;
    new Igmp(stack);
    this.dhcp = new DhcpService(target);
    const parts = { stack, resolver, dhcp: this.dhcp, ipv6: this.ipv6 };
    stack.observe({
      interfaceAdded: (on) => {
        if (on.isLoopback) return;
        const its = named.get(on.name) ?? fallback;
        this.#interfaces.set(on.name, new InterfaceConfiguration(parts, on, its));
      },
      interfaceUp: (on) => this.#interfaces.get(on.name)?.start(),
      interfaceDown: (on) => this.#interfaces.get(on.name)?.stop(),
    });
  }

  /** The configuration of an interface, undefined for loopback. */
  interface(on: Interface): InterfaceConfiguration | undefined {
    return this.#interfaces.get(on.name);
  }
}

/**
 * Has the interfaces of a network configured, those that are there and those that come.
 * @throws TypeError or RangeError when the settings make no sense
 */
export function configureNetwork(
  target: ConfigurationTarget,
  settings: NetworkSettings = {},
): NetworkConfiguration {
  return new NetworkConfiguration(target, settings);
}
