/**
 * A virtio network card (virtio 1.2, section 5.1) as a NetworkDevice.
 *
 * Life: probe() negotiates and starts; poll(), transmit() and armInterrupt() run it; a device that
 * asks for a reset gets one and starts again; a device that breaks the rules is reset and given up;
 * stop() leaves it reset, without access to memory.
 */
import {
  type DeviceReceiver,
  type NetworkDevice,
  type Offloads,
  packetHeadroom,
} from '@runtimejs/net/device.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { nicCounters } from '@runtimejs/nic/counters.ts';
import { DmaOwner } from '@runtimejs/nic/dma-owner.ts';
import { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { VirtioDevice } from '@runtimejs/virtio/device.ts';
import { createExchange, type ExchangeBuffer } from '@runtimejs/virtio/exchange.ts';
import type { Features } from '@runtimejs/virtio/features.ts';
import { Virtqueue } from '@runtimejs/virtio/queue.ts';
import type { VirtioTransport } from '@runtimejs/virtio/transport.ts';
import {
  networkConfiguration,
  networkFeature,
  networkStatus,
  queueNumber,
  wishes,
} from './features.ts';
import { headerBytes } from './header.ts';
import { exchangeBytes, ReceiveFilter } from './receive-filter.ts';
import { firstBuffers, Receiver, receiveOffset } from './receiver.ts';
import { Transmitter } from './transmitter.ts';

const ethernetHeader = 14;
const defaultMtu = 1500;
/** IPv4 works with less, IPv6 does not (RFC 8200, section 5). */
const leastMtu = 1280;

const queueLimit = { receive: 256, transmit: 256, control: 8 } as const;
/** Packets for sending: at first, and at most. */
const smallPackets = { initial: 32, limit: 1024 } as const;
const largePackets = { initial: 4, limit: 64 } as const;
const largePacketBytes = 65536;
/** With large receive a frame takes several buffers: larger ones make it fewer. */
const receiveBytes = { single: 2048, large: 4096 } as const;

/**
 * How often the watchdog looks, microseconds: often while something is being sent, else rarely. It
 * is for what no correct machine needs: notifications and interrupts that got lost. Both have been
 * seen, e.g. under QEMU's TCG with exactly one CPU, which drops the fence between the available
 * index and the look at the device's wish; without the watchdog the device would stand still for ever.
 */
const watchdogPeriod = { sending: 100_000, idle: 1_000_000 } as const;
/** A device that asks for a reset more often than this in a row is given up. */
const resetLimit = 5;

/** What the device configuration says at the start. */
interface Identity {
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
}

/** One virtio network card. Made by probe(). */
export class VirtioNetworkDevice implements NetworkDevice {
  readonly kind = 'ethernet';
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
  readonly counters = nicCounters();
  linkUp = false;

  readonly #platform: Platform;
  readonly #device: VirtioDevice;
  readonly #features: Features;
  readonly #receiver: Receiver;
  readonly #transmitter: Transmitter;
  readonly #filter: ReceiveFilter | null;
  #upper: DeviceReceiver | null = null;
  #state: 'running' | 'failed' | 'stopped' = 'running';
  /** What the layer above was told. */
  #reportedLink = false;
  /** Configuration or status may have changed. */
  #mustLook = false;
  #isArmed = false;
  /** An interrupt came since the last poll. */
  #wasInterrupted = false;
  #resetsInARow = 0;
  #cancelWatchdog: () => void = () => {};

  /** @param device negotiated, not running yet. Throws when there is no memory, or no interrupt. */
  constructor(memory: Memory, device: VirtioDevice, dma: DmaOwner) {
    this.name = device.name;
    this.#platform = device.platform;
    this.#device = device;
    this.#features = device.agreed;
    const features = this.#features;
    const identity = readIdentity(device);
    this.hardwareAddress = identity.hardwareAddress;
    this.mtu = identity.mtu;

    this.offloads = offloadsOf(features);
    const canSegment = this.offloads.segmentation4 > 0 || this.offloads.segmentation6 > 0;

    const receiveQueue = createQueue<Packet>(device, dma, queueNumber.receive, queueLimit.receive);
    this.#receiver = new Receiver(
      memory,
      receiveQueue,
      new PacketPool(dma, {
        packetSize: receiveBufferSize(features, this.mtu),
        initial: Math.min(firstBuffers, receiveQueue.size),
        // As many again may be held above before the queue runs empty.
        limit: 2 * receiveQueue.size,
      }),
      this.counters,
    );

    const small = new PacketPool(dma, {
      packetSize: powerOfTwo(packetHeadroom + ethernetHeader + this.mtu, 2048),
      ...smallPackets,
    });
    const large = canSegment
      ? new PacketPool(dma, { packetSize: largePacketBytes, ...largePackets })
      : null;
    this.#transmitter = new Transmitter(
      memory,
      createQueue<Packet>(device, dma, queueNumber.transmit, queueLimit.transmit),
      { small, large, limit: smallPackets.limit + (large === null ? 0 : largePackets.limit) },
      this.counters,
    );
    this.#filter = features.has(networkFeature.controlReceive)
      ? new ReceiveFilter(
          createQueue<ExchangeBuffer>(device, dma, queueNumber.control, queueLimit.control, 2),
          createExchange(dma.allocateDma(exchangeBytes)),
          this.counters,
          (text) => this.#platform.log('warn', `${this.name}: ${text}`),
        )
      : null;
    const problem = this.#start();
    if (problem !== undefined) throw new Error(problem);
    this.#watch();
  }

  attach(receiver: DeviceReceiver): void {
    this.#upper = receiver;
    this.#reportedLink = this.linkUp;
  }

  allocate(size: number): Packet | null {
    return this.#transmitter.allocate(size);
  }

  transmit(packet: Packet): void {
    if (this.#state !== 'running') {
      this.counters.dropSendDown += 1;
      packet.release();
      return;
    }
    this.#transmitter.transmit(packet);
  }

  flush(): void {
    if (this.#state === 'running') this.#transmitter.flush();
  }

  poll(budget: number): boolean {
    const upper = this.#upper;
    if (upper === null) return false;
    this.#wasInterrupted = false;
    if (this.#mustLook) this.#look();
    if (this.linkUp !== this.#reportedLink) {
      this.#reportedLink = this.linkUp;
      this.counters.linkChanges += 1;
      upper.linkChanged(this.linkUp);
    }
    if (this.#state !== 'running') return false;
    this.#transmitter.reclaim();
    this.#transmitter.flush();
    const taken = this.#receiver.poll(budget, upper);
    if (taken > 0) this.#receiver.fill();
    if (this.#filter?.isBusy === true) this.#filter.poll(this.#platform.now());
    this.#checkRules();
    return taken >= budget && this.#receiver.queue.hasUsed;
  }

  armInterrupt(on: boolean): boolean {
    this.#isArmed = on;
    if (this.#state !== 'running') return this.linkUp !== this.#reportedLink;
    if (!on) {
      this.#receiver.queue.disableInterrupts();
      return false;
    }
    // Buffers that the layers above gave back since the last poll.
    this.#receiver.fill();
    const hasReceived = this.#receiver.queue.enableInterrupts();
    const hasSent = this.#transmitter.arm();
    return hasReceived || hasSent || this.#mustLook;
  }

  setMulticast(address: Uint8Array, join: boolean): void {
    // Without a filter to set, the device hands over all multicast frames.
    this.#filter?.setMulticast(address, join, this.#platform.now());
  }

  /** Takes the device out of service: when it returns, the device accesses no memory. */
  stop(): void {
    if (this.#state === 'stopped') return;
    if (this.#state === 'running') this.#quiesce();
    this.#state = 'stopped';
    this.linkUp = false;
    this.#cancelWatchdog();
  }

  /** Gives the queues to the device and lets it run. @returns what went wrong */
  #start(): string | undefined {
    const device = this.#device;
    device.transport.openInterrupts(
      () => {
        this.counters.interrupts += 1;
        this.#wasInterrupted = true;
      },
      () => {
        this.counters.interrupts += 1;
        this.#mustLook = true;
      },
    );
    const problem =
      device.enableQueue(queueNumber.receive, this.#receiver.queue) ??
      device.enableQueue(queueNumber.transmit, this.#transmitter.queue) ??
      (this.#filter === null
        ? undefined
        : device.enableQueue(queueNumber.control, this.#filter.queue));
    if (problem !== undefined) return problem;
    this.#receiver.start(this.#features);
    this.#transmitter.start(this.#features);
    device.ready();
    this.linkUp = this.#readLink();
    this.#receiver.fill();
    if (this.#filter !== null) {
      this.#filter.queue.enableInterrupts();
      this.#filter.restart(this.#platform.now());
    }
    if (this.#isArmed) this.#receiver.queue.enableInterrupts();
    return undefined;
  }

  /** Stops the device and takes all buffers back that it surely has let go of. */
  #quiesce(): void {
    const isSilent = this.#device.stop();
    if (isSilent) {
      this.#receiver.queue.drain((packet) => packet.release());
      this.#transmitter.queue.drain((packet) => packet.release());
      this.#filter?.queue.drain((exchange) => {
        this.#filter?.drained(exchange.arrived().finish());
      });
    } else {
      // It may still write into the buffers: they are lost, which is better than damaged memory.
      this.#platform.log('error', `${this.name}: does not stop; its buffers stay set aside`);
    }
    this.#transmitter.dropBacklog();
  }

  /** Link, and whether the device asks for a reset. */
  #look(): void {
    this.#mustLook = false;
    if (this.#state !== 'running') return;
    if (this.#device.needsReset) this.#restart();
    else this.linkUp = this.#readLink();
  }

  #readLink(): boolean {
    if (!this.#features.has(networkFeature.status)) return true;
    const status = this.#device.readConfiguration((transport) =>
      transport.readConfiguration(networkConfiguration.status, 2),
    );
    return (status & networkStatus.linkUp) !== 0;
  }

  /** The device has an error of its own (2.1.2): it starts again with the same features. */
  #restart(): void {
    this.#resetsInARow += 1;
    this.counters.resets += 1;
    if (this.#resetsInARow > resetLimit) {
      this.#fail(`asked for a reset ${this.#resetsInARow} times in a row`);
      return;
    }
    this.#platform.log('warn', `${this.name}: asked for a reset and gets it`);
    this.#quiesce();
    const problem =
      this.#device.negotiate(wishes) ??
      (this.#device.agreed.equals(this.#features) ? undefined : 'it offers other features now') ??
      this.#start();
    if (problem !== undefined) this.#fail(problem);
  }

  /** Gives the device up when it broke the rules: nothing that it says is believed from then on. */
  #checkRules(): void {
    const reason =
      this.#receiver.violation ??
      this.#receiver.queue.violation ??
      this.#transmitter.queue.violation ??
      this.#filter?.queue.violation ??
      null;
    if (reason !== null) this.#fail(reason);
  }

  #fail(reason: string): void {
    this.#platform.log(
      'error',
      `${this.name}: gave the device up: ${reason}. The interface is down until the next boot`,
    );
    this.counters.failures += 1;
    this.#quiesce();
    this.#state = 'failed';
    this.linkUp = false;
  }

  #watch(): void {
    const isSending = this.#transmitter.queue.inFlight > 0;
    const period = isSending ? watchdogPeriod.sending : watchdogPeriod.idle;
    this.#cancelWatchdog = this.#platform.at(this.#platform.now() + period, this.#onWatchdog);
  }

  readonly #onWatchdog = (): void => {
    if (this.#state !== 'running') return;
    const receive = this.#receiver.queue;
    const send = this.#transmitter.queue;
    // A lost interrupt: the turn of the loop that runs this timer polls as well, and takes them.
    if (receive.interruptsOn && receive.hasUsed && !this.#wasInterrupted) {
      this.counters.watchdogFound += 1;
    }
    this.#transmitter.reclaim();
    if (send.kickIfStuck(true)) this.counters.watchdogKicks += 1;
    // Buffers for receiving wait by nature: they are announced again once, and that says nothing.
    receive.kickIfStuck(false);
    if (this.#filter?.isBusy === true && this.#filter.queue.kickIfStuck(true)) {
      this.counters.watchdogKicks += 1;
    }
    // The interrupt that tells of a link change or of the device's own failure may get lost, too.
    if (send.inFlight === 0) {
      this.#mustLook = true;
      if (!this.#device.needsReset) this.#resetsInARow = 0;
    }
    this.#watch();
  };
}

/**
 * Starts one virtio network card.
 * @param memory what DMA memory is part of
 * @param name for messages and counters
 * @returns the device, or what is wrong with it
 */
export function probe(
  platform: Platform,
  memory: Memory,
  transport: VirtioTransport,
  name: string,
): VirtioNetworkDevice | string {
  const device = new VirtioDevice(platform, transport, name);
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  const dma = new DmaOwner(platform);
  try {
    return new VirtioNetworkDevice(memory, device, dma);
  } catch (error) {
    if (device.stop()) dma.freeAll();
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Tells what a card is like, without starting it: it is left reset.
 * @returns the same as the device itself would tell, or what is wrong with it
 */
export function identify(
  platform: Platform,
  transport: VirtioTransport,
): (Identity & { readonly offloads: Offloads }) | string {
  const device = new VirtioDevice(platform, transport, transport.name);
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  const identity = readIdentity(device);
  device.stop();
  return { ...identity, offloads: offloadsOf(device.agreed) };
}

function offloadsOf(features: Features): Offloads {
  const largest = largePacketBytes - packetHeadroom;
  return {
    transmitChecksum: features.has(networkFeature.checksum),
    segmentation4: features.has(networkFeature.hostTso4) ? largest : 0,
    segmentation6: features.has(networkFeature.hostTso6) ? largest : 0,
  };
}

function createQueue<Buffer extends object>(
  device: VirtioDevice,
  dma: DmaOwner,
  index: number,
  limit: number,
  longestChain = 1,
): Virtqueue<Buffer> {
  const size = device.queueSize(index, limit);
  if (size === 0) throw new Error(`it has no queue ${index}`);
  return new Virtqueue<Buffer>(dma, { size, longestChain });
}

function readIdentity(device: VirtioDevice): Identity {
  const features = device.agreed;
  const { hardwareAddress, mtu } = device.readConfiguration((transport) => {
    const bytes = new Uint8Array(6);
    for (let at = 0; at < 6; at++) {
      bytes[at] = transport.readConfiguration(networkConfiguration.mac + at, 1);
    }
    return {
      hardwareAddress: bytes,
      mtu: features.has(networkFeature.mtu)
        ? transport.readConfiguration(networkConfiguration.mtu, 2)
        : defaultMtu,
    };
  });
  const isUnicast = ((hardwareAddress[0] as number) & 1) === 0;
  if (
    !features.has(networkFeature.mac) ||
    !isUnicast ||
    hardwareAddress.every((byte) => byte === 0)
  ) {
    // Locally administered (RFC 9542, section 2.1); differs between devices, and mostly between boots.
    let seed = Math.floor(device.platform.now()) % 2 ** 32;
    for (const character of device.transport.name) {
      seed = (Math.imul(seed, 31) + (character.codePointAt(0) as number)) >>> 0;
    }
    hardwareAddress.set([
      0x02,
      0x52,
      seed >>> 24,
      (seed >>> 16) & 255,
      (seed >>> 8) & 255,
      seed & 255,
    ]);
    device.platform.log('warn', `${device.name}: has no MAC address of its own, made one up`);
  }
  if (mtu < leastMtu) {
    device.platform.log('warn', `${device.name}: ignored its MTU of ${mtu}, less than ${leastMtu}`);
    return { hardwareAddress, mtu: defaultMtu };
  }
  return { hardwareAddress, mtu };
}

/** A power of two that holds `bytes`, at least `least`. */
function powerOfTwo(bytes: number, least: number): number {
  let size = least;
  while (size < bytes) size *= 2;
  return size;
}

function receiveBufferSize(features: Features, mtu: number): number {
  if (features.has(networkFeature.mergeableBuffers)) {
    const isLarge =
      features.has(networkFeature.guestTso4) || features.has(networkFeature.guestTso6);
    return isLarge ? receiveBytes.large : receiveBytes.single;
  }
  return powerOfTwo(receiveOffset + headerBytes + ethernetHeader + mtu, receiveBytes.single);
}
