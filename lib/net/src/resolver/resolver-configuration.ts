/**
 * Where names are looked up: collects what DHCP, router advertisements and static configuration say,
 * and renders it as resolv.conf(5) for the C library.
 */

import type { IpAddress } from '../address.ts';
import { formatAddress } from '../address-text.ts';

/** A name server; `scope` names the interface of a link-local address, else it is empty. */
export interface NameServer {
  readonly address: IpAddress;
  readonly scope: string;
}

/** What one source says. */
export interface ResolverSource {
  readonly nameServers: readonly NameServer[];
  readonly searchDomains: readonly string[];
}

/** The order in which sources are asked: static configuration before DHCP before RAs. */
export type SourceKind = 'static' | 'dhcp' | 'ra';

/** resolv.conf(5): MAXNS, MAXDNSRCH and the classic limit of the search line. */
const nameServerLimit = 3;
const searchDomainLimit = 6;
const searchLineLimit = 256;

const order: readonly SourceKind[] = ['static', 'dhcp', 'ra'];

/** The resolver's configuration of a machine. */
export class ResolverConfiguration {
  readonly #sources = new Map<
    string,
    { readonly kind: SourceKind; readonly says: ResolverSource }
  >();
  readonly #changed: (text: string) => void;
  #text: string;

  /** @param changed called with the new text of resolv.conf whenever it became another one */
  constructor(changed: (text: string) => void) {
    this.#changed = changed;
    this.#text = this.#render();
  }

  /** The content of resolv.conf. */
  get text(): string {
    return this.#text;
  }

  /** The servers that are asked, in their order, at most 3. */
  get nameServers(): readonly NameServer[] {
    return this.#nameServers();
  }

  /**
   * Sets what a source says, in place of what it said before.
   * @param name tells sources apart, e.g. the interface
   */
  set(kind: SourceKind, name: string, says: ResolverSource): void {
    this.#sources.set(`${kind} ${name}`, { kind, says });
    this.#update();
  }

  /** Forgets a source. */
  remove(kind: SourceKind, name: string): void {
    if (this.#sources.delete(`${kind} ${name}`)) this.#update();
  }

  #update(): void {
    const text = this.#render();
    if (text === this.#text) return;
    this.#text = text;
    this.#changed(text);
  }

  #ordered(): ResolverSource[] {
    const all = [...this.#sources.values()];
    return order.flatMap((kind) =>
      all.filter((source) => source.kind === kind).map((source) => source.says),
    );
  }

  #nameServers(): NameServer[] {
    const found: NameServer[] = [];
    // One of each source first: when a source's servers are all down, another's are still asked.
    const sources = this.#ordered();
    const longest = Math.max(0, ...sources.map((source) => source.nameServers.length));
    for (let rank = 0; rank < longest; rank++) {
      for (const { nameServers } of sources) {
        const server = nameServers[rank];
        if (server === undefined || server.address.isUnspecified) continue;
        if (!found.some((known) => known.address.equals(server.address))) found.push(server);
      }
    }
    return found.slice(0, nameServerLimit);
  }

  #searchDomains(): string[] {
    const domains: string[] = [];
    let length = 0;
    for (const domain of this.#ordered().flatMap((source) => source.searchDomains)) {
      if (domains.includes(domain)) continue;
      length += domain.length + 1;
      if (domains.length === searchDomainLimit || length > searchLineLimit) break;
      domains.push(domain);
    }
    return domains;
  }

  #render(): string {
    const servers = this.#nameServers();
    const domains = this.#searchDomains();
    const lines = servers.map(
      ({ address, scope }) =>
        `nameserver ${formatAddress(address)}${scope === '' ? '' : `%${scope}`}`,
    );
    if (servers.length === 0) lines.push('# No name server is known.');
    if (domains.length > 0) lines.push(`search ${domains.join(' ')}`);
    return `${lines.join('\n')}\n`;
  }
}
