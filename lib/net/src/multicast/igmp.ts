/** IGMP of all interfaces: a transport over IPv4, with a MembershipReporter for each interface. */
import type { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import type { StackObserver } from '../interface/observer.ts';
import { allHostsV4 } from '../ip/addresses.ts';
import { type NetworkError, protocol, type ReceivedHeader, type Transport } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { Stack } from '../stack.ts';
import {
  allRoutersV4,
  emitIgmpOld,
  emitIgmpReport,
  igmpRouters,
  igmpType,
  parseIgmp,
} from '../wire/igmp.ts';
import type { MembershipRecord } from '../wire/mld.ts';
import { MembershipReporter, type ReportSender } from './membership-reporter.ts';

/** Records of 8 bytes; sources take 4. Well below every MTU. */
const recordLimit = 64;
/** RFC 3376, section 4: TTL 1, precedence internetwork control. */
const sendOptions = { hopLimit: 1, trafficClass: 0xc0, dontFragment: false };

/** IGMP. Registers itself with the stack. */
export class Igmp implements Transport, StackObserver {
  readonly counters: Counters = {
    queries: 0,
    reportsSent: 0,
    dropSplit: 0,
    dropNoBuffer: 0,
    dropNoRoute: 0,
  };
  readonly #stack: Stack;
  readonly #reporters = new Map<number, MembershipReporter>();

  constructor(stack: Stack) {
    this.#stack = stack;
    stack.registerTransport(protocol.igmp, this);
    stack.counters.set('igmp', this.counters);
    stack.observe(this);
  }

  interfaceAdded(on: Interface): void {
    if (on.isLoopback) return;
    this.#reporters.set(on.index, new MembershipReporter(new IgmpSender(this.#stack, on, this)));
  }

  interfaceUp(on: Interface): void {
    this.#reporters.get(on.index)?.restart();
  }

  interfaceDown(on: Interface): void {
    this.#reporters.get(on.index)?.stop();
  }

  groupJoined(on: Interface, group: IpAddress): void {
    if (isReported(group)) this.#reporters.get(on.index)?.join(group);
  }

  groupLeft(on: Interface, group: IpAddress): void {
    if (isReported(group)) this.#reporters.get(on.index)?.leave(group);
  }

  receive(packet: Packet, header: ReceivedHeader): void {
    const reporter = this.#reporters.get(header.interface.index);
    if (packet.next !== null) {
      this.count('dropSplit');
    } else if (reporter !== undefined) {
      const { bytes } = this.#stack.environment.memory;
      const message = parseIgmp(bytes, packet.start, packet.end - packet.start);
      if (typeof message === 'string') {
        this.count(`drop: ${message}`);
      } else if (message.kind === 'query') {
        this.count('queries');
        reporter.queried(message.query);
      } else if (message.kind === 'report') {
        reporter.overheard(message.group);
      }
    }
    packet.release();
  }

  networkError(_error: NetworkError): void {
    // Nobody answers a report, nobody waits for it.
  }

  count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}

/** Sends the messages of one interface. */
class IgmpSender implements ReportSender {
  readonly environment: Environment;
  readonly currentVersion = 3;
  readonly recordLimit: number = recordLimit;
  readonly #stack: Stack;
  readonly #on: Interface;
  readonly #igmp: Igmp;

  constructor(stack: Stack, on: Interface, igmp: Igmp) {
    this.environment = stack.environment;
    this.#stack = stack;
    this.#on = on;
    this.#igmp = igmp;
  }

  report(records: readonly MembershipRecord[]): void {
    let size = 8;
    for (const record of records) size += 8 + 4 * record.sources.length;
    this.#send(igmpRouters, size, (bytes, offset) => emitIgmpReport(bytes, offset, records));
  }

  oldReport(version: number, group: IpAddress): void {
    const type = version === 1 ? igmpType.reportV1 : igmpType.reportV2;
    this.#send(group, 8, (bytes, offset) => emitIgmpOld(bytes, offset, type, group));
  }

  oldLeave(version: number, group: IpAddress): void {
    if (version === 1) return; // RFC 1112 has no such message
    this.#send(allRoutersV4, 8, (bytes, offset) =>
      emitIgmpOld(bytes, offset, igmpType.leave, group),
    );
  }

  #send(
    destination: IpAddress,
    size: number,
    write: (bytes: Uint8Array, offset: number) => number,
  ): void {
    const { network, environment } = this.#stack;
    const route = network.route(destination, undefined, this.#on.index);
    if (typeof route === 'string') {
      this.#igmp.count('dropNoRoute');
      return;
    }
    const packet = network.allocate(route, size);
    if (packet === null) {
      this.#igmp.count('dropNoBuffer');
      return;
    }
    packet.end = packet.start + write(environment.memory.bytes, packet.start);
    this.#igmp.count('reportsSent');
    network.sendRouterAlert(route, packet, protocol.igmp, sendOptions);
  }
}

/** RFC 3376, section 6: 224.0.0.1 is never reported. */
function isReported(group: IpAddress): boolean {
  return group.isV4 && !group.equals(allHostsV4);
}
