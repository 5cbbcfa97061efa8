/**
 * IP addresses. IPv4 addresses are kept in their IPv4-mapped form (RFC 4291, section 2.5.5.2), so
 * that both families compare and hash alike: four 32-bit words, as signed integers.
 */
import { read32, write32 } from './wire/bytes.ts';

/** The third word of an IPv4-mapped address. */
export const mappedPrefix = 0xffff;

/** An IP address of either family; immutable. */
export class IpAddress {
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;

  constructor(word0: number, word1: number, word2: number, word3: number) {
    this.word0 = word0 | 0;
    this.word1 = word1 | 0;
    this.word2 = word2 | 0;
    this.word3 = word3 | 0;
  }

  /** An IPv4 address from its 32 bits. */
  static v4(bits: number): IpAddress {
    return new IpAddress(0, 0, mappedPrefix, bits);
  }

  /** Reads 4 bytes in network order. */
  static readV4(bytes: Uint8Array, offset: number): IpAddress {
    return IpAddress.v4(read32(bytes, offset));
  }

  /** Reads 16 bytes in network order. */
  static readV6(bytes: Uint8Array, offset: number): IpAddress {
    return new IpAddress(
      read32(bytes, offset),
      read32(bytes, offset + 4),
      read32(bytes, offset + 8),
      read32(bytes, offset + 12),
    );
  }

  get isV4(): boolean {
    return this.word0 === 0 && this.word1 === 0 && this.word2 === mappedPrefix;
  }

  equals(other: IpAddress): boolean {
    return (
      this.word3 === other.word3 &&
      this.word2 === other.word2 &&
      this.word1 === other.word1 &&
      this.word0 === other.word0
    );
  }

  /** 0.0.0.0 or ::. */
  get isUnspecified(): boolean {
    return (
      this.word3 === 0 && (this.isV4 || (this.word2 === 0 && this.word1 === 0 && this.word0 === 0))
    );
  }

  /** Writes the address in network order: 4 bytes for IPv4, 16 for IPv6. */
  write(bytes: Uint8Array, offset: number): void {
    if (this.isV4) {
      write32(bytes, offset, this.word3);
    } else {
      this.writeV6(bytes, offset);
    }
  }

  /** Writes 16 bytes, IPv4 in its mapped form. */
  writeV6(bytes: Uint8Array, offset: number): void {
    write32(bytes, offset, this.word0);
    write32(bytes, offset + 4, this.word1);
    write32(bytes, offset + 8, this.word2);
    write32(bytes, offset + 12, this.word3);
  }
}

/** 0.0.0.0 */
export const anyV4: IpAddress = IpAddress.v4(0);
/** :: */
export const anyV6: IpAddress = new IpAddress(0, 0, 0, 0);
/** 127.0.0.1 */
export const loopbackV4: IpAddress = IpAddress.v4(0x7f000001);
/** ::1 */
export const loopbackV6: IpAddress = new IpAddress(0, 0, 0, 1);

/** An address with a port. `scope` is the interface index of a link-local address, else 0. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
  readonly scope: number;
}
