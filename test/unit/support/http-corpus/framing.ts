/** Where content ends: lengths and codings, the ground of request smuggling. */
import { type CorpusEntry, chunked, host, post, refused, taken } from './entry.ts';

/** Content-Length. */
export const lengths: readonly CorpusEntry[] = [
  taken('content', 'RFC 9112, section 6.3', '/', 'hello', post('Content-Length: 5\r\n', 'hello')),
  taken(
    'leading zeros',
    'RFC 9110, section 8.6',
    '/',
    'hello',
    post('Content-Length: 0005\r\n', 'hello'),
  ),
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
  taken(
    'length in blanks',
    'RFC 9112, section 5.1',
    '/',
    'hello',
    post('Content-Length: \t5 \r\n', 'hello'),
  ),
  taken(
    'length of many zeros',
    'RFC 9110, section 8.6',
    '/',
    'hello',
    post(`Content-Length: ${'0'.repeat(40)}5\r\n`, 'hello'),
  ),
  taken('no content, said so', 'RFC 9110, section 8.6', '/', '', post('Content-Length: 0\r\n', '')),
  taken(
    'content of GET is not the next request',
    'RFC 9110, section 9.3.1',
    '/',
    'GET /x HTTP/1.1\r\n',
    `GET / HTTP/1.1\r\n${host}Content-Length: 17\r\n\r\nGET /x HTTP/1.1\r\n`,
  ),
  refused(
    'list of other lengths',
    'contentLengthRepeated',
    post('Content-Length: 5,6\r\n', 'hello'),
  ),
  refused('lengths by a semicolon', 'contentLength', post('Content-Length: 5;6\r\n', 'hello')),
  refused('length with an exponent', 'contentLength', post('Content-Length: 1e1\r\n', 'hello')),
  refused('length with an underscore', 'contentLength', post('Content-Length: 1_0\r\n', 'hello')),
  refused(
    'length behind a no-break space',
    'contentLength',
    post('Content-Length: \xa05\r\n', 'hello'),
  ),
  refused('length of a raised digit', 'contentLength', post('Content-Length: \xb2\r\n', 'hi')),
  refused('length with a vertical tab', 'fieldValue', post('Content-Length: \x0b5\r\n', 'hello')),
  refused(
    'length that wraps at 32 bits',
    'bodyTooLarge',
    post('Content-Length: 4294967301\r\n', 'hello'),
  ),
  refused(
    'length that wraps at 64 bits',
    'contentLength',
    post('Content-Length: 18446744073709551621\r\n', 'hello'),
  ),
  refused('length in quotes', 'contentLength', post('Content-Length: "5"\r\n', 'hello')),
  refused(
    'two lengths of HTTP/1.0',
    'contentLengthRepeated',
    `POST / HTTP/1.0\r\n${host}Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello`,
  ),
];

/** Transfer-Encoding. */
export const codings: readonly CorpusEntry[] = [
  taken('chunked', 'RFC 9112, section 7.1', '/', 'hello', chunked('5\r\nhello\r\n0\r\n\r\n')),
  taken(
    'chunked, in capitals',
    'RFC 9112, section 7',
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
  taken(
    'coding in tabs',
    'RFC 9112, section 5.1',
    '/',
    'hello',
    post('Transfer-Encoding:\t chunked\t\r\n', '5\r\nhello\r\n0\r\n\r\n'),
  ),
  taken(
    'a name with an underscore is another field',
    'RFC 9110, section 5.1',
    '/',
    'hello',
    post('Transfer_Encoding: chunked\r\nContent-Length: 5\r\n', 'hello'),
  ),
  refused(
    'coding behind a no-break space',
    'chunkedNotLast',
    post('Transfer-Encoding: \xa0chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding before a no-break space',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked\xa0\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding behind NEL',
    'chunkedNotLast',
    post('Transfer-Encoding: \x85chunked\r\n', '0\r\n\r\n'),
  ),
  refused('coding with NUL', 'fieldValue', post('Transfer-Encoding: chunked\0\r\n', '0\r\n\r\n')),
  refused(
    'coding behind a line feed',
    'bareLineFeed',
    post('A: b\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding behind a carriage return',
    'bareCarriageReturn',
    post('A: b\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding with a space before the colon',
    'spaceBeforeColon',
    post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding with a carriage return before the colon',
    'fieldName',
    post('Transfer-Encoding\r: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding with a line feed before the colon',
    'bareLineFeed',
    post('Transfer-Encoding\n: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding and nothing after a comma',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked,\r\n', '0\r\n\r\n'),
  ),
  refused(
    'coding and nothing before a comma',
    'transferCoding',
    post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'identity, chunked',
    'transferCoding',
    post('Transfer-Encoding: identity, chunked\r\n', '0\r\n\r\n'),
  ),
  refused('chunk', 'chunkedNotLast', post('Transfer-Encoding: chunk\r\n', '0\r\n\r\n')),
  refused(
    'chunked in two words',
    'chunkedNotLast',
    post('Transfer-Encoding: chunked chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'gzip and chunked in two fields',
    'transferCoding',
    post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    'CL.TE',
    'lengthAndCoding',
    post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nG'),
  ),
  refused(
    'TE.CL',
    'lengthAndCoding',
    post(
      'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
      '12\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n',
    ),
  ),
  refused(
    'TE.TE',
    'lengthAndCoding',
    post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n', '5c\r\n'),
  ),
];
