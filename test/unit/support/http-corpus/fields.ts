/** Lines, header fields, and Host. */
import { type CorpusEntry, get, host, post, refused, taken } from './entry.ts';

/** Ends of lines. */
export const lines: readonly CorpusEntry[] = [
  refused('line feeds only', 'bareLineFeed', 'GET / HTTP/1.1\nHost: a\n\n'),
  refused('one bare line feed', 'bareLineFeed', `GET / HTTP/1.1\r\n${host}A: b\nC: d\r\n\r\n`),
  refused('empty line by a line feed', 'bareLineFeed', `GET / HTTP/1.1\r\n${host}\n`),
  refused('bare carriage return in a value', 'bareCarriageReturn', get('A: b\rC: d\r\n')),
  refused('two carriage returns', 'bareCarriageReturn', get('A: b\r\r\n')),
  refused('folded field', 'folded', get('A: b\r\n c\r\n')),
  refused('folded field with a tab', 'folded', get('A: b\r\n\tc\r\n')),
  refused('first field folded', 'folded', `GET / HTTP/1.1\r\n ${host}\r\n`),
  refused('carriage return between fields', 'bareCarriageReturn', get('A: b\rC: d\r\n')),
  refused('carriage return in a name', 'fieldName', get('A\rB: c\r\n')),
  refused('line feed in a name', 'bareLineFeed', get('A\nB: c\r\n')),
  refused('line feed, then carriage return', 'bareLineFeed', get('A: b\n\r\n')),
  refused('empty line by a carriage return', 'fieldName', `GET / HTTP/1.1\r\n${host}\r\r\n\r\n`),
  refused('blanks as the empty line', 'folded', `GET / HTTP/1.1\r\n${host} \r\n\r\n`),
  refused('Host in a folded line', 'folded', 'GET / HTTP/1.1\r\nA: b\r\n Host: a\r\n\r\n'),
  refused(
    'coding in a folded line',
    'folded',
    post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'),
  ),
];

/** Names and values. */
export const fields: readonly CorpusEntry[] = [
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
  taken('obs-text in a value', 'RFC 9110, section 5.5', '/', '', get('A: \xe9\r\n')),
  taken('empty value', 'RFC 9110, section 5.5', '/', '', get('A:\r\n')),
  refused('giant value', 'headTooLarge', get(`A: ${'b'.repeat(17_000)}\r\n`)),
  refused('endless fields', 'headTooLarge', `GET / HTTP/1.1\r\n${'A: bcdefgh\r\n'.repeat(2000)}`),
  refused('too many fields', 'tooManyFields', get('A: b\r\n'.repeat(101))),
  refused('space within a name', 'spaceBeforeColon', post('Content Length: 5\r\n', 'hello')),
  refused('no-break space before the colon', 'fieldName', get('A\xa0: b\r\n')),
  refused('name in quotes', 'fieldName', get('"A": b\r\n')),
  refused('form feed in a value', 'fieldValue', get('A: b\x0cc\r\n')),
  refused('escape in a value', 'fieldValue', get('A: \x1b[0m\r\n')),
  taken('blanks around a value', 'RFC 9112, section 5.1', '/', '', get('A: \t b c\t \r\n')),
  taken('no blank before a value', 'RFC 9112, section 5.1', '/', '', get('A:b\r\n')),
  taken(
    'name of all that a token may hold',
    'RFC 9110, section 5.6.2',
    '/',
    '',
    get("!#$%&'*+-.^_`|~9z: b\r\n"),
  ),
  taken('colons in a value', 'RFC 9112, section 5', '/', '', get('A:: b:c\r\n')),
  taken('as many fields as may be', 'RFC 9110, section 5.4', '/', '', get('A: b\r\n'.repeat(99))),
  taken(
    'upgrade to HTTP/2',
    'RFC 9110, section 7.8',
    '/',
    '',
    get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
  ),
  taken(
    'upgrade to a WebSocket',
    'RFC 9110, section 7.8',
    '/',
    '',
    get('Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'),
  ),
];

/** Host. */
export const hosts: readonly CorpusEntry[] = [
  refused('no Host', 'hostMissing', 'GET / HTTP/1.1\r\n\r\n'),
  taken('no Host in HTTP/1.0', 'RFC 9112, section 3.2', '/', '', 'GET / HTTP/1.0\r\n\r\n'),
  refused('two Hosts', 'hostRepeated', get('Host: other.test\r\n')),
  refused('two equal Hosts', 'hostRepeated', get(host)),
  refused('Host with a path', 'host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'),
  refused('Host with a user', 'host', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'),
  refused('Host with a space', 'host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
  refused('Host with a bad port', 'host', 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n'),
  refused('Host with brackets amiss', 'host', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'),
  taken(
    'Host is an IPv6 address',
    'RFC 9110, section 7.2',
    '/',
    '',
    'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n',
  ),
  taken('Host is empty', 'RFC 9112, section 3.2', '/', '', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
  refused('Host in capitals beside Host', 'hostRepeated', get('HOST: other.test\r\n')),
  refused('Host with a scheme', 'host', 'GET / HTTP/1.1\r\nHost: http://a\r\n\r\n'),
  refused('Host with a list', 'host', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'),
  refused('Host with a negative port', 'host', 'GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n'),
  refused('Host with two ports', 'host', 'GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n'),
  refused('Host with a question mark', 'host', 'GET / HTTP/1.1\r\nHost: a?b\r\n\r\n'),
  refused('Host with a backslash', 'host', 'GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n'),
  refused('Host with NUL', 'fieldValue', 'GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n'),
  refused('Host of high bytes', 'host', 'GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n'),
  refused('Host in brackets with more', 'host', 'GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n'),
  refused('two Hosts in HTTP/1.0', 'hostRepeated', `GET / HTTP/1.0\r\n${host}${host}\r\n`),
];

/** Expectations. */
export const expectations: readonly CorpusEntry[] = [
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
  taken(
    'expectation in HTTP/1.0',
    'RFC 9110, section 10.1.1',
    '/',
    'hello',
    `POST / HTTP/1.0\r\n${host}Expect: magic\r\nContent-Length: 5\r\n\r\nhello`,
  ),
  taken(
    'expectation without content',
    'RFC 9110, section 10.1.1',
    '/',
    '',
    get('Expect: 100-continue\r\n'),
  ),
  refused('expectation with a parameter', 'expectation', get('Expect: 100-continue;a=b\r\n')),
];
