/** crypto: random values, and digests (Web Cryptography API, sections 10 and 14.3.5). */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { DOMException } from './dom-exception.ts';
import { webHost } from './host.ts';

/** Bytes that getRandomValues() gives at once. */
const mostRandom = 65_536;

const digests: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'SHA-1': sha1,
  'SHA-256': sha256,
  'SHA-384': sha384,
  'SHA-512': sha512,
};

type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

class SubtleCrypto {
  /** SHA-1, SHA-256, SHA-384 or SHA-512 of some bytes. */
  async digest(
    algorithm: string | { readonly name: string },
    data: ArrayBuffer | ArrayBufferView,
  ): Promise<ArrayBuffer> {
    const name = typeof algorithm === 'string' ? algorithm : algorithm.name;
    const digest = digests[name.toUpperCase()];
    if (digest === undefined) {
      throw new DOMException(
        `There is no digest ${name}: there are ${Object.keys(digests).join(', ')}.`,
        'NotSupportedError',
      );
    }
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    return digest(bytes).slice().buffer as ArrayBuffer;
  }
}

class Crypto {
  readonly subtle: SubtleCrypto = new SubtleCrypto();

  getRandomValues<Values extends IntegerArray>(array: Values): Values {
    if (!ArrayBuffer.isView(array) || array instanceof DataView || isFloats(array)) {
      throw new DOMException('It must be an array of integers.', 'TypeMismatchError');
    }
    if (array.byteLength > mostRandom) {
      throw new DOMException(
        `${array.byteLength} bytes are more than ${mostRandom} at once.`,
        'QuotaExceededError',
      );
    }
    webHost().random(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return array;
  }

  /** A random UUID (RFC 9562, section 5.4). */
  randomUUID(): string {
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    let text = '';
    for (let index = 0; index < 16; index += 1) {
      if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
      text += (bytes[index] as number).toString(16).padStart(2, '0');
    }
    return text;
  }
}

function isFloats(array: ArrayBufferView): boolean {
  return array instanceof Float32Array || array instanceof Float64Array;
}

export const crypto: Crypto = /* @__PURE__ */ new Crypto();
