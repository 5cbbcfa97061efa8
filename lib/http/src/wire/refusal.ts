/** Why a message was not taken. */

/** Names of what is wrong, which counters carry; each stands for one sentence. */
export const refusals = {
  bareCarriageReturn: [400, 'A line holds a carriage return without a line feed.'],
  bareLineFeed: [400, 'A line ends with a line feed without a carriage return.'],
  requestLine: [400, 'The request line is not a method, a target and a version.'],
  target: [400, 'The target of the request is malformed.'],
  targetTooLong: [414, 'The target of the request is too long.'],
  connect: [501, 'This is no proxy: CONNECT is not supported.'],
  version: [505, 'This version of HTTP is not supported.'],
  headTooLarge: [431, 'The header fields are too large.'],
  tooManyFields: [431, 'There are too many header fields.'],
  folded: [400, 'A header field is folded over lines.'],
  fieldName: [400, 'A header field has no proper name.'],
  spaceBeforeColon: [400, 'There is space between the name of a header field and its colon.'],
  fieldValue: [400, 'The value of a header field holds a control character.'],
  hostMissing: [400, 'There is no Host header field.'],
  hostRepeated: [400, 'There is more than one Host header field.'],
  host: [400, 'The Host header field is malformed.'],
  contentLength: [400, 'The Content-Length is no number.'],
  contentLengthRepeated: [400, 'There is more than one Content-Length.'],
  lengthAndCoding: [400, 'There are both a Content-Length and a Transfer-Encoding.'],
  transferCoding: [501, 'This transfer coding is not supported: only chunked is.'],
  chunkedNotLast: [400, 'The transfer coding chunked is not the last one, or there twice.'],
  codingInOldVersion: [400, 'There is a Transfer-Encoding in a message of HTTP/1.0.'],
  expectation: [417, 'This expectation is not supported: only 100-continue is.'],
  chunkSize: [400, 'The size of a chunk is malformed.'],
  chunkExtension: [400, 'The extension of a chunk is malformed or too long.'],
  chunkEnd: [400, 'A chunk is longer than its size says.'],
  bodyTooLarge: [413, 'The content is too large.'],
  headTimeout: [408, 'The header fields took too long.'],
  bodyTimeout: [408, 'The content took too long.'],
} as const satisfies Record<string, readonly [status: number, text: string]>;

export type Refusal = keyof typeof refusals;

/** The status with which a refusal is answered. */
export function statusOf(refusal: Refusal): number {
  return refusals[refusal][0];
}

/** The refusal as a sentence for whoever sent the message. */
export function textOf(refusal: Refusal): string {
  return refusals[refusal][1];
}
