/** atob() and btoa() (HTML, section 8.3), by V8's own base 64. */
import { DOMException } from './dom-exception.ts';

interface Base64Constructor {
  fromBase64(text: string): Uint8Array;
}
interface Base64Bytes {
  toBase64(): string;
}

/** Text of bytes from base 64. */
export function atob(data: string): string {
  let bytes: Uint8Array;
  try {
    bytes = (Uint8Array as unknown as Base64Constructor).fromBase64(String(data));
  } catch {
    throw new DOMException('The string is not correctly encoded.', 'InvalidCharacterError');
  }
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/** Base 64 of text whose code units are bytes. */
export function btoa(data: string): string {
  const text = String(data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0xff) {
      throw new DOMException('The string holds more than bytes.', 'InvalidCharacterError');
    }
    bytes[index] = code;
  }
  return (bytes as unknown as Base64Bytes).toBase64();
}
