/** Every parser of wire formats, on bytes that throw when read out of range. */
import { IpAddress } from '@runtimejs/net/address.ts';
import {
  formatAddress,
  formatWithPrefix,
  parseAddress,
  parseWithPrefix,
} from '@runtimejs/net/address-text.ts';
import { ArpHeader, parseArp } from '@runtimejs/net/wire/arp.ts';
import { parseDhcpReply } from '@runtimejs/net/wire/dhcpv4.ts';
import { checkDomainName, parseDomainNames } from '@runtimejs/net/wire/domain-names.ts';
import {
  Icmpv4Header,
  parseIcmpv4,
  parseQuotedIpv4,
  QuotedIpv4,
} from '@runtimejs/net/wire/icmpv4.ts';
import { findUpperLayer, parseIcmpv6Error } from '@runtimejs/net/wire/icmpv6.ts';
import { parseIgmp } from '@runtimejs/net/wire/igmp.ts';
import { Ipv4Header, parseIpv4 } from '@runtimejs/net/wire/ipv4.ts';
import { ExtensionWalk, Ipv6Header, parseIpv6, walkExtensions } from '@runtimejs/net/wire/ipv6.ts';
import { parseMldQuery, parseMldReport } from '@runtimejs/net/wire/mld.ts';
import { parseNdp } from '@runtimejs/net/wire/ndp.ts';
import { parseNdpOptions } from '@runtimejs/net/wire/ndp-options.ts';
import { TcpOptions } from '@runtimejs/net/wire/tcp-options.ts';
import { parseUdp, UdpHeader } from '@runtimejs/net/wire/udp.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { corpus } from '../support/corpus.ts';
import { guard } from '../support/guarded.ts';
import { dhcpPayload } from '../support/messages.ts';
import { mutate, noise } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';

const addresses = [
  new IpAddress(0xfe800000, 0, 0, 1),
  new IpAddress(0, 0, 0, 0),
  new IpAddress(0xff020000, 0, 1, 0xff000001),
  IpAddress.v4(0x0a000001),
];

type Parse = (bytes: Uint8Array, at: number, length: number, random: Random) => unknown;

/** Each takes `length` bytes at `at` and may read nothing else. */
const parsers: Readonly<Record<string, Parse>> = {
  arp: (bytes, at, length) => parseArp(bytes, at, length, new ArpHeader()),
  dhcp: (bytes, at, length) => parseDhcpReply(bytes, at, length),
  names: (bytes, at, length, random) =>
    parseDomainNames(bytes, at, length, random.chance(0.5), random.chance(0.5)),
  icmpv4: (bytes, at, length) => parseIcmpv4(bytes, at, length, new Icmpv4Header()),
  quotedIpv4: (bytes, at, length) => parseQuotedIpv4(bytes, at, length, new QuotedIpv4()),
  icmpv6Error: (bytes, at, length) => parseIcmpv6Error(bytes, at, length),
  // Its callers know that there is a whole IPv6 header.
  upperLayer: (bytes, at, length) => (length < 40 ? undefined : findUpperLayer(bytes, at, length)),
  igmp: (bytes, at, length) => parseIgmp(bytes, at, length),
  ipv4: (bytes, at, length) => parseIpv4(bytes, at, length, length, new Ipv4Header()),
  ipv6: (bytes, at, length) => {
    const header = new Ipv6Header();
    if (parseIpv6(bytes, at, length, length, header) !== undefined) return;
    const walk = new ExtensionWalk();
    walkExtensions(bytes, at, 40, bytes[at + 6] as number, 6, length, walk);
  },
  extensions: (bytes, at, length, random) =>
    walkExtensions(bytes, at, 40, random.pick([0, 43, 60]), 6, length, new ExtensionWalk()),
  mldQuery: (bytes, at, length, random) =>
    parseMldQuery(bytes, at, length, random.pick(addresses), random.pick([1, 255])),
  mldReport: (bytes, at, length) => parseMldReport(bytes, at, length),
  ndp: (bytes, at, length, random) =>
    parseNdp(bytes, at, length, {
      source: random.pick(addresses),
      destination: random.pick(addresses),
      hopLimit: 255,
    }),
  ndpOptions: (bytes, at, length) => parseNdpOptions(bytes, at, length),
  tcpOptions: (bytes, at, length) => new TcpOptions().parse(bytes, at, at + length),
  udp: (bytes, at, length) => parseUdp(bytes, at, length, length, new UdpHeader()),
};

/** Where a layer may begin in a frame. */
const starts = [0, 14, 34, 42, 54, 62, 74];

function parseBytes(random: Random): void {
  const valid = random.chance(0.2)
    ? dhcpPayload(5, new Uint8Array(4), new Uint8Array(6))
    : random.pick(corpus());
  const content = random.chance(0.1) ? noise(random, 300) : mutate(valid, random);
  const start = Math.min(random.pick(starts), content.length);
  const length = content.length - start;
  // Somewhere in a larger memory, with nothing of the packet around.
  const at = random.integer(0, 64);
  const memory = new Uint8Array(at + length + 64);
  random.fill(memory);
  memory.set(content.subarray(start), at);
  const guarded = guard(memory, at, at + length);
  for (const [name, parse] of Object.entries(parsers)) {
    try {
      parse(guarded, at, length, random);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Texts of addresses and names: parsed or refused, and what was parsed is written so that it parses again. */
function parseText(random: Random): void {
  const valid = random.pick([
    '192.168.1.1/24',
    'fe80::1/64',
    '::ffff:1.2.3.4',
    '2001:db8::/32',
    'a.example.org',
    '::',
  ]);
  const characters = '0123456789abcdef:./%-xX \u0000\u00e9';
  let text = valid;
  for (let count = random.integer(0, 4); count > 0; count -= 1) {
    const at = random.integer(0, text.length);
    const inserted = characters[random.integer(0, characters.length - 1)] as string;
    text = text.slice(0, at) + inserted + text.slice(at + random.integer(0, 1));
  }
  checkDomainName(text);
  const address = parseAddress(text);
  if (address !== undefined && !parseAddress(formatAddress(address))?.equals(address)) {
    throw new Error(`${text} is ${formatAddress(address)}, which is another address`);
  }
  const prefix = parseWithPrefix(text);
  if (prefix !== undefined) {
    const again = parseWithPrefix(formatWithPrefix(prefix.address, prefix.prefixLength));
    if (again?.prefixLength !== prefix.prefixLength) throw new Error(`${text} is another prefix`);
  }
}

export const parsersTarget: FuzzTarget = {
  name: 'parsers',
  shortRun: 3_000,
  run(seed) {
    const random = seededRandom(seed);
    for (let count = 0; count < 4; count += 1) parseBytes(random);
    parseText(random);
  },
};
