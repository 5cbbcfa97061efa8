/** What kinds of addresses there are, and prefixes. Their text form is in address-text.ts. */
import { IpAddress, mappedPrefix } from '../address.ts';

/** 255.255.255.255 */
export const broadcastV4: IpAddress = IpAddress.v4(0xffffffff);
/** 224.0.0.1, every host on the link. */
export const allHostsV4: IpAddress = IpAddress.v4(0xe0000001);
/** ff02::1, every node on the link. */
export const allNodesV6: IpAddress = new IpAddress(0xff020000, 0, 0, 1);

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  return address.isV4 ? address.word3 >>> 28 === 0xe : address.word0 >>> 24 === 0xff;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(address: IpAddress): boolean {
  if (address.isV4) return address.word3 >>> 24 === 127;
  return (address.word0 | address.word1 | address.word2) === 0 && address.word3 === 1;
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.isV4 ? address.word3 >>> 16 === 0xa9fe : address.word0 >>> 22 === 0x3fa;
}

/** Addresses that mean something on one link only: IPv6 link-local, and multicast of interface or link scope. */
export function needsScope(address: IpAddress): boolean {
  if (address.isV4) return false;
  const top = address.word0 >>> 16;
  if (top >>> 6 === 0x3fa) return true;
  return top >>> 8 === 0xff && ((top & 0xf) === 1 || (top & 0xf) === 2);
}

/** Bits of an address of this family: 32 or 128. */
export function addressBits(address: IpAddress): number {
  return address.isV4 ? 32 : 128;
}

function wordMatches(one: number, other: number, bits: number): boolean {
  if (bits <= 0) return true;
  return bits >= 32 ? one === other : (one ^ other) >>> (32 - bits) === 0;
}

/** True when an address lies in a prefix of the same family. `length` counts bits as users write them: 0 to 32 or 128. */
export function matchesPrefix(address: IpAddress, prefix: IpAddress, length: number): boolean {
  if (address.isV4 !== prefix.isV4) return false;
  if (prefix.isV4) return wordMatches(address.word3, prefix.word3, length);
  return (
    wordMatches(address.word0, prefix.word0, length) &&
    wordMatches(address.word1, prefix.word1, length - 32) &&
    wordMatches(address.word2, prefix.word2, length - 64) &&
    wordMatches(address.word3, prefix.word3, length - 96)
  );
}

/** How many leading bits two addresses of one family share, at most `most`. */
export function commonPrefixLength(one: IpAddress, other: IpAddress, most: number): number {
  let bits = 0;
  if (one.isV4) {
    bits = Math.clz32(one.word3 ^ other.word3);
  } else {
    const differences = [
      one.word0 ^ other.word0,
      one.word1 ^ other.word1,
      one.word2 ^ other.word2,
      one.word3 ^ other.word3,
    ];
    for (const difference of differences) {
      bits += Math.clz32(difference);
      if (difference !== 0) break;
    }
  }
  return Math.min(bits, most);
}

function maskWord(word: number, bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? word : word & (-1 << (32 - bits));
}

/** The address with all bits after the first `length` cleared. */
export function networkOf(address: IpAddress, length: number): IpAddress {
  if (address.isV4) return IpAddress.v4(maskWord(address.word3, length));
  return new IpAddress(
    maskWord(address.word0, length),
    maskWord(address.word1, length - 32),
    maskWord(address.word2, length - 64),
    maskWord(address.word3, length - 96),
  );
}

/** The directed broadcast address of an IPv4 prefix, or null where there is none (/31 and /32, RFC 3021). */
export function broadcastOf(address: IpAddress, length: number): IpAddress | null {
  if (!address.isV4 || length > 30) return null;
  return IpAddress.v4(address.word3 | (length === 0 ? -1 : ~(-1 << (32 - length))));
}

/** The solicited-node group of a unicast address (RFC 4291, section 2.7.1). */
export function solicitedNode(address: IpAddress): IpAddress {
  return new IpAddress(0xff020000, 0, 1, 0xff000000 | (address.word3 & 0xffffff));
}

/** True for IPv4-mapped words: such an address must never come in an IPv6 header, it stands for IPv4 here. */
export function isMappedWords(word0: number, word1: number, word2: number): boolean {
  return word0 === 0 && word1 === 0 && word2 === mappedPrefix;
}
