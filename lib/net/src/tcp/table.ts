/**
 * All connections by their two addresses and ports, whatever stage they are in: a hash table whose
 * entries link themselves, so that finding one allocates nothing. The hash is keyed: nobody can
 * choose addresses that fall into one chain.
 */
import type { IpAddress } from '../address.ts';
import type { TableHash } from './half-siphash.ts';

/** What stage of its life an entry is: a class each. */
export type EntryKind = 'connection' | 'halfOpen' | 'timeWait';

/** Anything that is found by the four parts of a connection's name. */
export abstract class TableEntry {
  abstract readonly kind: EntryKind;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Of the table: full hash, next entry of the chain; inTable tells whether it is linked. */
  hash = 0;
  chain: TableEntry | null = null;
  inTable = false;

  constructor(
    localAddress: IpAddress,
    localPort: number,
    remoteAddress: IpAddress,
    remotePort: number,
  ) {
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }
}

const smallest = 64;

/** The table. */
export class ConnectionTable<Entry extends TableEntry> {
  readonly #hash: TableHash;
  #buckets: (TableEntry | null)[] = new Array(smallest).fill(null);
  #size = 0;

  constructor(hash: TableHash) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  /** The keyed hash of a connection's name, for find() and for spreading over listeners. */
  hashOf(
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    localPort: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    remotePort: number,
  ): number {
    return this.#hash.hash(
      local0,
      local1,
      local2,
      local3,
      remote0,
      remote1,
      remote2,
      remote3,
      localPort,
      remotePort,
    );
  }

  /** The keyed hash of a connection's name. */
  hashFor(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    return this.hashOf(
      local.word0,
      local.word1,
      local.word2,
      local.word3,
      localPort,
      remote.word0,
      remote.word1,
      remote.word2,
      remote.word3,
      remotePort,
    );
  }

  /** Finds an entry by its whole name. */
  find(
    hash: number,
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    localPort: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    remotePort: number,
  ): Entry | null {
    const buckets = this.#buckets;
    let entry = buckets[hash & (buckets.length - 1)] as TableEntry | null;
    while (entry !== null) {
      if (
        entry.hash === hash &&
        entry.remotePort === remotePort &&
        entry.localPort === localPort &&
        entry.remoteAddress.word3 === remote3 &&
        entry.remoteAddress.word2 === remote2 &&
        entry.remoteAddress.word1 === remote1 &&
        entry.remoteAddress.word0 === remote0 &&
        entry.localAddress.word3 === local3 &&
        entry.localAddress.word2 === local2 &&
        entry.localAddress.word1 === local1 &&
        entry.localAddress.word0 === local0
      ) {
        return entry as Entry;
      }
      entry = entry.chain;
    }
    return null;
  }

  /** Finds an entry by addresses that are objects. */
  lookup(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Entry | null {
    return this.find(
      this.hashFor(local, localPort, remote, remotePort),
      local.word0,
      local.word1,
      local.word2,
      local.word3,
      localPort,
      remote.word0,
      remote.word1,
      remote.word2,
      remote.word3,
      remotePort,
    );
  }

  /** Adds an entry; there must be none of its name. */
  add(entry: Entry): void {
    entry.hash = this.hashFor(
      entry.localAddress,
      entry.localPort,
      entry.remoteAddress,
      entry.remotePort,
    );
    if (this.#size >= this.#buckets.length) this.#resize(this.#buckets.length * 2);
    this.#link(entry);
    entry.inTable = true;
    this.#size += 1;
  }

  /** Takes an entry out; nothing happens when it is not in the table. */
  remove(entry: TableEntry): void {
    if (!entry.inTable) return;
    const buckets = this.#buckets;
    const bucket = entry.hash & (buckets.length - 1);
    let at = buckets[bucket] as TableEntry | null;
    if (at === entry) {
      buckets[bucket] = entry.chain;
    } else {
      while (at !== null && at.chain !== entry) at = at.chain;
      if (at !== null) at.chain = entry.chain;
    }
    entry.chain = null;
    entry.inTable = false;
    this.#size -= 1;
    if (buckets.length > smallest && this.#size * 8 < buckets.length) {
      this.#resize(buckets.length / 4);
    }
  }

  /** All entries; the table may not change meanwhile. */
  *entries(): Generator<Entry> {
    for (const first of this.#buckets) {
      for (let entry = first; entry !== null; entry = entry.chain) yield entry as Entry;
    }
  }

  #link(entry: TableEntry): void {
    const bucket = entry.hash & (this.#buckets.length - 1);
    entry.chain = this.#buckets[bucket] as TableEntry | null;
    this.#buckets[bucket] = entry;
  }

  #resize(length: number): void {
    const old = this.#buckets;
    this.#buckets = new Array(Math.max(length, smallest)).fill(null);
    for (const first of old) {
      let entry = first;
      while (entry !== null) {
        const next: TableEntry | null = entry.chain;
        this.#link(entry);
        entry = next;
      }
    }
  }
}
