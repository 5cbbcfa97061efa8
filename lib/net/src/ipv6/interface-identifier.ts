/** The last 64 bits of addresses that a host makes by itself. */
import { IpAddress } from '../address.ts';
import { KeyedHash } from '../tcp/siphash.ts';
import { read32 } from '../wire/bytes.ts';

/**
 * `opaque`: stable for one prefix while the secret is the same, and telling nothing about the
 * machine (RFC 7217); `eui64`: made from the Ethernet address (RFC 4291, appendix A).
 */
export type IdentifierKind = 'opaque' | 'eui64';

/** Makes interface identifiers. */
export class InterfaceIdentifiers {
  readonly #kind: IdentifierKind;
  readonly #hash: KeyedHash;

  /** @param secret 16 bytes; with the same secret a machine gets the same addresses again */
  constructor(kind: IdentifierKind, secret: Uint8Array) {
    this.#kind = kind;
    this.#hash = new KeyedHash(secret);
  }

  /**
   * The address that an interface has in a prefix of 64 bits.
   * @param attempt how many addresses were found to be duplicates before
   * @returns undefined when there is no other one to try
   */
  address(prefix: IpAddress, hardwareAddress: Uint8Array, attempt: number): IpAddress | undefined {
    if (this.#kind === 'eui64') {
      return attempt === 0 ? eui64Address(prefix, hardwareAddress) : undefined;
    }
    // The number after `attempt` moves on when an identifier is reserved, which hardly ever happens.
    for (let retry = 0; retry < 8; retry++) {
      const low = this.#hash.hash(
        prefix.word0,
        prefix.word1,
        read32(hardwareAddress, 0),
        read32(hardwareAddress, 2),
        attempt,
        retry,
        0,
        0,
        0,
        0,
      );
      const { high } = this.#hash;
      if (!isReserved(high, low)) return new IpAddress(prefix.word0, prefix.word1, high, low);
    }
    return undefined;
  }
}

/** The address with a modified EUI-64 identifier in a prefix of 64 bits. */
export function eui64Address(prefix: IpAddress, hardwareAddress: Uint8Array): IpAddress {
  const byte = (at: number) => hardwareAddress[at] as number;
  return new IpAddress(
    prefix.word0,
    prefix.word1,
    ((byte(0) ^ 2) << 24) | (byte(1) << 16) | (byte(2) << 8) | 0xff,
    0xfe000000 | (byte(3) << 16) | (byte(4) << 8) | byte(5),
  );
}

/** RFC 5453: the subnet-router anycast address, those of IANA's own block, and subnet anycast. */
function isReserved(high: number, low: number): boolean {
  if (high === 0 && low === 0) return true;
  if (high === 0x02005eff && low >>> 24 === 0xfe) return true;
  return high === (0xfdffffff | 0) && low >>> 7 === 0x1ffffff;
}
