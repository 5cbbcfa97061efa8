/**
 * The head of a request (RFC 9112, sections 3, 5 and 6).
 *
 * Strict: messages that another recipient could delimit or address differently are refused, because that is
 * what request smuggling lives on. So no bare line feeds, no folded fields, no space before a colon, one Host,
 * and one way of telling the length.
 */
import {
  carriageReturn,
  decodeLatin1,
  isDigit,
  isHost,
  isTarget,
  isToken,
  lineFeed,
  space,
} from './characters.ts';
import { FieldLines, findSectionEnd, parseFieldLines } from './fields.ts';
import type { Refusal } from './refusal.ts';

/** Makes text of bytes, one code unit each. */
export type DecodeLatin1 = (bytes: Uint8Array, start: number, end: number) => string;

/** How large a head may be. */
export interface HeadLimits {
  /** Bytes of the whole head. */
  readonly head: number;
  /** Bytes of the target. */
  readonly target: number;
  /** Lines of header fields. */
  readonly fields: number;
}

/** How long the content is: so many bytes, or as its chunks say. */
export type ContentFraming = number | 'chunked';

/** A request without its content. */
export interface RequestHead {
  readonly method: string;
  /** As it was sent: origin form, absolute form, or "*". */
  readonly target: string;
  /** Host and port: of the absolute form, else of the Host field; empty when neither says. */
  readonly authority: string;
  /** 0 or 1. */
  readonly minorVersion: number;
  readonly fields: FieldLines;
  readonly framing: ContentFraming;
  /** The client wants to go on with this connection. */
  readonly keepAlive: boolean;
  /** The client waits for 100 (Continue) before it sends the content (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
}

/** What became of some bytes. */
export type ParsedHead =
  | { readonly kind: 'more' }
  | { readonly kind: 'head'; readonly head: RequestHead; readonly end: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const more: ParsedHead = { kind: 'more' };

function refuse(refusal: Refusal): ParsedHead {
  return { kind: 'refused', refusal };
}

/** Methods that need not be made each time. */
const methods = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'] as const;

/**
 * Parses a head.
 * @param bytes all that was received and not taken
 * @param scanned how many bytes from `start` on an earlier call has seen
 * @returns the head and the place after it; or that more bytes are needed; or why it is refused
 */
export function parseRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  scanned: number,
  limits: HeadLimits,
  decode: DecodeLatin1 = decodeLatin1,
): ParsedHead {
  // One empty line before the request is ignored (RFC 9112, section 2.2).
  let first = start;
  if (end > first && bytes[first] === carriageReturn) {
    if (end === first + 1) return more;
    if (bytes[first + 1] !== lineFeed) return refuse('bareCarriageReturn');
    first += 2;
  }
  // The last byte is looked at again: it may be half of an end of line.
  const sectionEnd = findSectionEnd(bytes, first, Math.max(first, start + scanned - 1), end);
  if (typeof sectionEnd === 'string') return refuse(sectionEnd);
  if (sectionEnd < 0) {
    const early = refuseEarly(bytes, first, end, limits);
    return early === null ? more : refuse(early);
  }
  if (sectionEnd - first > limits.head) return refuse(tooLarge(bytes, first, sectionEnd, limits));
  return parseWhole(bytes, first, sectionEnd, limits, decode);
}

/** What no further byte can put right. */
function refuseEarly(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: HeadLimits,
): Refusal | null {
  // Something that is no HTTP, such as TLS, is not waited for.
  if (end > start && !isToken(bytes[start] as number)) return 'requestLine';
  return end - start > limits.head ? tooLarge(bytes, start, end, limits) : null;
}

function tooLarge(bytes: Uint8Array, start: number, end: number, limits: HeadLimits): Refusal {
  const lineEnd = bytes.indexOf(carriageReturn, start);
  return lineEnd < 0 || lineEnd >= end || lineEnd - start > limits.head / 2
    ? 'targetTooLong'
    : 'headTooLarge';
}

function parseWhole(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: HeadLimits,
  decode: DecodeLatin1,
): ParsedHead {
  let at = start;
  while (isToken(bytes[at] as number)) at += 1;
  const methodEnd = at;
  if (methodEnd === start || bytes[at] !== space) return refuse('requestLine');
  const targetStart = methodEnd + 1;
  at = targetStart;
  while (isTarget(bytes[at] as number)) at += 1;
  const targetEnd = at;
  if (bytes[at] !== space) return refuse(bytes[at] === carriageReturn ? 'requestLine' : 'target');
  if (targetEnd === targetStart) return refuse('requestLine');
  if (targetEnd - targetStart > limits.target) return refuse('targetTooLong');
  const minorVersion = parseVersion(bytes, targetEnd + 1);
  if (typeof minorVersion === 'string') return refuse(minorVersion);
  const fieldsStart = targetEnd + 1 + versionLength + 2;

  const places: number[] = [];
  const refusal = parseFieldLines(bytes, fieldsStart, end, start, limits.fields, places);
  if (refusal !== null) return refuse(refusal);
  const text = decode(bytes, start, end);
  const control = new ControlFields(text, places);
  if (control.refusal !== null) return refuse(control.refusal);

  const method = methodOf(text, methodEnd - start);
  const target = text.slice(targetStart - start, targetEnd - start);
  if (method === 'CONNECT') return refuse('connect');
  const authority = authorityOf(method, target, control, minorVersion);
  if (authority.refusal !== null) return refuse(authority.refusal);
  const framing = control.framing(minorVersion);
  if (typeof framing === 'object') return refuse(framing.refusal);
  const { expectation } = control;
  const expects = minorVersion > 0 && expectation !== undefined;
  if (expects && expectation.toLowerCase() !== '100-continue') return refuse('expectation');
  const head: RequestHead = {
    method,
    target,
    authority: authority.text,
    minorVersion,
    fields: new FieldLines(text, places),
    framing,
    keepAlive: minorVersion > 0 ? !control.close : control.keepAlive && !control.close,
    expectsContinue: expects && framing !== 0,
  };
  return { kind: 'head', head, end };
}

function methodOf(text: string, length: number): string {
  for (const method of methods) {
    if (method.length === length && text.startsWith(method)) return method;
  }
  return text.slice(0, length);
}

const versionLength = 8;
const versionPrefix = [0x48, 0x54, 0x54, 0x50, 0x2f] as const; // "HTTP/"

/** @returns the minor version: 0, or 1 for 1 and higher ones (RFC 9110, section 2.5) */
function parseVersion(bytes: Uint8Array, at: number): number | Refusal {
  for (let index = 0; index < versionPrefix.length; index += 1) {
    if (bytes[at + index] !== versionPrefix[index]) return 'requestLine';
  }
  const major = bytes[at + 5] as number;
  const minor = bytes[at + 7] as number;
  if (!isDigit(major) || bytes[at + 6] !== 0x2e || !isDigit(minor)) return 'requestLine';
  if (bytes[at + 8] !== carriageReturn) return 'requestLine';
  if (bytes[at + 9] !== lineFeed) return 'bareCarriageReturn';
  if (major !== 0x31) return 'version';
  return minor === 0x30 ? 0 : 1;
}

/** The fields that decide where a message ends, where it goes, and what becomes of the connection. */
class ControlFields {
  host: string | undefined;
  expectation: string | undefined;
  close = false;
  keepAlive = false;
  refusal: Refusal | null = null;
  #length: string | undefined;
  #coding: string | undefined;

