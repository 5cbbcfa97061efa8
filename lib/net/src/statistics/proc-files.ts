/** What the stack knows, as the text files that Linux has below /proc/net (proc(5)). */
import type { Endpoint, IpAddress } from '../address.ts';
import type { Counters } from '../environment.ts';
import { socketDatagram, socketStream } from '../generated/shared-memory.ts';
import type { Interface } from '../interface/interface.ts';
import type { RouteEntry } from '../ip/routing-table.ts';
import { familyV4, field, readEndpoint } from '../sockets/block.ts';
import type { ServiceSocket } from '../sockets/host.ts';

/** Sockets that one file names at most; the rest is left out, and the file's last line says so. */
const mostLines = 4096;

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(digits, '0');
}

/** A word in network order, as Linux prints it: as a little-endian number. */
function swapped(word: number): string {
  const number = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  return hex(number, 8);
}

function addressText(address: IpAddress, isV4: boolean): string {
  if (isV4) return swapped(address.word3);
  return [address.word0, address.word1, address.word2, address.word3].map(swapped).join('');
}

function endpointText({ address, port }: Endpoint, isV4: boolean): string {
  return `${addressText(address, isV4)}:${hex(port, 4)}`;
}

/** Adds up the counters whose names begin with `drop`. */
export function drops(counters: Counters): number {
  let sum = 0;
  for (const [name, value] of Object.entries(counters)) if (name.startsWith('drop')) sum += value;
  return sum;
}

/** /proc/net/dev. */
export function renderDevices(interfaces: readonly Interface[]): string {
  const lines = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
  ];
  for (const on of interfaces) {
    const { counters } = on;
    const received = [
      counters.receivedBytes ?? 0,
      counters.receivedPackets ?? 0,
      0,
      drops(counters) + drops(on.device.counters),
      0,
      0,
      0,
      counters.receivedMulticast ?? 0,
    ];
    const sent = [counters.sentBytes ?? 0, counters.sentPackets ?? 0, 0, 0, 0, 0, 0, 0];
    lines.push(`${on.name.padStart(6)}: ${received.join(' ')} ${sent.join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** /proc/net/route: IPv4 only. */
export function renderRoutes(routes: readonly RouteEntry[]): string {
  const lines = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  ];
  const up = 1;
  const viaGateway = 2;
  for (const route of routes) {
    if (!route.destination.isV4) continue;
    const mask = route.prefixLength === 0 ? 0 : -1 << (32 - route.prefixLength);
    const fields = [
      route.interface.name,
      swapped(route.destination.word3),
      swapped(route.gateway?.word3 ?? 0),
      hex(up | (route.gateway === null ? 0 : viaGateway), 4),
      '0',
      '0',
      String(route.metric),
      swapped(mask),
      '0',
      '0',
      '0',
    ];
    lines.push(fields.join('\t'));
  }
  return `${lines.join('\n')}\n`;
}

/** /proc/net/ipv6_route, which has no heading: destination, source and next hop, each with a prefix length. */
export function renderRoutes6(routes: readonly RouteEntry[]): string {
  const up = 1;
  const viaGateway = 2;
  const none = '0'.repeat(32);
  let text = '';
  for (const { destination, prefixLength, gateway, metric, interface: on } of routes) {
    if (destination.isV4) continue;
    const words = ({ word0, word1, word2, word3 }: RouteEntry['destination']): string =>
      [word0, word1, word2, word3]
        .map((word) => hex(word >>> 0, 8))
        .join('')
        .toLowerCase();
    const fields = [
      words(destination),
      hex(prefixLength, 2).toLowerCase(),
      none,
      '00',
      gateway === null ? none : words(gateway),
      hex(metric, 8).toLowerCase(),
      '00000000',
      '00000000',
      hex(up | (gateway === null ? 0 : viaGateway), 8).toLowerCase(),
    ];
    text += `${fields.join(' ')} ${on.name.padStart(8)}\n`;
  }
  return text;
}

/** Which of the socket files: kind of sockets and family. */
export interface SocketFile {
  readonly name: 'tcp' | 'tcp6' | 'udp' | 'udp6';
  readonly kind: number;
  readonly isV4: boolean;
}

export const socketFiles: readonly SocketFile[] = [
  { name: 'tcp', kind: socketStream, isV4: true },
  { name: 'tcp6', kind: socketStream, isV4: false },
  { name: 'udp', kind: socketDatagram, isV4: true },
  { name: 'udp6', kind: socketDatagram, isV4: false },
];

/** /proc/net/tcp and its like. */
export function renderSockets(sockets: Iterable<ServiceSocket>, file: SocketFile): string {
  const address = file.isV4 ? ' ' : `${' '.repeat(25)}`;
  const lines = [
    `  sl  local_address${address}rem_address${address}st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode`,
  ];
  let left = 0;
  for (const socket of sockets) {
    const { words, block } = socket;
    if (words[block + field.kind] !== file.kind) continue;
    if ((socket.family === familyV4) !== file.isV4) continue;
    if (lines.length > mostLines) left += 1;
    else lines.push(socketLine(socket, lines.length - 1, file.isV4));
  }
  if (left > 0) lines.push(`  ... ${left} more`);
  return `${lines.join('\n')}\n`;
}

function socketLine(socket: ServiceSocket, number: number, isV4: boolean): string {
  const { words, block } = socket;
  const { memory } = socket.host.parts.environment;
  const word = (at: number): number => words[block + at] as number;
  const sending = word(field.sendHead) - word(field.sendTail);
  const receiving = word(field.receiveHead) - word(field.receiveTail);
  return [
    `${String(number).padStart(4)}:`,
    endpointText(readEndpoint(memory, block + field.localEndpoint), isV4),
    endpointText(readEndpoint(memory, block + field.peerEndpoint), isV4),
    hex(socket.state, 2),
    `${hex(sending, 8)}:${hex(receiving, 8)}`,
    '00:00000000 00000000     0        0',
    socket.id,
  ].join(' ');
}
