// Packages that take long to evaluate, and that few requests need: evaluated with the first use.
'use strict';

exports.loadUrl = () => require('whatwg-url');
exports.loadStreams = () => require('web-streams-polyfill');
