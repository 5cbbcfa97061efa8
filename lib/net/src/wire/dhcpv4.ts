/**
 * DHCPv4 messages (RFC 2131, section 2; options of RFC 2132, 3396, 3397, 3442).
 *
 * Addresses are the 32 bits of an IPv4 address as a signed integer; times are seconds.
 */
import { read16, read32, write16, write32 } from './bytes.ts';
import { checkDomainName, parseDomainNames } from './domain-names.ts';

/** Values of option 53 (RFC 2132, section 9.6). */
export const dhcpMessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** UDP ports (RFC 2131, section 4.1). */
export const dhcpServerPort = 67;
export const dhcpClientPort = 68;

/** A lease of this many seconds never ends (RFC 2131, section 3.3). */
export const infiniteLease = 0xffffffff;

/** Largest message that we build: the size every server and relay must take (RFC 2131, section 2). */
export const dhcpMessageLimit = 576 - 28;

const fixedLength = 236;
const magicCookie = 0x63825363;
const optionsStart = fixedLength + 4;

const option = {
  pad: 0,
  subnetMask: 1,
  routers: 3,
  nameServers: 6,
  hostName: 12,
  domainName: 15,
  interfaceMtu: 26,
  ntpServers: 42,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  rapidCommit: 80,
  searchList: 119,
  classlessRoutes: 121,
  end: 255,
} as const;

/** What we ask servers for; the order is our preference (RFC 2132, section 9.8; RFC 3442). */
const requestedParameters = [
  option.subnetMask,
  option.classlessRoutes, // before `routers`, as RFC 3442 asks
  option.routers,
  option.nameServers,
  option.domainName,
  option.searchList,
  option.interfaceMtu,
  option.ntpServers,
  option.leaseTime,
  option.renewalTime,
  option.rebindingTime,
];

/** A route of option 121. `gateway` 0: the destination is on the link. */
export interface ClasslessRoute {
  readonly destination: number;
  readonly prefixLength: number;
  readonly gateway: number;
}

/** A server's message: DHCPOFFER, DHCPACK or DHCPNAK. */
export interface DhcpReply {
  readonly type: 'offer' | 'ack' | 'nak';
  readonly transaction: number;
  /** The client's Ethernet address that the server answers. */
  readonly hardwareAddress: Uint8Array;
  /** `yiaddr`: the address for us, 0 in a DHCPNAK. */
  readonly yourAddress: number;
  readonly serverIdentifier: number | undefined;
  /** Option 61 as RFC 6842 has servers echo it. */
  readonly clientIdentifier: Uint8Array | undefined;
  readonly subnetMask: number | undefined;
  readonly leaseTime: number | undefined;
  readonly renewalTime: number | undefined;
  readonly rebindingTime: number | undefined;
  readonly routers: readonly number[];
  readonly nameServers: readonly number[];
  readonly ntpServers: readonly number[];
  readonly domainName: string | undefined;
  readonly searchList: readonly string[];
  readonly mtu: number | undefined;
  /** Option 121; undefined when it is missing, and only then `routers` count. */
  readonly routes: readonly ClasslessRoute[] | undefined;
  /** Option 56: the server's reason for a DHCPNAK, printable ASCII. */
  readonly message: string;
  /** Options that were left out because their content is wrong, for the log. */
  readonly ignored: readonly string[];
  /** Option 80: a DHCPACK that answers a DHCPDISCOVER (RFC 4039). */
  readonly rapidCommit: boolean;
}

/** Why a message was refused. */
export type DhcpRefusal =
  | 'too short'
  | 'not a reply'
  | 'not for Ethernet'
  | 'no magic cookie'
  | 'option truncated'
  | 'no message type'
  | 'not from a server';

/** A message to build. */
export interface DhcpRequest {
  readonly type: 'discover' | 'request' | 'decline' | 'release';
  readonly transaction: number;
  /** Seconds since the client began (`secs`). */
  readonly seconds: number;
  /** The server is to answer by broadcast, as no address is there yet. */
  readonly broadcast: boolean;
  /** `ciaddr`: our address when it is in use, else 0. */
  readonly clientAddress: number;
  readonly hardwareAddress: Uint8Array;
  readonly clientIdentifier: Uint8Array;
  /** Option 50; 0: left out. */
  readonly requestedAddress: number;
  /** Option 54; 0: left out. */
  readonly serverIdentifier: number;
  /** Option 12; undefined: left out. */
  readonly hostName: string | undefined;
  /** Option 56, with DHCPDECLINE. */
  readonly message: string | undefined;
}

/**
 * Reads a server's message.
 * @param offset where the UDP payload begins in `bytes`, `length` bytes of it
 * @returns the message, or why it is refused. An option with wrong content is left out and named in
 * `ignored`; an option that reaches past the end makes the whole message wrong.
 */
