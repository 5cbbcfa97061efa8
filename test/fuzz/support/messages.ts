/** Messages of servers and routers, which stacks only receive. */
import { anyV4, IpAddress } from '@runtimejs/net/address.ts';
import { icmpFrame, ipFrame, udpBytes, type Way } from '../../sim/support/frames.ts';
import {
  advertisement,
  mtuOption,
  nameServerOption,
  prefixOption,
  routeOption,
  searchOption,
} from '../../unit/net-ipv6-fixtures.ts';

const router = new IpAddress(0xfe800000, 0, 0, 1);
const allNodes = new IpAddress(0xff020000, 0, 0, 1);
const server = IpAddress.v4(0x0a000202);
/** From a DHCP server to a client that has no address yet. */
export const serverWay: Way = { source: server, destination: IpAddress.v4(0x0a00020f), to: 1 };

/** A DHCP server's message to a transaction and Ethernet address, as UDP payload. */
export function dhcpPayload(
  type: number,
  transaction: Uint8Array,
  hardware: Uint8Array,
): Uint8Array {
  const options = [
    ...[53, 1, type, 54, 4, 10, 0, 2, 2, 51, 4, 0, 1, 0x51, 0x80, 58, 4, 0, 0, 0xa8, 0xc0],
    ...[
      1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 8, 10, 0, 2, 3, 8, 8, 8, 8, 28, 4, 10, 0, 2,
      255,
    ],
    ...[15, 5, 108, 111, 99, 97, 108, 26, 2, 5, 0xdc],
    ...[119, 9, 3, 97, 98, 99, 2, 100, 101, 0xc0, 0],
    ...[121, 12, 24, 192, 168, 7, 10, 0, 2, 2, 0, 10, 0, 2],
    ...[56, 3, 110, 111, 33, 255],
  ];
  const bytes = new Uint8Array(240 + options.length);
  bytes.set([2, 1, 6, 0]);
  bytes.set(transaction, 4);
  bytes.set([10, 0, 2, 15], 16);
  bytes.set(hardware, 28);
  bytes.set([99, 130, 83, 99], 236);
  bytes.set(options, 240);
  return bytes;
}

/** Offers and acknowledgements. */
export function offers(): Uint8Array[] {
  const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1);
  return [2, 5, 6].map((type) => {
    const payload = dhcpPayload(type, Uint8Array.of(1, 2, 3, 4), hardware);
    return ipFrame(serverWay, 17, udpBytes(serverWay, 67, 68, payload));
  });
}

/** Router advertisements with all options, and IGMP queries. */
export function ownFrames(): Uint8Array[] {
  const query = Uint8Array.of(0x11, 100, 0xee, 0x9b, 0, 0, 0, 0);
  const groups: Way = {
    source: IpAddress.v4(0x0a000001),
    destination: IpAddress.v4(0xe0000001 | 0),
    to: 1,
  };
  return [
    Uint8Array.from(
      advertisement({
        options: [
          prefixOption('2001:db8::'),
          mtuOption(1400),
          nameServerOption(600, '2001:db8::53', 'fe80::1'),
          searchOption(600, 'example.org'),
          routeOption('2001:db8:7::', 48, 1, 600),
        ],
      }),
    ),
    Uint8Array.from(advertisement()),
    ipFrame(groups, 2, query, { hopLimit: 1 }),
    ipFrame({ ...groups, source: anyV4 }, 2, Uint8Array.of(0x22, 0, 0, 0, 0, 0, 0, 0), {
      hopLimit: 1,
    }),
  ];
}

/** A general MLDv2 query. */
export function mldQuery(): Uint8Array {
  const body = new Uint8Array(20);
  body.set([2, 125], 16);
  return icmpFrame({ source: router, destination: allNodes, to: 1 }, 130, 0, 1000 << 16, body, {
    hopLimit: 1,
  });
}
