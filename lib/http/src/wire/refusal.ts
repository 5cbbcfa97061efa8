/** Why a message was not taken. */

/** Names of what is wrong, which counters carry; each stands for one sentence, and for a rule that says so. */
export const refusals = {
  bareCarriageReturn: [
    400,
    'A line holds a carriage return without a line feed.',
    'RFC 9112, section 2.2',
  ],
  bareLineFeed: [
    400,
    'A line ends with a line feed without a carriage return.',
    'RFC 9112, section 2.2',
  ],
  requestLine: [
    400,
    'The request line is not a method, a target and a version.',
    'RFC 9112, section 3',
  ],
  target: [400, 'The target of the request is malformed.', 'RFC 9112, section 3.2'],
  targetTooLong: [414, 'The target of the request is too long.', 'RFC 9112, section 3'],
  misdirected: [
    421,
    'This server has no certificate, so that it answers for no https resource.',
    'RFC 9110, section 7.4',
  ],
  connect: [501, 'This is no proxy: CONNECT is not supported.', 'RFC 9110, section 9.3.6'],
  version: [505, 'This version of HTTP is not supported.', 'RFC 9110, section 15.6.6'],
  headTooLarge: [431, 'The header fields are too large.', 'RFC 6585, section 5'],
  tooManyFields: [431, 'There are too many header fields.', 'RFC 6585, section 5'],
  folded: [400, 'A header field is folded over lines.', 'RFC 9112, section 5.2'],
  fieldName: [400, 'A header field has no proper name.', 'RFC 9112, section 5'],
  spaceBeforeColon: [
    400,
    'There is space between the name of a header field and its colon.',
    'RFC 9112, section 5.1',
  ],
  fieldValue: [
    400,
    'The value of a header field holds a control character.',
    'RFC 9110, section 5.5',
  ],
  hostMissing: [400, 'There is no Host header field.', 'RFC 9112, section 3.2'],
  hostRepeated: [400, 'There is more than one Host header field.', 'RFC 9112, section 3.2'],
  host: [400, 'The Host header field is malformed.', 'RFC 9112, section 3.2'],
  contentLength: [400, 'The Content-Length is no number.', 'RFC 9112, section 6.3'],
  contentLengthRepeated: [400, 'There is more than one Content-Length.', 'RFC 9110, section 8.6'],
  lengthAndCoding: [
    400,
    'There are both a Content-Length and a Transfer-Encoding.',
    'RFC 9112, section 6.1',
  ],
  transferCoding: [
    501,
    'This transfer coding is not supported: only chunked is.',
    'RFC 9112, section 6.1',
  ],
  chunkedNotLast: [
    400,
    'The transfer coding chunked is not the last one, or there twice.',
    'RFC 9112, section 6.3',
  ],
  codingInOldVersion: [
    400,
    'There is a Transfer-Encoding in a message of HTTP/1.0.',
    'RFC 9112, section 6.1',
  ],
  expectation: [
    417,
    'This expectation is not supported: only 100-continue is.',
    'RFC 9110, section 10.1.1',
  ],
  chunkSize: [400, 'The size of a chunk is malformed.', 'RFC 9112, section 7.1'],
  chunkExtension: [
    400,
    'The extension of a chunk is malformed or too long.',
    'RFC 9112, section 7.1.1',
  ],
  chunkEnd: [400, 'A chunk is longer than its size says.', 'RFC 9112, section 7.1'],
  bodyTooLarge: [413, 'The content is too large.', 'RFC 9110, section 15.5.14'],
  headTimeout: [408, 'The header fields took too long.', 'RFC 9110, section 15.5.9'],
  bodyTimeout: [408, 'The content took too long.', 'RFC 9110, section 15.5.9'],
} as const satisfies Record<string, readonly [status: number, text: string, rule: string]>;

export type Refusal = keyof typeof refusals;

/** The status with which a refusal is answered. */
export function statusOf(refusal: Refusal): number {
  return refusals[refusal][0];
}

/** The refusal as a sentence for whoever sent the message. */
export function textOf(refusal: Refusal): string {
  return refusals[refusal][1];
}

/** Where it is written that such a message is refused, or may be. */
export function ruleOf(refusal: Refusal): string {
  return refusals[refusal][2];
}