export function parseDhcpReply(
  bytes: Uint8Array,
  offset: number,
  length: number,
): DhcpReply | DhcpRefusal {
  if (length < optionsStart) return 'too short';
  if (bytes[offset] !== 2) return 'not a reply';
  if (bytes[offset + 1] !== 1 || bytes[offset + 2] !== 6) return 'not for Ethernet';
  if (read32(bytes, offset + fixedLength) !== magicCookie) return 'no magic cookie';

  const collected = new Map<number, number[]>();
  if (!collect(bytes, offset + optionsStart, offset + length, collected)) return 'option truncated';
  // RFC 2131, section 4.1: options may go on in `file` (bit 0), then in `sname` (bit 1).
  const overload = collected.get(option.overload)?.[0] ?? 0;
  if (overload & 1 && !collect(bytes, offset + 108, offset + 236, collected)) {
    return 'option truncated';
  }
  if (overload & 2 && !collect(bytes, offset + 44, offset + 108, collected)) {
    return 'option truncated';
  }
  const options = new Map<number, Uint8Array>();
  for (const [code, content] of collected) options.set(code, Uint8Array.from(content));

  const types = options.get(option.messageType);
  if (types === undefined || types.length !== 1) return 'no message type';
  const type = replyType(types[0] as number);
  if (type === undefined) return 'not from a server';

  const ignored: string[] = [];
  const reader = new OptionReader(options, ignored);
  return {
    type,
    transaction: read32(bytes, offset + 4),
    yourAddress: read32(bytes, offset + 16),
    hardwareAddress: bytes.slice(offset + 28, offset + 34),
    serverIdentifier: reader.word(option.serverIdentifier, 'server identifier'),
    clientIdentifier: options.get(option.clientIdentifier),
    subnetMask: reader.word(option.subnetMask, 'subnet mask'),
    leaseTime: unsigned(reader.word(option.leaseTime, 'lease time')),
    renewalTime: unsigned(reader.word(option.renewalTime, 'renewal time')),
    rebindingTime: unsigned(reader.word(option.rebindingTime, 'rebinding time')),
    routers: reader.words(option.routers, 'routers'),
    nameServers: reader.words(option.nameServers, 'name servers'),
    ntpServers: reader.words(option.ntpServers, 'NTP servers'),
    domainName: reader.domainName(),
    searchList: reader.searchList(),
    mtu: reader.mtu(),
    routes: reader.routes(),
    message: reader.message(),
    ignored,
    rapidCommit: options.has(option.rapidCommit),
  };
}

/**
 * Writes a client's message.
 * @returns its length in bytes, at least 300 (old relays drop shorter ones, RFC 1542, section 2.1)
 */
export function emitDhcpRequest(bytes: Uint8Array, offset: number, request: DhcpRequest): number {
  bytes.fill(0, offset, offset + 300);
  bytes[offset] = 1;
  bytes[offset + 1] = 1;
  bytes[offset + 2] = 6;
  write32(bytes, offset + 4, request.transaction);
  write16(bytes, offset + 8, Math.min(request.seconds, 0xffff));
  if (request.broadcast) bytes[offset + 10] = 0x80;
  write32(bytes, offset + 12, request.clientAddress);
  bytes.set(request.hardwareAddress, offset + 28);
  write32(bytes, offset + fixedLength, magicCookie);

  let at = offset + optionsStart;
  const put = (code: number, content: ArrayLike<number>) => {
    bytes[at] = code;
    bytes[at + 1] = content.length;
    bytes.set(content, at + 2);
    at += 2 + content.length;
  };
  const putWord = (code: number, word: number) =>
    put(code, [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]);

  put(option.messageType, [dhcpMessageType[request.type]]);
  put(option.clientIdentifier, request.clientIdentifier);
  if (request.requestedAddress !== 0) putWord(option.requestedAddress, request.requestedAddress);
  if (request.serverIdentifier !== 0) putWord(option.serverIdentifier, request.serverIdentifier);
  if (request.message !== undefined) put(option.message, toAscii(request.message));
  if (request.type === 'discover') put(option.rapidCommit, []);
  // RFC 2131, table 5: these belong to DISCOVER and REQUEST only.
  if (request.type === 'discover' || request.type === 'request') {
    put(option.parameterRequestList, requestedParameters);
    put(option.maximumMessageSize, [1500 >>> 8, 1500 & 0xff]);
    if (request.hostName !== undefined) put(option.hostName, toAscii(request.hostName));
  }
  bytes[at] = option.end;
  return Math.max(at + 1 - offset, 300);
}

/**
 * Length of the prefix that a subnet mask stands for.
 * @returns undefined when its ones are not contiguous
 */
export function prefixLengthOfMask(mask: number): number | undefined {
  const length = Math.clz32(~mask);
  return mask === maskOfPrefixLength(length) ? length : undefined;
}

