/** TextEncoder and TextDecoder (Encoding standard): UTF-8, UTF-16 and the encodings of one byte. */
export { TextDecoder, TextEncoder } from '@exodus/bytes/encoding-lite.js';
