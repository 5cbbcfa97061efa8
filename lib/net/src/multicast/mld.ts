/** MLD of one interface: a MembershipReporter that speaks MLDv2, or MLDv1 to old routers. */
import { anyV6, type IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import { allNodesV6, isLinkLocal } from '../ip/addresses.ts';
import type { LinkOutput } from '../ipv6/output.ts';
import type { ReceivedHeader } from '../network.ts';
import { icmpv6Type } from '../wire/icmpv6.ts';
import {
  allRoutersV6,
  emitMldReport,
  emitMldV1,
  type MembershipRecord,
  mldRouters,
  parseMldQuery,
  parseMldReport,
} from '../wire/mld.ts';
import { MembershipReporter, type ReportSender } from './membership-reporter.ts';

/** A record of 20 bytes in a message for a link of 1280 bytes; sources take 16. */
const recordLimit = 56;
const linkHops = 1;

/** MLD on one interface. */
export class Mld implements ReportSender {
  readonly environment: Environment;
  readonly currentVersion = 2;
  readonly recordLimit: number = recordLimit;
  readonly counters: Counters = { queries: 0, reportsSent: 0 };
  readonly #on: Interface;
  readonly #output: LinkOutput;
  readonly #reporter: MembershipReporter;

  constructor(environment: Environment, on: Interface, output: LinkOutput) {
    this.environment = environment;
    this.#on = on;
    this.#output = output;
    this.#reporter = new MembershipReporter(this);
  }

  start(): void {
    this.#reporter.restart();
  }

  stop(): void {
    this.#reporter.stop();
  }

  joined(group: IpAddress): void {
    if (isReported(group)) this.#reporter.join(group);
  }

  left(group: IpAddress): void {
    if (isReported(group)) this.#reporter.leave(group);
  }

  /** Takes a message whose ICMPv6 checksum was verified. */
  receive(bytes: Uint8Array, offset: number, length: number, header: ReceivedHeader): void {
    if (bytes[offset] === icmpv6Type.multicastListenerQuery) {
      const query = parseMldQuery(bytes, offset, length, header.sourceAddress(), header.hopLimit);
      if (typeof query === 'string') {
        this.#count(`drop: ${query}`);
        return;
      }
      this.#count('queries');
      this.#reporter.queried(query);
    } else if (bytes[offset] === icmpv6Type.multicastListenerReport) {
      const group = parseMldReport(bytes, offset, length);
      if (group !== undefined) this.#reporter.overheard(group);
    }
  }

  report(records: readonly MembershipRecord[]): void {
    let size = 8;
    for (const record of records) size += 20 + 16 * record.sources.length;
    this.#send(mldRouters, size, (bytes, offset) => emitMldReport(bytes, offset, records));
  }

  oldReport(_version: number, group: IpAddress): void {
    this.#send(group, 24, (bytes, offset) => emitMldV1(bytes, offset, false, group));
  }

  oldLeave(_version: number, group: IpAddress): void {
    this.#send(allRoutersV6, 24, (bytes, offset) => emitMldV1(bytes, offset, true, group));
  }

  /** From the link-local address, or without one from the unspecified address (RFC 3590). */
  #send(
    destination: IpAddress,
    size: number,
    write: (bytes: Uint8Array, offset: number) => number,
  ): void {
    const own = this.#on.addresses.find(
      (one) => !one.address.isV4 && isLinkLocal(one.address) && one.state !== 'tentative',
    );
    this.#count('reportsSent');
    const source = own?.address ?? anyV6;
    this.#output.send(this.#on, source, destination, linkHops, null, size, write, true);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}

/** RFC 3810, section 6: ff02::1, and scopes that never leave the machine, are not reported. */
function isReported(group: IpAddress): boolean {
  const scope = (group.word0 >>> 16) & 15;
  return !group.isV4 && scope > 1 && !group.equals(allNodesV6);
}
