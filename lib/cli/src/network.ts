// The virtual machine's network, as arguments for QEMU: a device for the guest, and what it is plugged
// into. Sources: qemu-system-x86_64(1), options -netdev, -device and -object filter-dump.
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { ToolError } from './command.ts';

/** Network devices of QEMU that the guest has a driver for. */
export const networkDevices = ['virtio-net-pci', 'e1000'] as const;

/** A network device of QEMU. */
export type NetworkDeviceName = (typeof networkDevices)[number];

/** A port of this host that leads to a port of the guest, through QEMU's user network. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** IPv4 address of this host to listen on; 127.0.0.1 keeps it to this host. */
  readonly address: string;
  /** Port of this host. */
  readonly host: number;
  /** Port of the guest. */
  readonly guest: number;
}

/** The guest's network device and what it is plugged into: by default QEMU's user network. */
export interface NetworkOptions {
  /** By default virtio-net-pci. */
  readonly device?: NetworkDeviceName | undefined;
  /** The device's address, such as 52:54:00:12:34:56, which is the default. */
  readonly mac?: string | undefined;
  /** Ports that lead into the user network. */
  readonly forward?: readonly PortForward[] | undefined;
  /** An existing TAP device of this host to use instead of the user network. */
  readonly tap?: string | undefined;
  /**
   * UDP ports of 127.0.0.1 to use instead of the user network: each datagram is a frame, QEMU receives
   * at `local` and sends to `remote`.
   */
  readonly datagram?: { readonly local: number; readonly remote: number } | undefined;
  /** False takes checksum and segmentation offload from a virtio device, to see finished frames. */
  readonly offload?: boolean | undefined;
  /** A file for a capture of all frames, in pcap format. */
  readonly pcap?: string | undefined;
}

const largestPort = 65_535;
/** Where forwarded ports listen unless told otherwise: reachable from this host only. */
export const loopback = '127.0.0.1';
/** How far above a taken port a free one is looked for. */
const portSearch = 100;
/** What a virtio-net device may do for the guest, as QEMU names it. */
const virtioOffloads = ['csum', 'guest_csum', 'gso', 'guest_tso4', 'guest_tso6', 'host_tso4'];
const moreVirtioOffloads = ['host_tso6', 'guest_ecn', 'host_ecn', 'guest_ufo', 'host_ufo'];

/** Doubles commas, which separate the parts of QEMU's arguments. */
export function escapeComma(text: string): string {
  return text.replaceAll(',', ',,');
}

/**
 * Builds QEMU's arguments for a network.
 * @param options the network; undefined for a machine without one
 * @returns the arguments
 */
export function networkArguments(options: NetworkOptions | undefined): string[] {
  if (options === undefined) return [];
  const device = options.device ?? 'virtio-net-pci';
  const properties = [
    device,
    'netdev=net0',
    // No boot ROM: nothing boots from this device, and Debian keeps the ROMs in a package of their own.
    'romfile=',
    ...(options.mac === undefined ? [] : [`mac=${options.mac}`]),
    ...(options.offload === false && device === 'virtio-net-pci'
      ? [...virtioOffloads, ...moreVirtioOffloads].map((name) => `${name}=off`)
      : []),
  ];
  return [
    ...['-netdev', backend(options), '-device', properties.join(',')],
    ...(options.pcap === undefined
      ? []
      : ['-object', `filter-dump,id=capture0,netdev=net0,file=${escapeComma(options.pcap)}`]),
  ];
}

function backend({ tap, datagram, forward = [] }: NetworkOptions): string {
  if (tap !== undefined) return `tap,id=net0,ifname=${escapeComma(tap)},script=no,downscript=no`;
  if (datagram !== undefined) {
    const end = (name: string, port: number) =>
      `${name}.type=inet,${name}.host=${loopback},${name}.port=${port}`;
    return `dgram,id=net0,${end('local', datagram.local)},${end('remote', datagram.remote)}`;
  }
  const rules = forward.map(
    ({ protocol, address, host, guest }) => `hostfwd=${protocol}:${address}:${host}-:${guest}`,
  );
  return ['user,id=net0,ipv4=on,ipv6=on', ...rules].join(',');
}

