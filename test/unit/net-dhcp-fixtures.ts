/** DHCP messages built and read by code that is not the stack's own, and a stack that is configured by DHCP. */
import {
  configureNetwork,
  type NetworkConfiguration,
  type NetworkSettings,
} from '@runtimejs/net/configuration/configure.ts';
import { ResolverConfiguration } from '@runtimejs/net/resolver/resolver-configuration.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import {
  addressBytes,
  broadcast,
  type DeviceOptions,
  ethernet,
  ipv4,
  ipv4Type,
  openIpv4,
  ourHardware,
  TestStack,
  udp,
  word16,
  word32,
} from './net-ip-fixtures.ts';

export const second = 1_000_000;

/** A stack whose interfaces are configured, and what came of it. */
export class ConfiguredStack extends TestStack {
  readonly resolver: ResolverConfiguration;
  readonly network: NetworkConfiguration;
  readonly resolvTexts: string[] = [];

  constructor(settings: NetworkSettings = {}, options: DeviceOptions = {}) {
    super({ ...options, addresses: false });
    this.resolver = new ResolverConfiguration((text) => this.resolvTexts.push(text));
    const { stack, resolver } = this;
    this.network = configureNetwork({ stack, udp: new Udp(stack), resolver }, settings);
  }

  addresses(): string[] {
    return this.eth0.addresses.map(
      ({ address, prefixLength }) => `${this.text(address)}/${prefixLength}`,
    );
  }

  /** DHCP messages among frames, and everything else left out. */
  requests(frames: number[][] = this.take()): DhcpMessage[] {
    return frames.flatMap((frame) => openDhcp(frame) ?? []);
  }

  /** Waits until a DHCP message is sent, at most `most` microseconds. */
  nextRequest(most = 100 * second): DhcpMessage {
    const end = this.now + most;
    for (;;) {
      const found = this.requests();
      if (found[0] !== undefined) return found[0];
      const next = this.run();
      if (next > end) throw new Error('no DHCP message was sent in time');
      this.environment.clock.now = next;
    }
  }

  private text(address: { isV4: boolean; word3: number }): string {
    return address.isV4
      ? [24, 16, 8, 0].map((shift) => (address.word3 >>> shift) & 255).join('.')
      : 'IPv6';
  }
}

/** A client's message as a server sees it. */
export interface DhcpMessage {
  readonly source: string;
  readonly destination: string;
  readonly to: number[];
  readonly transaction: number[];
  readonly seconds: number;
  readonly flags: number;
  readonly clientAddress: string;
  readonly hardware: number[];
  readonly type: number;
  readonly options: Map<number, number[]>;
}

/** Opens a frame that may be a client's message; checks lengths and checksums. */
export function openDhcp(frame: number[]): DhcpMessage | undefined {
  if (frame[12] !== 0x08 || frame[13] !== 0x00 || frame[23] !== 17) return undefined;
  const packet = openIpv4(frame);
  const { payload } = packet;
  if (payload[0] !== 0 || payload[1] !== 68) return undefined;
  const expected = udp(payload.slice(8), [68, 67], packet.source, packet.destination);
  if (expected.join() !== payload.join()) throw new Error('the UDP header or checksum is wrong');
  const message = payload.slice(8);
  if (message.length < 300) throw new Error(`a message of ${message.length} bytes`);
  if (message.slice(236, 240).join() !== '99,130,83,99') throw new Error('no magic cookie');
  const options = new Map<number, number[]>();
  for (let at = 240; message[at] !== 255; ) {
    if (at >= message.length) throw new Error('no end option');
    const length = message[at + 1] as number;
    options.set(message[at] as number, message.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return {
    source: packet.source,
    destination: packet.destination,
    to: packet.to,
    transaction: message.slice(4, 8),
    seconds: ((message[8] as number) << 8) | (message[9] as number),
    flags: ((message[10] as number) << 8) | (message[11] as number),
    clientAddress: message.slice(12, 16).join('.'),
    hardware: message.slice(28, 34),
    type: options.get(53)?.[0] ?? 0,
    options,
  };
}

export const discover = 1;
export const offer = 2;
export const request = 3;
export const decline = 4;
export const ack = 5;
export const nak = 6;

export interface ReplyFields {
  readonly address?: string;
  readonly server?: string;
  /** Seconds; null leaves the option out. */
  readonly lease?: number | null;
  readonly options?: readonly (readonly [number, number[]])[];
  readonly transaction?: number[];
  readonly hardware?: number[];
  readonly op?: number;
}

/** The UDP payload of a server's answer. */
export function replyPayload(to: DhcpMessage, type: number, fields: ReplyFields = {}): number[] {
  const server = fields.server ?? '10.0.2.2';
  const lease = fields.lease === undefined ? 86_400 : fields.lease;
  const usual: [number, number[]][] = [
    [53, [type]],
    [54, addressBytes(server)],
  ];
  if (type !== nak) {
    if (lease !== null) usual.push([51, word32(lease)]);
    usual.push([1, [255, 255, 255, 0]], [3, addressBytes(server)], [6, [10, 0, 2, 3]]);
  }
  // One that is there twice is a long option in parts (RFC 3396).
  const own = fields.options ?? [];
  const given = [...usual.filter(([code]) => !own.some((one) => one[0] === code)), ...own];
  return [
    fields.op ?? 2,
    1,
    6,
    0,
    ...(fields.transaction ?? to.transaction),
    ...word16(0),
    ...word16(to.flags),
    ...[0, 0, 0, 0],
    ...(type === nak ? [0, 0, 0, 0] : addressBytes(fields.address ?? '10.0.2.15')),
    ...[0, 0, 0, 0, 0, 0, 0, 0],
    ...(fields.hardware ?? to.hardware),
    ...new Array<number>(202).fill(0),
    ...[99, 130, 83, 99],
    ...given.flatMap(([code, content]) => [code, content.length, ...content]),
    255,
  ];
}

/** The frame of a payload from a server's port. */
export function fromServer(
  payload: number[],
  server = '10.0.2.2',
  destination = '255.255.255.255',
): number[] {
  return ethernet(
    ipv4Type,
    ipv4({
      source: server,
      destination,
      payload: udp(payload, [67, 68], server, destination),
    }),
    destination === '255.255.255.255' ? broadcast : ourHardware,
  );
}

/** The frame of a server's answer. */
export function reply(to: DhcpMessage, type: number, fields: ReplyFields = {}): number[] {
  return fromServer(replyPayload(to, type, fields), fields.server);
}

/** Has a stack get a lease; returns the request that was acknowledged. */
export function obtain(it: ConfiguredStack, fields: ReplyFields = {}): DhcpMessage {
  const asked = it.nextRequest();
  it.device.inject(reply(asked, offer, fields));
  const requested = it.nextRequest();
  it.device.inject(reply(requested, ack, fields));
  it.run();
  return requested;
}
