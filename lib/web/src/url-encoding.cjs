// Stands in for whatwg-url's own lib/encoding.js, which takes TextEncoder and TextDecoder for globals.
'use strict';

const { TextDecoder, TextEncoder } = require('@exodus/bytes/encoding-lite.js');

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

module.exports = {
  utf8Encode: (text) => encoder.encode(text),
  utf8DecodeWithoutBOM: (bytes) => decoder.decode(bytes),
};
