/** Choice of a source address (RFC 6724, section 5). */
import type { IpAddress } from '../address.ts';
import { IpAddress as Address } from '../address.ts';
import type { InterfaceAddress } from '../interface/interface.ts';
import {
  commonPrefixLength,
  isLinkLocal,
  isLoopback,
  isMulticast,
  matchesPrefix,
} from './addresses.ts';

/** Scopes as numbers (RFC 4291, section 2.7; RFC 6724, section 3.1). */
function scopeOf(address: IpAddress): number {
  if (isMulticast(address)) return address.isV4 ? 14 : (address.word0 >>> 16) & 15;
  return isLoopback(address) || isLinkLocal(address) ? 2 : 14;
}

interface Policy {
  readonly prefix: IpAddress;
  readonly length: number;
  readonly label: number;
}

function policy(word0: number, word3: number, length: number, label: number): Policy {
  return { prefix: new Address(word0, 0, 0, word3), length, label };
}

/** RFC 6724, section 2.1, longest prefixes first. */
const policies: readonly Policy[] = [
  policy(0, 1, 128, 0),
  policy(0, 0, 96, 3),
  policy(0x20010000, 0, 32, 5),
  policy(0x20020000, 0, 16, 2),
  policy(0x3ffe0000, 0, 16, 12),
  policy(0xfec00000, 0, 10, 11),
  policy(0xfc000000, 0, 7, 13),
];

function labelOf(address: IpAddress): number {
  if (address.isV4) return 4;
  for (const { prefix, length, label } of policies) {
    if (matchesPrefix(address, prefix, length)) return label;
  }
  return 1;
}

/** True when `one` is a better source for the destination than `other`. */
function isBetter(one: InterfaceAddress, other: InterfaceAddress, to: IpAddress): boolean {
  // Rule 1: the destination itself.
  if (one.address.equals(to)) return true;
  if (other.address.equals(to)) return false;
  // Rule 2: the smallest scope that reaches the destination's.
  const scope = scopeOf(to);
  const scopeOne = scopeOf(one.address);
  const scopeOther = scopeOf(other.address);
  if (scopeOne !== scopeOther) {
    return scopeOne < scopeOther ? scopeOne >= scope : scopeOther < scope;
  }
  // Rule 3: no deprecated ones.
  if ((one.state === 'deprecated') !== (other.state === 'deprecated')) {
    return other.state === 'deprecated';
  }
  // Rule 5, the outgoing interface: the caller offers no others. Rule 6: the same label.
  const label = labelOf(to);
  const labelOne = labelOf(one.address) === label;
  if (labelOne !== (labelOf(other.address) === label)) return labelOne;
  // Rule 7: temporary addresses (RFC 8981).
  if ((one.origin === 'temporary') !== (other.origin === 'temporary')) {
    return one.origin === 'temporary';
  }
  // Rule 8: the longest matching prefix, not beyond the source's own.
  return (
    commonPrefixLength(one.address, to, one.prefixLength) >
    commonPrefixLength(other.address, to, other.prefixLength)
  );
}

/**
 * Chooses among the addresses of an interface; of equal ones the first.
 * @param addresses tentative ones and those of the other family are left out here
 */
export function chooseSource(
  addresses: readonly InterfaceAddress[],
  destination: IpAddress,
): InterfaceAddress | undefined {
  let best: InterfaceAddress | undefined;
  for (const one of addresses) {
    if (one.state === 'tentative' || one.address.isV4 !== destination.isV4) continue;
    if (best === undefined || isBetter(one, best, destination)) best = one;
  }
  return best;
}
