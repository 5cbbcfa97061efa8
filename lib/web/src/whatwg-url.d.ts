/** What is used of whatwg-url, which has no types of its own. */
declare module 'whatwg-url' {
  export class URLSearchParams implements Iterable<[string, string]> {
    constructor(init?: string | Iterable<readonly [string, string]> | Record<string, string>);
    readonly size: number;
    append(name: string, value: string): void;
    delete(name: string, value?: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string, value?: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    toString(): string;
    [Symbol.iterator](): Iterator<[string, string]>;
  }
  export class URL {
    constructor(url: string, base?: string | URL);
    href: string;
    readonly origin: string;
    protocol: string;
    host: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    readonly searchParams: URLSearchParams;
    hash: string;
    toString(): string;
  }
}
