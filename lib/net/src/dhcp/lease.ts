/** What a DHCPv4 server granted, checked and completed: the part of a DHCPACK that gets used. */
import type { Instant } from '../storage/timers.ts';
import { never } from '../storage/timers.ts';
import {
  type ClasslessRoute,
  type DhcpReply,
  infiniteLease,
  maskOfPrefixLength,
  prefixLengthOfMask,
} from '../wire/dhcpv4.ts';

/** A lease. Addresses are 32 bits of IPv4 as signed integers. */
export interface DhcpLease {
  readonly address: number;
  readonly prefixLength: number;
  readonly server: number;
  /** Routes in the order of the message; `gateway` 0: on the link. The default route has length 0. */
  readonly routes: readonly ClasslessRoute[];
  readonly nameServers: readonly number[];
  readonly ntpServers: readonly number[];
  /** Domains to search, the first being the local one. */
  readonly searchDomains: readonly string[];
  /** Interface MTU, undefined when the server says nothing. */
  readonly mtu: number | undefined;
  /** Seconds; infiniteLease: for ever. */
  readonly leaseTime: number;
  readonly renewAt: Instant;
  readonly rebindAt: Instant;
  readonly expiresAt: Instant;
  /** Options left out because they were wrong. */
  readonly ignored: readonly string[];
}

/** Why an offer or acknowledgement cannot be used. */
export type LeaseRefusal =
  | 'address is not a host address'
  | 'no server identifier'
  | 'no lease time'
  | 'subnet mask is not contiguous'
  | 'address is its network or broadcast address';

/** Seconds below which a lease is not worth having: renewals would fill the network. */
const shortestLease = 10;

/** What a server may make us remember; a message has room for hundreds. */
const routeLimit = 64;
const addressLimit = 8;
const domainLimit = 16;

/**
 * Checks what a server granted.
 * @param requestedAt when the DHCPREQUEST was sent: leases count from there (RFC 2131, section 4.4.1)
 * @param jitter from -1 to 1: moves T1 and T2 a little, so that clients do not renew in step
 */
export function leaseFromReply(
  reply: DhcpReply,
  requestedAt: Instant,
  jitter: number,
): DhcpLease | LeaseRefusal {
  const address = reply.yourAddress;
  if (!isHostAddress(address)) return 'address is not a host address';
  if (reply.serverIdentifier === undefined || !isHostAddress(reply.serverIdentifier)) {
    return 'no server identifier';
  }
  if (reply.leaseTime === undefined || reply.leaseTime === 0) return 'no lease time';
  const prefixLength =
    reply.subnetMask === undefined
      ? classfulPrefixLength(address)
      : prefixLengthOfMask(reply.subnetMask);
  if (prefixLength === undefined || prefixLength === 0) return 'subnet mask is not contiguous';
  const host = address & ~maskOfPrefixLength(prefixLength);
  if (prefixLength < 31 && (host === 0 || host === ~maskOfPrefixLength(prefixLength))) {
    return 'address is its network or broadcast address';
  }

  const routes = routesOf(reply);
  const ignored =
    routes.length > routeLimit
      ? [...reply.ignored, `routes after the first ${routeLimit}`]
      : reply.ignored;
  const ownDomain = reply.domainName === undefined ? [] : [reply.domainName];
  const leaseTime = Math.max(reply.leaseTime, shortestLease);
  return {
    address,
    prefixLength,
    server: reply.serverIdentifier,
    routes: routes.slice(0, routeLimit),
    nameServers: reply.nameServers.filter(isHostAddress).slice(0, addressLimit),
    ntpServers: reply.ntpServers.filter(isHostAddress).slice(0, addressLimit),
    searchDomains: reply.searchList.length > 0 ? reply.searchList.slice(0, domainLimit) : ownDomain,
    mtu: reply.mtu,
    leaseTime,
    ...times(reply, leaseTime, requestedAt, jitter),
    ignored,
  };
}

/** True for an address that one machine can have: not 0/8, loopback, multicast, reserved, broadcast. */
export function isHostAddress(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** RFC 3442: classless routes, when there are any, replace the Router option. */
function routesOf(reply: DhcpReply): ClasslessRoute[] {
  if (reply.routes !== undefined) {
    return reply.routes.filter((route) => route.gateway === 0 || isHostAddress(route.gateway));
  }
  const gateway = reply.routers.find((router) => isHostAddress(router));
  return gateway === undefined ? [] : [{ destination: 0, prefixLength: 0, gateway }];
}

/** T1, T2 and the end (RFC 2131, section 4.4.5). */
function times(
  reply: DhcpReply,
  leaseTime: number,
  requestedAt: Instant,
  jitter: number,
): Pick<DhcpLease, 'renewAt' | 'rebindAt' | 'expiresAt'> {
  if (leaseTime >= infiniteLease) return { renewAt: never, rebindAt: never, expiresAt: never };
  let renewal = leaseTime * (0.5 + 0.02 * jitter);
  let rebinding = leaseTime * (0.875 + 0.02 * jitter);
  const givenRenewal = reply.renewalTime ?? renewal;
  const givenRebinding = reply.rebindingTime ?? rebinding;
  // The server's values count when they are in order; absurd ones must not make us flood or forget.
  if (givenRenewal >= 1 && givenRenewal < givenRebinding && givenRebinding < leaseTime) {
    renewal = givenRenewal;
    rebinding = givenRebinding;
  }
  return {
    renewAt: requestedAt + renewal * 1e6,
    rebindAt: requestedAt + rebinding * 1e6,
    expiresAt: requestedAt + leaseTime * 1e6,
  };
}

/** The mask of an address's class, for servers that send none. */
function classfulPrefixLength(address: number): number {
  const first = address >>> 24;
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}
