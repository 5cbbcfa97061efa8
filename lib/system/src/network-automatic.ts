/** Interfaces that are configured by DHCP and by routers, or as settings say. */
import { configureNetwork, type NetworkSettings } from '@runtimejs/net/configuration/configure.ts';
import type { Configuration } from './network.ts';

/** Has all interfaces configured: by default with DHCP, and with IPv6 as routers advertise it. */
export function automatic(settings: NetworkSettings = {}): Configuration {
  return (service) => {
    configureNetwork(service, settings);
  };
}
