// Stands in for tr46 within whatwg-url: names of ASCII are their own; others need tr46's tables, which are
// loaded with the first one (UTS #46, section 4; a label that begins with "xn--" is checked there, too).
'use strict';

const plain = /^[\w\-.~!$&'()*+,;=%]*$/;

module.exports = {
  toASCII(name, options) {
    if (plain.test(name) && !/(?:^|\.)xn--/i.test(name)) return name.toLowerCase();
    return require('tr46').toASCII(name, options);
  },
  toUnicode(name, options) {
    return require('tr46').toUnicode(name, options);
  },
};
