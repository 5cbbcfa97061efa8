/** An 8254x Gigabit network card as a NetworkDevice. Life: probe(), running, failed or stopped. */
import type { DeviceReceiver, NetworkDevice, Offloads } from '@runtimejs/net/device.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { nicCounters } from '@runtimejs/nic/counters.ts';
import { DmaOwner } from '@runtimejs/nic/dma-owner.ts';
import { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { InterruptSet } from '@runtimejs/pci/interrupts.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { Card, receiveCauses } from './card.ts';
import { ReceiveRing, receiveBufferBytes } from './receive-ring.ts';
import {
  cause,
  receiveChecksum,
  receiveControl,
  register,
  transmitControl,
  transmitGapCopper,
} from './registers.ts';
import { TransmitRing } from './transmit-ring.ts';

const mtu = 1500;
const offloads: Offloads = { transmitChecksum: true, segmentation4: 0, segmentation6: 0 };
const registersBar = 0;
const ringSize = 256;
const sendPackets = { initial: 32, limit: 1024 } as const;
/**
 * How often the watchdog looks, microseconds: for a lost interrupt (an edge missed on a shared line)
 * or a tail write that the card missed, after which nothing would ever move again.
 */
const watchdogPeriod = { sending: 100_000, idle: 1_000_000 } as const;

/** One card. Made by probe(). */
export class E1000Device implements NetworkDevice {
  readonly kind = 'ethernet';
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu = mtu;
  readonly offloads: Offloads = offloads;
  readonly counters = nicCounters();
  linkUp = false;

  readonly #platform: Platform;
  readonly #function: PciFunction;
  readonly #card: Card;
  readonly #receive: ReceiveRing;
  readonly #transmit: TransmitRing;
  readonly #interrupts: InterruptSet;
  #upper: DeviceReceiver | null = null;
  #state: 'running' | 'failed' | 'stopped' = 'running';
  #reportedLink = false;
  #mustReadLink = false;
  /** Interrupts for frames are on; those for the link always are. */
  #isArmed = false;
  /** An interrupt came since the last poll. */
  #wasInterrupted = false;
  #sentProgress = -1;
  #cancelWatchdog: () => void = () => {};

  /** @param card reset. Throws when there is no memory, interrupt or address. */
  constructor(
    platform: Platform,
    pciFunction: PciFunction,
    card: Card,
    dma: DmaOwner,
    name: string,
  ) {
    this.name = name;
    this.#platform = platform;
    this.#function = pciFunction;
    this.#card = card;
    this.hardwareAddress = readAddress(card);
    this.#receive = new ReceiveRing(
      card,
      dma,
      ringSize,
      new PacketPool(dma, {
        packetSize: receiveBufferBytes,
        initial: ringSize,
        limit: 2 * ringSize,
      }),
      this.counters,
    );
    const packets = new PacketPool(dma, { packetSize: 2048, ...sendPackets });
    this.#transmit = new TransmitRing(
      card,
      dma,
      ringSize,
      packets,
      sendPackets.limit,
      mtu,
      this.counters,
    );
    this.#interrupts = pciFunction.openInterrupts(1);
    this.#interrupts.vectors[0]?.onInterrupt(this.#onInterrupt);
    this.#start();
    this.#watch();
  }

  attach(receiver: DeviceReceiver): void {
    this.#upper = receiver;
    this.#reportedLink = this.linkUp;
  }

  allocate(size: number): Packet | null {
    return this.#transmit.allocate(size);
  }

  transmit(packet: Packet): void {
    if (this.#state !== 'running') {
      this.counters.dropSendDown += 1;
      packet.release();
      return;
    }
    this.#transmit.transmit(packet);
  }

  flush(): void {
    if (this.#state === 'running') this.#transmit.flush();
  }

  poll(budget: number): boolean {
    const upper = this.#upper;
    if (upper === null) return false;
    this.#wasInterrupted = false;
    if (this.#mustReadLink && this.#state === 'running') {
      this.#mustReadLink = false;
      this.linkUp = this.#card.linkUp;
    }
    if (this.linkUp !== this.#reportedLink) {
      this.#reportedLink = this.linkUp;
      this.counters.linkChanges += 1;
      upper.linkChanged(this.linkUp);
    }
    if (this.#state !== 'running') return false;
    this.#transmit.reclaim();
    this.#transmit.flush();
    const taken = this.#receive.poll(budget, upper);
    if (this.#receive.violation !== null) {
      this.#fail(this.#receive.violation);
      return false;
    }
    if (taken > 0) this.#receive.fill();
    return taken >= budget && this.#receive.hasReceived;
  }

  armInterrupt(on: boolean): boolean {
    if (this.#state !== 'running') return this.linkUp !== this.#reportedLink;
    if (!on) {
      // Each register access costs an exit to the hypervisor.
      if (this.#isArmed) this.#card.setInterrupts(receiveCauses | cause.sent, false);
      this.#isArmed = false;
      return false;
    }
    this.#receive.fill();
    if (!this.#isArmed) {
      this.#isArmed = true;
      // Causes of what was polled already would interrupt at once.
      this.#note(this.#card.takeCauses());
      this.#card.setInterrupts(receiveCauses, true);
    }
    const isShort = this.#transmit.isShort && this.#transmit.isBusy;
    if (isShort) this.#card.setInterrupts(cause.sent, true);
    return this.#receive.hasReceived || (isShort && this.#transmit.hasSent) || this.#mustReadLink;
  }

  setMulticast(address: Uint8Array, join: boolean): void {
    if (this.#state === 'running') this.#card.setMulticast(address, join);
  }

  /** Takes the card out of service: when it returns, the card accesses no memory. */
  stop(): void {
    if (this.#state === 'stopped') return;
    if (this.#state === 'running') this.#quiesce();
    this.#state = 'stopped';
    this.linkUp = false;
    this.#cancelWatchdog();
  }

  #start(): void {
    const card = this.#card;
    card.setHardwareAddress(this.hardwareAddress);
    card.raiseLink();
    this.#receive.start();
    this.#transmit.start();
    this.#function.enable();
    card.write(register.interruptThrottle, 0);
    card.write(register.receiveChecksum, receiveChecksum.ip | receiveChecksum.transport);
    card.write(register.transmitGap, transmitGapCopper);
    card.write(
      register.transmitControl,
      transmitControl.enable |
        transmitControl.padShort |
        transmitControl.collisionThreshold |
        transmitControl.collisionDistance,
    );
    card.write(
      register.receiveControl,
      receiveControl.enable | receiveControl.acceptBroadcast | receiveControl.stripChecksum,
    );
    this.#receive.fill();
    card.setInterrupts(cause.link, true);
    this.linkUp = card.linkUp;
  }

  /** The line is shared: the causes say whether this card means it. Reading them lowers the line. */
  readonly #onInterrupt = (): void => {
    const causes = this.#card.takeCauses();
    if (causes !== 0) {
      this.counters.interrupts += 1;
      this.#wasInterrupted = true;
      this.#note(causes);
    }
    this.#interrupts.vectors[0]?.acknowledge();
  };

  /** Frames need no note: poll() looks for them anyway. */
  #note(causes: number): void {
    if ((causes & cause.link) !== 0) this.#mustReadLink = true;
  }

  #quiesce(): void {
    const didReset = this.#card.reset();
    // Whatever the reset did, without bus mastering there is no DMA.
    this.#function.disableBusMaster();
    this.#interrupts.release();
    if (!didReset) this.#platform.log('warn', `${this.name}: does not answer; cut off from memory`);
    this.#receive.drain();
    this.#transmit.drain();
    this.#transmit.dropBacklog();
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
    const period = this.#transmit.isBusy ? watchdogPeriod.sending : watchdogPeriod.idle;
    this.#cancelWatchdog = this.#platform.at(this.#platform.now() + period, this.#onWatchdog);
  }

  readonly #onWatchdog = (): void => {
    if (this.#state !== 'running') return;
    // The turn of the loop that runs this timer polls as well, and takes what is found here.
    if (this.#isArmed && this.#receive.hasReceived && !this.#wasInterrupted) {
      this.counters.watchdogFound += 1;
    }
    this.#transmit.reclaim();
    if (this.#transmit.isBusy) {
      if (this.#transmit.progress === this.#sentProgress) {
        this.counters.watchdogKicks += 1;
        this.#transmit.kick();
      }
      this.#sentProgress = this.#transmit.progress;
    } else {
      this.#sentProgress = -1;
      this.#mustReadLink = true;
    }
    this.#watch();
  };
}

/** @throws Error when it has none */
function readAddress(card: Card): Uint8Array {
  const address = card.hardwareAddress();
  if (address === undefined) throw new Error('it has no MAC address, and its EEPROM none either');
  return address;
}

/**
 * Maps a card's registers and resets it; it accesses no memory then.
 * @returns the card, or what is wrong with it
 */
export function openCard(platform: Platform, pciFunction: PciFunction): Card | string {
  try {
    pciFunction.disableBusMaster();
    pciFunction.enableRegisters();
    const card = new Card(platform, pciFunction.memory(registersBar));
    return card.reset() ? card : 'it does not finish its reset';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Tells what a card is like, without starting it: it is left reset.
 * @returns the same as the device itself would tell, or what is wrong with it
 */
export function identify(
  platform: Platform,
  pciFunction: PciFunction,
): Pick<E1000Device, 'hardwareAddress' | 'mtu' | 'offloads'> | string {
  const card = openCard(platform, pciFunction);
  if (typeof card === 'string') return card;
  try {
    return { hardwareAddress: readAddress(card), mtu, offloads };
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Starts one card.
 * @returns the device, or what is wrong with it
 */
export function probe(
  platform: Platform,
  pciFunction: PciFunction,
  name: string,
): E1000Device | string {
  const card = openCard(platform, pciFunction);
  if (typeof card === 'string') return card;
  const dma = new DmaOwner(platform);
  try {
    return new E1000Device(platform, pciFunction, card, dma, name);
  } catch (error) {
    // Bus mastering goes on last in the constructor, so the card knows of no memory yet.
    pciFunction.disableBusMaster();
    dma.freeAll();
    return error instanceof Error ? error.message : String(error);
  }
}
