/** Response (Fetch standard, section 5.5). */
import type { OutgoingResponse } from '@runtimejs/http/connection/types.ts';
import { allowsContent } from '@runtimejs/http/wire/response.ts';
import { Body, type BodyInit } from './body.ts';
import { Headers, type HeadersInit } from './headers.ts';
import { type URL, urls } from './url.ts';

export interface ResponseInit {
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: HeadersInit;
}

/** Statuses of redirects. */
const redirects = new Set([301, 302, 303, 307, 308]);

/** A response. */
export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly #headers: Headers;

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    super();
    const status = init.status === undefined ? 200 : Number(init.status);
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`The status ${init.status} is not from 200 to 599.`);
    }
    this.status = status;
    this.statusText = init.statusText === undefined ? '' : checkReason(String(init.statusText));
    this.#headers = new Headers(init.headers);
    if (body === undefined || body === null) return;
    if (!allowsContent(status) || status === 205) {
      throw new TypeError(`A response with the status ${status} has no content.`);
    }
    const type = this.setBody(body);
    if (type !== undefined && !this.#headers.has('content-type')) {
      this.#headers.set('content-type', type);
    }
  }

  /** A response with a value as JSON. */
  static json(value: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError('The value cannot be written as JSON.');
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(text, { ...init, headers });
  }

  static redirect(url: string | URL, status = 302): Response {
    if (!redirects.has(status)) throw new RangeError(`The status ${status} is no redirect.`);
    // A server may send a place relative to the request, which it does not know here.
    const location = /^[/?#.]/.test(String(url)) ? String(url) : new (urls().URL)(String(url)).href;
    return new Response(null, { status, headers: { location } });
  }

  /** For the server: the response as it is sent. */
  static outgoing(response: Response): OutgoingResponse {
    const declared = response.#headers.get('content-length');
    const length = declared !== null && /^\d{1,15}$/.test(declared) ? Number(declared) : undefined;
    return {
      status: response.status,
      reason: response.statusText,
      fields: Headers.pairs(response.#headers),
      body: response.outgoing(length),
      length,
    };
  }

  get headers(): Headers {
    return this.#headers;
  }

  get ok(): boolean {
    return this.status < 300;
  }

  get type(): string {
    return 'default';
  }

  get url(): string {
    return '';
  }

  get redirected(): boolean {
    return false;
  }

  clone(): Response {
    const { status, statusText } = this;
    const copy = new Response(null, { status, statusText, headers: this.#headers });
    this.shareBody(copy);
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }
}

function checkReason(text: string): string {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) {
    throw new TypeError(`"${text}" is no text for a status`);
  }
  return text;
}
