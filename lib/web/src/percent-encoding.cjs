// Stands in for @exodus/bytes/whatwg.js within whatwg-url. Other encodings than UTF-8 come from documents, which the
// URL class does not know of; their tables would take longer to make than all else here.
'use strict';

const { webHost } = require('./host.ts');

/**
 * Percent-encodes a text (URL standard, section 1.3).
 * @param encoding `utf-8`
 * @param reserved the characters of ASCII to encode, besides those that do not print
 */
exports.percentEncodeAfterEncoding = (encoding, text, reserved) => {
  if (encoding !== 'utf-8') throw new RangeError(`The encoding ${encoding} is not utf-8.`);
  let encoded = '';
  for (const byte of webHost().encodeUtf8(text)) {
    const character = String.fromCharCode(byte);
    const isPlain = byte >= 0x20 && byte <= 0x7e && !reserved.includes(character);
    encoded += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
};