  constructor(text: string, places: readonly number[]) {
    for (let at = 0; at < places.length && this.refusal === null; at += 4) {
      const start = places[at] as number;
      const length = (places[at + 1] as number) - start;
      // Most fields are told apart by the length of their names.
      if (length !== 4 && length !== 6 && length !== 10 && length !== 14 && length !== 17) continue;
      const name = text.slice(start, start + length).toLowerCase();
      this.#take(name, text.slice(places[at + 2], places[at + 3]));
    }
  }

  #take(name: string, value: string): void {
    switch (name) {
      case 'host':
        if (this.host !== undefined) this.refusal = 'hostRepeated';
        this.host = value;
        break;
      case 'expect':
        this.expectation = this.expectation === undefined ? value : `${this.expectation}, ${value}`;
        break;
      case 'connection':
        for (const option of listOf(value)) {
          if (option === 'close') this.close = true;
          else if (option === 'keep-alive') this.keepAlive = true;
        }
        break;
      case 'content-length':
        if (this.#length !== undefined) this.refusal = 'contentLengthRepeated';
        this.#length = value;
        break;
      case 'transfer-encoding':
        this.#coding = this.#coding === undefined ? value : `${this.#coding}, ${value}`;
        break;
      default:
        break;
    }
  }

  /** How long the content is (RFC 9112, section 6.3). */
  framing(minorVersion: number): ContentFraming | { readonly refusal: Refusal } {
    const length = this.#length;
    if (this.#coding !== undefined) {
      if (minorVersion === 0) return { refusal: 'codingInOldVersion' };
      if (length !== undefined) return { refusal: 'lengthAndCoding' };
      const codings = listOf(this.#coding);
      if (codings.length === 1 && codings[0] === 'chunked') return 'chunked';
      // Without it at the end the length is not known: 400, also where a coding is unknown.
      if (codings.indexOf('chunked') !== codings.length - 1) return { refusal: 'chunkedNotLast' };
      return { refusal: 'transferCoding' };
    }
    if (length === undefined) return 0;
    if (/^\d+, *\d+/.test(length)) return { refusal: 'contentLengthRepeated' };
    if (!/^0*\d{1,15}$/.test(length)) return { refusal: 'contentLength' };
    return Number(length);
  }
}

/**
 * Elements of a list, in lower case. Only space and tab surround them (RFC 9110, section 5.6.3): JavaScript's trim()
 * would take U+00A0 away as well, and find a coding where nobody else does.
 */
function listOf(value: string): string[] {
  return value.split(',').map((element) => element.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase());
}

type Authority = { readonly text: string; readonly refusal: Refusal | null };

function noAuthority(refusal: Refusal): Authority {
  return { text: '', refusal };
}

/** Where the request goes (RFC 9112, sections 3.2 and 3.3). */
function authorityOf(
  method: string,
  target: string,
  { host }: ControlFields,
  minorVersion: number,
): Authority {
  if (host === undefined && minorVersion > 0) return noAuthority('hostMissing');
  if (host !== undefined && !isAuthority(host)) return noAuthority('host');
  if (target.startsWith('/')) return { text: host ?? '', refusal: null };
  if (target === '*') {
    return method === 'OPTIONS' ? { text: host ?? '', refusal: null } : noAuthority('target');
  }
  // The absolute form's authority replaces the Host field (RFC 9112, section 3.2.2).
  const absolute = /^http(s?):\/\/([^/?]+)/i.exec(target);
  const named = absolute?.[2];
  if (named === undefined || !isAuthority(named)) return noAuthority('target');
  return absolute?.[1] === '' ? { text: named, refusal: null } : noAuthority('misdirected');
}

/** uri-host [ ":" port ], without user information. */
function isAuthority(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0xff || !isHost(code)) return false;
  }
  const port = text.startsWith('[')
    ? /^\[[0-9a-fA-Fv:.]+\](.*)$/.exec(text)?.[1]
    : text.slice(text.indexOf(':') < 0 ? text.length : text.indexOf(':'));
  if (port === undefined) return false;
  if (port !== '' && !/^:\d{0,5}$/.test(port)) return false;
  return !/[[\]]/.test(text.startsWith('[') ? '' : text);
}