/** The mask with `length` leading ones, 0 to 32. */
export function maskOfPrefixLength(length: number): number {
  return length === 0 ? 0 : (-1 << (32 - length)) | 0;
}

/** Collects options, those of the same code joined (RFC 3396, section 7). False: one is truncated. */
function collect(
  bytes: Uint8Array,
  from: number,
  end: number,
  options: Map<number, number[]>,
): boolean {
  let at = from;
  while (at < end) {
    const code = bytes[at] as number;
    if (code === option.end) return true;
    at += 1;
    if (code === option.pad) continue;
    if (at >= end) return false;
    const length = bytes[at] as number;
    at += 1;
    if (at + length > end) return false;
    const content = options.get(code) ?? [];
    for (let index = 0; index < length; index++) content.push(bytes[at + index] as number);
    options.set(code, content);
    at += length;
  }
  return true;
}

/** Reads the collected options; what is wrong is noted in `ignored`. */
class OptionReader {
  readonly #options: Map<number, Uint8Array>;
  readonly #ignored: string[];

  constructor(options: Map<number, Uint8Array>, ignored: string[]) {
    this.#options = options;
    this.#ignored = ignored;
  }

  word(code: number, name: string): number | undefined {
    const content = this.#options.get(code);
    if (content === undefined) return undefined;
    if (content.length !== 4) return this.#ignore(name);
    return read32(content, 0);
  }

  words(code: number, name: string): number[] {
    const content = this.#options.get(code);
    if (content === undefined) return [];
    if (content.length === 0 || content.length % 4 !== 0) {
      this.#ignore(name);
      return [];
    }
    const words: number[] = [];
    for (let at = 0; at < content.length; at += 4) words.push(read32(content, at));
    return words;
  }

  domainName(): string | undefined {
    const content = this.#options.get(option.domainName);
    if (content === undefined) return undefined;
    return checkDomainName(toText(content)) ?? this.#ignore('domain name');
  }

  searchList(): string[] {
    const content = this.#options.get(option.searchList);
    if (content === undefined) return [];
    const names = parseDomainNames(content, 0, content.length, true, false);
    if (typeof names !== 'string') return names;
    this.#ignore('search list');
    return [];
  }

  mtu(): number | undefined {
    const content = this.#options.get(option.interfaceMtu);
    if (content === undefined) return undefined;
    const mtu = content.length === 2 ? read16(content, 0) : 0;
    // RFC 2132, section 5.1 allows 68 and up; less than 576 cannot carry what hosts must accept.
    return mtu >= 576 ? mtu : this.#ignore('interface MTU');
  }

  /** RFC 3442: width, as many bytes of the destination as it needs, gateway. */
  routes(): ClasslessRoute[] | undefined {
    const content = this.#options.get(option.classlessRoutes);
    if (content === undefined) return undefined;
    const routes: ClasslessRoute[] = [];
    let at = 0;
    while (at < content.length) {
      const prefixLength = content[at] as number;
      const significant = (prefixLength + 7) >> 3;
      if (prefixLength > 32 || at + 1 + significant + 4 > content.length) {
        return this.#ignore('classless routes');
      }
      let destination = 0;
      for (let index = 0; index < significant; index++) {
        destination |= (content[at + 1 + index] as number) << (24 - 8 * index);
      }
      destination &= maskOfPrefixLength(prefixLength);
      routes.push({ destination, prefixLength, gateway: read32(content, at + 1 + significant) });
      at += 1 + significant + 4;
    }
    return routes.length > 0 ? routes : this.#ignore('classless routes');
  }

  message(): string {
    const content = this.#options.get(option.message) ?? new Uint8Array(0);
    return toText(content.filter((byte) => byte >= 0x20 && byte < 0x7f));
  }

  #ignore(name: string): undefined {
    this.#ignored.push(name);
    return undefined;
  }
}

function replyType(type: number): DhcpReply['type'] | undefined {
  switch (type) {
    case dhcpMessageType.offer:
      return 'offer';
    case dhcpMessageType.ack:
      return 'ack';
    case dhcpMessageType.nak:
      return 'nak';
    default:
      return undefined;
  }
}

function unsigned(word: number | undefined): number | undefined {
  return word === undefined ? undefined : word >>> 0;
}

function toText(content: Uint8Array): string {
  // Some servers end strings with NUL (RFC 2132, section 2 has clients cope with it). Without a regular expression, as
  // the first one costs a machine that starts milliseconds.
  let { length } = content;
  while (length > 0 && content[length - 1] === 0) length--;
  return String.fromCharCode(...content.subarray(0, length));
}

/** At most 63 bytes of printable ASCII. */
function toAscii(text: string): number[] {
  return [...text.replace(/[^ -~]/g, '?').slice(0, 63)].map((letter) => letter.charCodeAt(0));
}