function parsePort(text: string, what: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > largestPort) {
    throw new ToolError(
      `${JSON.stringify(text)} is no port of the ${what}: 1 to ${largestPort} is.`,
    );
  }
  return port;
}

/**
 * Parses a port to forward: `[address:]host[:guest][/udp]`, such as `8080`, `8000:8080`,
 * `0.0.0.0:80:8080` or `5353:53/udp`.
 * @param text what the user wrote
 * @returns the forwarding; the guest's port is the host's when there is one number only
 * @throws ToolError that says what is wrong
 */
export function parseForward(text: string): PortForward {
  const match =
    /^(?:(?<address>\d+(?:\.\d+){3}):)?(?<host>\d+)(?::(?<guest>\d+))?(?:\/(?<protocol>tcp|udp))?$/.exec(
      text,
    );
  const { address, host, guest, protocol } = match?.groups ?? {};
  if (host === undefined) {
    throw new ToolError(
      `${JSON.stringify(text)} names no ports. Write host:guest, such as 8000:8080, or ` +
        '0.0.0.0:8000:8080 to let other machines in, or 5353:53/udp.',
    );
  }
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    address: address ?? loopback,
    host: parsePort(host, 'host'),
    guest: parsePort(guest ?? host, 'guest'),
  };
}

/**
 * Tries whether a TCP port can be listened on. Another process may take it a moment later.
 * @param port 1 to 65535
 * @param address IPv4 address of this host
 * @returns the code of the error, such as EADDRINUSE, or undefined when the port is free
 */
export function whyNotFree(port: number, address = loopback): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: address, exclusive: true }, () => {
      server.close(() => resolve(undefined));
    });
  });
}

/**
 * Finds a free TCP port of the loopback address.
 * @param wanted where the search starts
 * @returns `wanted` or a port not far above it
 * @throws ToolError when all of them are taken
 */
export async function findFreePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + portSearch && port <= largestPort; port++) {
    if ((await whyNotFree(port)) === undefined) return port;
  }
  throw new ToolError(
    `No port from ${wanted} to ${wanted + portSearch - 1} is free on this host. Name one with --port.`,
  );
}

/**
 * Refuses ports that the user asked for and that cannot be had.
 * @throws ToolError that says why, and what to do
 */
export async function checkForwards(forwards: readonly PortForward[]): Promise<void> {
  for (const { protocol, address, host, guest } of forwards) {
    if (protocol !== 'tcp') continue;
    const obstacle = await whyNotFree(host, address);
    if (obstacle === undefined) continue;
    const reason =
      {
        EADDRINUSE: 'another program listens on it',
        EACCES: 'this user may not (ports below 1024 need root)',
        EADDRNOTAVAIL: `${address} is no address of this host`,
      }[obstacle] ?? obstacle;
    throw new ToolError(
      `Port ${host} of ${address} cannot be forwarded: ${reason}. Choose another, such as ` +
        `--port ${host < 1024 ? host + 8000 : host + 1}:${guest}.`,
    );
  }
}

/**
 * Refuses a TAP device that does not exist, because QEMU would make one that nothing is plugged into.
 * @param name its name
 * @throws ToolError that says how to make one
 */
export async function checkTap(name: string): Promise<void> {
  const interfaces = await readdir('/sys/class/net').catch((): string[] => []);
  if (interfaces.includes(name)) return;
  throw new ToolError(
    `There is no network device ${name}. Make a TAP device that you may use:\n` +
      `  sudo ip tuntap add dev ${name} mode tap user ${userInfo().username}\n` +
      `  sudo ip address add 10.0.9.1/24 dev ${name}\n` +
      `  sudo ip link set ${name} up\n` +
      'and give the guest its address with a DHCP server on it, such as dnsmasq.',
  );
}
