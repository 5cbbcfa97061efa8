// Identifiers that are made from the content instead of at random, so that the same input gives the same
// bytes.
import { createHash } from 'node:crypto';

/** Makes identifiers for one image. */
export class Identity {
  readonly #digest: Buffer;

  /** @param contents everything that the image holds */
  constructor(contents: readonly Uint8Array[]) {
    const hash = createHash('sha256');
    for (const content of contents) hash.update(content);
    this.#digest = hash.digest();
  }

  /**
   * @param name what it is for, such as "disk"
   * @returns a UUID of version 8, variant 1 (RFC 9562, 5.8), in the order of its text
   */
  uuid(name: string): Buffer {
    const bytes = createHash('sha256').update(this.#digest).update(name).digest().subarray(0, 16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x80;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes;
  }

  /**
   * @param name what it is for
   * @returns a number of 32 bits
   */
  number(name: string): number {
    return this.uuid(name).readUInt32LE(0);
  }
}

/**
 * Changes a UUID from the order of its text to the one of GPT and Microsoft's formats, in which the first
 * three fields are little endian.
 * @param uuid 16 bytes
 * @returns a copy
 */
export function mixedEndian(uuid: Uint8Array): Buffer {
  const bytes = Buffer.from(uuid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/**
 * @param text such as C12A7328-F81F-11D2-BA4B-00A0C93EC93B
 * @returns its 16 bytes, in the order of the text
 */
export function parseUuid(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/**
 * @param uuid 16 bytes in the order of the text
 * @returns the text, in lower case
 */
export function formatUuid(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
