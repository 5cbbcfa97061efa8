// Stands in for whatwg-url's own lib/encoding.js, which takes TextEncoder and TextDecoder for globals.
'use strict';

const { webHost } = require('./host.ts');

module.exports = {
  utf8Encode: (text) => webHost().encodeUtf8(text),
  utf8DecodeWithoutBOM: (bytes) => webHost().decodeUtf8(bytes),
};
