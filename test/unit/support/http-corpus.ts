/**
 * Requests that are malformed, or that two recipients could read differently: what each must become.
 * Gathered from RFC 9112's rules and from what is publicly known of request smuggling.
 */
import type { Refusal } from '@runtimejs/http/wire/refusal.ts';

/** Bytes, as a string of code units below 256. */
export interface CorpusEntry {
  readonly name: string;
  readonly bytes: string;
  /** Why it is refused; or what the target and the content are. */
  readonly outcome: Refusal | { readonly target: string; readonly content: string };
}

const host = 'Host: example.test\r\n';

function refused(name: string, outcome: Refusal, bytes: string): CorpusEntry {
  return { name, outcome, bytes };
}

function taken(name: string, target: string, content: string, bytes: string): CorpusEntry {
  return { name, outcome: { target, content }, bytes };
}

function post(fields: string, content: string): string {
  return `POST / HTTP/1.1\r\n${host}${fields}\r\n${content}`;
}

function chunked(content: string): string {
  return post('Transfer-Encoding: chunked\r\n', content);
}

function get(fields: string): string {
  return `GET / HTTP/1.1\r\n${host}${fields}\r\n`;
}

export const corpus: readonly CorpusEntry[] = [
  // Request line.
  taken('plain', '/', '', get('')),
  taken('one empty line before', '/', '', `\r\n${get('')}`),
  refused('two empty lines before', 'requestLine', `\r\n\r\n${get('')}`),
  refused('bare carriage return before', 'bareCarriageReturn', `\r${get('')}`),
  refused('bare line feed before', 'bareLineFeed', `\n${get('')}`),
  refused('two spaces', 'requestLine', `GET  / HTTP/1.1\r\n${host}\r\n`),
  refused('space after version', 'requestLine', `GET / HTTP/1.1 \r\n${host}\r\n`),
  refused('tab instead of space', 'requestLine', `GET\t/ HTTP/1.1\r\n${host}\r\n`),
  refused('no target', 'requestLine', `GET HTTP/1.1\r\n${host}\r\n`),
  refused('HTTP/0.9', 'requestLine', 'GET /\r\n\r\n'),
  refused('space before the method', 'requestLine', ` GET / HTTP/1.1\r\n${host}\r\n`),
  refused('space in the target', 'requestLine', `GET /a b HTTP/1.1\r\n${host}\r\n`),
  refused('method with a slash', 'requestLine', `G/T / HTTP/1.1\r\n${host}\r\n`),
  refused('NUL in the method', 'requestLine', `G\0T / HTTP/1.1\r\n${host}\r\n`),
  refused('NUL in the target', 'target', `GET /\0 HTTP/1.1\r\n${host}\r\n`),
  refused('high byte in the target', 'target', `GET /\xe9 HTTP/1.1\r\n${host}\r\n`),
  refused('fragment in the target', 'target', `GET /a#b HTTP/1.1\r\n${host}\r\n`),
  refused('relative target', 'target', `GET a HTTP/1.1\r\n${host}\r\n`),
  refused('lower-case protocol', 'requestLine', `GET / http/1.1\r\n${host}\r\n`),
  refused('version of two digits', 'requestLine', `GET / HTTP/1.10\r\n${host}\r\n`),
  refused('version without a point', 'requestLine', `GET / HTTP/11 \r\n${host}\r\n`),
  refused('HTTP/2', 'version', `GET / HTTP/2.0\r\n${host}\r\n`),
  refused('preface of HTTP/2', 'version', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  taken('HTTP/1.2', '/', '', `GET / HTTP/1.2\r\n${host}\r\n`),
  refused('TLS', 'requestLine', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  refused('target too long', 'targetTooLong', `GET /${'a'.repeat(9000)} HTTP/1.1\r\n${host}\r\n`),
  refused('endless target', 'targetTooLong', `GET /${'a'.repeat(20_000)}`),
  // Forms of the target.
  taken(
    'absolute form',
    'http://other.test/x',
    '',
    `GET http://other.test/x HTTP/1.1\r\n${host}\r\n`,
  ),
  refused(
    'absolute form, bad host',
    'target',
    `GET http://a b/ HTTP/1.1\r\n${host}\r\n`.replace('a b', 'u@h'),
  ),
  refused('absolute form of another scheme', 'target', `GET ftp://a/ HTTP/1.1\r\n${host}\r\n`),
  taken('asterisk form', '*', '', `OPTIONS * HTTP/1.1\r\n${host}\r\n`),
  refused('asterisk form of GET', 'target', `GET * HTTP/1.1\r\n${host}\r\n`),
  refused('authority form', 'connect', `CONNECT a.test:443 HTTP/1.1\r\n${host}\r\n`),
  refused('authority form of GET', 'target', `GET a.test:443 HTTP/1.1\r\n${host}\r\n`),
  // Lines.
  refused('line feeds only', 'bareLineFeed', 'GET / HTTP/1.1\nHost: a\n\n'),
  refused('one bare line feed', 'bareLineFeed', `GET / HTTP/1.1\r\n${host}A: b\nC: d\r\n\r\n`),
  refused('empty line by a line feed', 'bareLineFeed', `GET / HTTP/1.1\r\n${host}\n`),
  refused('bare carriage return in a value', 'bareCarriageReturn', get('A: b\rC: d\r\n')),
  refused('two carriage returns', 'bareCarriageReturn', get('A: b\r\r\n')),
  refused('folded field', 'folded', get('A: b\r\n c\r\n')),
  refused('folded field with a tab', 'folded', get('A: b\r\n\tc\r\n')),
  refused('first field folded', 'folded', `GET / HTTP/1.1\r\n ${host}\r\n`),
  // Fields.
  refused('space before the colon', 'spaceBeforeColon', get('A : b\r\n')),
  refused('tab before the colon', 'spaceBeforeColon', get('A\t: b\r\n')),
  refused(
    'Content-Length with a space',
    'spaceBeforeColon',
    post('Content-Length : 5\r\n', 'hello'),
  ),
  refused('no colon', 'fieldName', get('A\r\n')),
  refused('no name', 'fieldName', get(': b\r\n')),
  refused('name in parentheses', 'fieldName', get('(A): b\r\n')),
  refused('NUL in a name', 'fieldName', get('A\0: b\r\n')),
  refused('high byte in a name', 'fieldName', get('A\xe9: b\r\n')),
  refused('NUL in a value', 'fieldValue', get('A: b\0c\r\n')),
  refused('DEL in a value', 'fieldValue', get('A: b\x7f\r\n')),
  taken('obs-text in a value', '/', '', get('A: \xe9\r\n')),
  taken('empty value', '/', '', get('A:\r\n')),
  refused('giant value', 'headTooLarge', get(`A: ${'b'.repeat(17_000)}\r\n`)),
  refused('endless fields', 'headTooLarge', `GET / HTTP/1.1\r\n${'A: bcdefgh\r\n'.repeat(2000)}`),
  refused('too many fields', 'tooManyFields', get('A: b\r\n'.repeat(101))),
  // Host.
  refused('no Host', 'hostMissing', 'GET / HTTP/1.1\r\n\r\n'),
  taken('no Host in HTTP/1.0', '/', '', 'GET / HTTP/1.0\r\n\r\n'),
  refused('two Hosts', 'hostRepeated', get('Host: other.test\r\n')),
  refused('two equal Hosts', 'hostRepeated', get(host)),
  refused('Host with a path', 'host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'),
  refused('Host with a user', 'host', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'),
  refused('Host with a space', 'host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
  refused('Host with a bad port', 'host', 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n'),
  refused('Host with brackets amiss', 'host', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'),
  taken('Host is an IPv6 address', '/', '', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'),
  taken('Host is empty', '/', '', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
  // Length.
  taken('content', '/', 'hello', post('Content-Length: 5\r\n', 'hello')),
  taken('leading zeros', '/', 'hello', post('Content-Length: 0005\r\n', 'hello')),
  refused(
    'two lengths',
    'contentLengthRepeated',
    post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'),
  ),
  refused(
    'two equal lengths',
    'contentLengthRepeated',
    post('Content-Length: 5\r\ncontent-length: 5\r\n', 'hello'),
  ),
  refused('list of lengths', 'contentLengthRepeated', post('Content-Length: 5, 5\r\n', 'hello')),
  refused('signed length', 'contentLength', post('Content-Length: +5\r\n', 'hello')),
  refused('negative length', 'contentLength', post('Content-Length: -1\r\n', '')),
  refused('hexadecimal length', 'contentLength', post('Content-Length: 0x5\r\n', 'hello')),
  refused('length with a point', 'contentLength', post('Content-Length: 5.0\r\n', 'hello')),
  refused('empty length', 'contentLength', post('Content-Length:\r\n', 'hello')),
  refused('length with a space', 'contentLength', post('Content-Length: 5 5\r\n', 'hello')),
  refused('giant length', 'contentLength', post(`Content-Length: 1${'0'.repeat(20)}\r\n`, '')),
  refused('length above the limit', 'bodyTooLarge', post('Content-Length: 99999999\r\n', '')),
  // Transfer coding.
  taken('chunked', '/', 'hello', chunked('5\r\nhello\r\n0\r\n\r\n')),
  taken(
    'chunked, in capitals',
    '/',
    'hello',
    post('Transfer-Encoding: CHUNKED\r\n', '5\r\nhello\r\n0\r\n\r\n'),
  ),
  refused(
    'length and coding',
    'lengthAndCoding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding and length',
    'lengthAndCoding',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
  ),
  refused(
    'length and unknown coding',
    'lengthAndCoding',
    post('Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n', 'hello'),
  ),
  refused('unknown coding', 'chunkedNotLast', post('Transfer-Encoding: xchunked\r\n', '')),
  refused('identity', 'chunkedNotLast', post('Transfer-Encoding: identity\r\n', '')),
  refused('empty coding', 'chunkedNotLast', post('Transfer-Encoding:\r\n', '')),
  refused('gzip, chunked', 'transferCoding', post('Transfer-Encoding: gzip, chunked\r\n', '')),
  refused('chunked, gzip', 'chunkedNotLast', post('Transfer-Encoding: chunked, gzip\r\n', '')),
  refused('chunked twice', 'chunkedNotLast', post('Transfer-Encoding: chunked, chunked\r\n', '')),
  refused(
    'chunked in two fields',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', ''),
  ),
  refused(
    'chunked and identity in two fields',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', ''),
  ),
  refused('quoted coding', 'chunkedNotLast', post('Transfer-Encoding: "chunked"\r\n', '')),
  refused(
    'coding with a parameter',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked;a=b\r\n', ''),
  ),
  refused(
    'vertical tab before the coding',
    'fieldValue',
    post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding in HTTP/1.0',
    'codingInOldVersion',
    `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  // Chunks.
  taken(
    'sizes in capitals and zeros',
    '/',
    'hello world',
    chunked('005\r\nhello\r\n06\r\n world\r\n000\r\n\r\n'),
  ),
  taken('extension', '/', 'hello', chunked('5;a=b;c="d\\"e";f\r\nhello\r\n0;g\r\n\r\n')),
  taken('trailer', '/', 'hello', chunked('5\r\nhello\r\n0\r\nA: b\r\n\r\n')),
  refused('no size', 'chunkSize', chunked('\r\nhello\r\n0\r\n\r\n')),
  refused('signed size', 'chunkSize', chunked('+5\r\nhello\r\n0\r\n\r\n')),
  refused('negative size', 'chunkSize', chunked('-1\r\nhello\r\n0\r\n\r\n')),
  refused('size with 0x', 'chunkSize', chunked('0x5\r\nhello\r\n0\r\n\r\n')),
  refused('size with an underscore', 'chunkSize', chunked('1_0\r\nhello\r\n0\r\n\r\n')),
  refused('space before the size', 'chunkSize', chunked(' 5\r\nhello\r\n0\r\n\r\n')),
  refused('space after the size', 'chunkSize', chunked('5 \r\nhello\r\n0\r\n\r\n')),
  refused('space before the extension', 'chunkSize', chunked('5 ;a\r\nhello\r\n0\r\n\r\n')),
  refused('giant size', 'chunkSize', chunked(`${'f'.repeat(17)}\r\n`)),
  refused('size that wraps at 64 bits', 'chunkSize', chunked('10000000000000005\r\nhello\r\n')),
  refused('endless zeros', 'chunkSize', chunked('0'.repeat(100))),
  refused(
    'size above the limit',
    'bodyTooLarge',
    chunked(`1\r\na\r\n30d41\r\n${'a'.repeat(200_001)}`),
  ),
  refused('size by a line feed', 'chunkSize', chunked('5\nhello\r\n0\r\n\r\n')),
  refused('size by a carriage return', 'bareCarriageReturn', chunked('5\rXhello\r\n0\r\n\r\n')),
  refused('extension by a line feed', 'bareLineFeed', chunked('5;a\nhello\r\n0\r\n\r\n')),
  refused(
    'line feed in a quoted extension',
    'bareLineFeed',
    chunked('5;a="\n"\r\nhello\r\n0\r\n\r\n'),
  ),
  refused('extension without a name', 'chunkExtension', chunked('5;\r\nhello\r\n0\r\n\r\n')),
  refused('extension with NUL', 'chunkExtension', chunked('5;a\0\r\nhello\r\n0\r\n\r\n')),
  refused('endless extension', 'chunkExtension', chunked(`5;${'a'.repeat(2000)}`)),
  refused('long extensions', 'chunkExtension', chunked(`1;${'a'.repeat(900)}\r\nx\r\n`.repeat(20))),
  refused('chunk longer than its size', 'chunkEnd', chunked('4\r\nhello\r\n0\r\n\r\n')),
  refused('chunk ends by a line feed', 'chunkEnd', chunked('5\r\nhello\n0\r\n\r\n')),
  refused('chunk ends by a carriage return', 'chunkEnd', chunked('5\r\nhello\r0\r\n\r\n')),
  refused('trailer folded', 'folded', chunked('0\r\n a: b\r\n\r\n')),
  refused('trailer without a colon', 'fieldName', chunked('0\r\na\r\n\r\n')),
  refused('trailer by line feeds', 'bareLineFeed', chunked('0\r\na: b\n\r\n')),
  refused('endless trailer', 'headTooLarge', chunked(`0\r\n${'a: b\r\n'.repeat(4000)}`)),
  // Expectations.
  refused(
    'unknown expectation',
    'expectation',
    post('Expect: magic\r\nContent-Length: 5\r\n', 'hello'),
  ),
  refused(
    'two expectations',
    'expectation',
    post('Expect: 100-continue\r\nExpect: magic\r\nContent-Length: 5\r\n', 'hello'),
  ),
];

/** Bytes of a string of code units below 256. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
