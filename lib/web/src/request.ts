/** Request (Fetch standard, section 5.4). */
import type { Exchange } from '@runtimejs/http/connection/types.ts';
import { isTokenText } from '@runtimejs/http/wire/characters.ts';
import { AbortSignal } from './abort.ts';
import { Body, type BodyInit } from './body.ts';
import { Headers, type HeadersInit } from './headers.ts';
import { type URL, urls } from './url.ts';

export interface RequestInit {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: BodyInit | null;
  readonly signal?: AbortSignal | null;
}

/** Methods whose case does not matter (Fetch, section 2.2.1). */
const normalised = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** Targets that parsing and writing them out as a URL does not change. */
const plainTarget =
  /^\/(?!\/)(?:[\w\-~!$&()*+,;=:@/]|\.(?!\.?(?:[/?]|$))|%(?!2[eE]))*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/;
const plainHost =
  /^(?:[a-z][a-z\d-]*(?:\.[a-z][a-z\d-]*)*|(?:[1-9]?\d|1\d\d)(?:\.(?:[1-9]?\d|1\d\d)){3})(?::(?!80$)[1-9]\d{0,3})?$/;

/** What received() hands to the constructor. */
class Received {
  readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }
}

/** A request. */
export class Request extends Body {
  #method = 'GET';
  #url: string | undefined;
  #headers: Headers | undefined;
  #signal: AbortSignal | undefined;
  /** The request that a client sent. */
  #exchange: Exchange | undefined;

  constructor(input: string | URL | Request, init: RequestInit = {}) {
    super();
    if ((input as unknown) instanceof Received) {
      const { exchange } = input as unknown as Received;
      this.#exchange = exchange;
      this.#method = exchange.head.method;
      this.setIncoming(exchange.body);
      return;
    }
    const method = init.method ?? (input instanceof Request ? input.method : 'GET');
    this.#method = checkMethod(method);
    if (input instanceof Request) {
      this.#url = input.url;
      this.#headers = new Headers(init.headers ?? input.headers);
      this.#signal = init.signal === null ? undefined : (init.signal ?? input.signal);
      if (init.body === undefined || init.body === null) this.takeBody(input);
    } else {
      this.#url = parse(String(input));
      this.#headers = new Headers(init.headers);
      this.#signal = init.signal ?? undefined;
    }
    const hasBody = init.body !== undefined && init.body !== null;
    if (hasBody && (this.#method === 'GET' || this.#method === 'HEAD')) {
      throw new TypeError(`A request with the method ${this.#method} has no content.`);
    }
    const type = this.setBody(init.body);
    if (type !== undefined && !this.#headers.has('content-type')) {
      this.#headers.set('content-type', type);
    }
  }

  /** For the server: the request that a client sent. */
  static received(exchange: Exchange): Request {
    return new Request(new Received(exchange) as unknown as Request);
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    this.#url ??= urlOf(this.#exchange as Exchange);
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= Headers.received((this.#exchange as Exchange).head.fields);
    return this.#headers;
  }

  /** Aborted when the client goes away before it has its response. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const signal = AbortSignal.create();
      this.#signal = signal;
      if (this.#exchange !== undefined) {
        this.#exchange.onAbort = (reason) => AbortSignal.signal(signal, reason);
      }
    }
    return this.#signal;
  }

  clone(): Request {
    const copy = new Request(this.url, {
      method: this.method,
      headers: this.headers,
      signal: this.signal,
    });
    this.shareBody(copy);
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Request';
  }
}

function checkMethod(method: string): string {
  const text = String(method);
  if (!isTokenText(text)) throw new TypeError(`"${text}" is no method`);
  const upper = text.toUpperCase();
  if (upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK') {
    throw new TypeError(`The method ${upper} is forbidden.`);
  }
  return normalised.has(upper) ? upper : text;
}

/** Parses a URL, and writes it as the standard has it. @throws TypeError when it is none */
function parse(text: string): string {
  return new (urls().URL)(text).href;
}

/** Where the client has sent it, as a URL. */
function urlOf({ head }: Exchange): string {
  const { target } = head;
  const authority = head.authority === '' ? 'localhost' : head.authority;
  if (target.startsWith('/')) {
    // Most need no parser.
    if (plainHost.test(authority) && plainTarget.test(target))
      return `http://${authority}${target}`;
    return parse(`http://${authority}${target}`);
  }
  return parse(target === '*' ? `http://${authority}/` : target);
}
