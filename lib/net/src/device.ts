/** What the stack asks of a network device: virtio-net, e1000, loopback, a simulated wire, a decorator. */
import type { Counters } from './environment.ts';
import type { Packet } from './packet.ts';

/** What a device does by itself. */
export interface Offloads {
  /** Fills in the transport checksum of packets marked `partial`, for TCP and UDP over both IPs. */
  readonly transmitChecksum: boolean;
  /** Largest TCP packet over IPv4, IP header included, that the device cuts into segments; 0: none. */
  readonly segmentation4: number;
  /** The same over IPv6. */
  readonly segmentation6: number;
}

/** Room that every packet from allocate() has before its content: device, link and IP headers. */
export const packetHeadroom = 128;

/** Who takes what a device receives. Called from within poll() only. */
export interface DeviceReceiver {
  /** Takes a frame (an IP packet on a device without link layer) and its ownership. */
  receive(packet: Packet): void;
  /** The link went up or down. */
  linkChanged(up: boolean): void;
}

/** A network device. Nothing here blocks. */
export interface NetworkDevice {
  /** For logs and counters: the driver with a number, e.g. `virtio-net0`. */
  readonly name: string;
  /** `ethernet`: frames with a 14-byte header. `loopback`: IP packets. */
  readonly kind: 'ethernet' | 'loopback';
  /** The 6 bytes of the MAC address; zeroes for loopback. */
  readonly hardwareAddress: Uint8Array;
  /** Largest IP packet in bytes that can be sent. */
  readonly mtu: number;
  readonly offloads: Offloads;
  readonly linkUp: boolean;
  readonly counters: Counters;
  /** Names who receives; once, before the first poll(). */
  attach(receiver: DeviceReceiver): void;
  /**
   * A packet with packetHeadroom bytes of headroom and room for `size` bytes of content behind it.
   * @returns null when all are in use (counted): the caller drops what it wanted to send
   */
  allocate(size: number): Packet | null;
  /** Sends a packet made by allocate() of this device, and takes its ownership. A packet that cannot be
   * sent is released and counted. */
  transmit(packet: Packet): void;
  /** Tells the device of the packets given to transmit() since the last flush(). */
  flush(): void;
  /**
   * Hands up what was received, at most `budget` packets, and takes back what was sent.
   * @returns true when there is more to do at once
   */
  poll(budget: number): boolean;
  /** Turns the wake-up on receipt off (the stack polls anyway) or on. After turning it on, returns true when
   * something arrived meanwhile: poll again. */
  armInterrupt(on: boolean): boolean;
  /** Receives frames to this Ethernet multicast address from now on, or no longer. */
  setMulticast(address: Uint8Array, join: boolean): void;
}
