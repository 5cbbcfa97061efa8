/**
 * A network card whose driver has an isolate of its own, as the stack sees it. While that isolate is not there,
 * what is sent is dropped, as on any network; addresses, connections and, for a while, the link stay.
 */
import type { GrantedDevice } from '@runtimejs/isolate/isolates.ts';
import {
  type DeviceReceiver,
  type NetworkDevice,
  type Offloads,
  packetHeadroom,
} from '@runtimejs/net/device.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import { Backlog } from '@runtimejs/nic/backlog.ts';
import { nicCounters } from '@runtimejs/nic/counters.ts';
import { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { FrameReader, FrameWriter, mostBytes } from './frame-ring.ts';
import {
  Conversation,
  type DriverMessage,
  driverMessage,
  type MulticastMessage,
  type ReplacementMessage,
} from './messages.ts';
import { networkRings } from './network-layout.ts';
import type { CardIdentity } from './own-network.ts';
import type { PlacedListener } from './placed-driver.ts';
import { ringAt } from './ring.ts';

const ethernetHeader = 14;
/** Before a received frame, so that its IP header is aligned to 4 bytes. */
const receiveOffset = 18;
const pools = {
  small: { packetSize: 2048, initial: 32, limit: 512 },
  large: { packetSize: 65536, initial: 2, limit: 32 },
  received: { packetSize: 2048, initial: 64, limit: 1024 },
} as const;
/** How long a driver may be away before the link counts as down, microseconds. */
const absence = 5_000_000;
/** Counters that the driver keeps; all others count what passes here. */
const driverCounters = [
  'dropReceivedShort',
  'dropReceivedDamaged',
  'interrupts',
  'resets',
  'failures',
  'watchdogKicks',
  'watchdogFound',
  'controlRefused',
  'controlTimeouts',
] as const;

/** This side of one life of the driver. */
interface Life {
  readonly conversation: Conversation<MulticastMessage | ReplacementMessage, DriverMessage>;
  readonly received: FrameReader;
  readonly sent: FrameWriter;
  isReady: boolean;
  /** Its link, as it says. */
  linkUp: boolean;
}

/** A card, through rings. */
export class PlacedNetworkDevice implements NetworkDevice, PlacedListener {
  readonly kind = 'ethernet';
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
  readonly counters = {
    ...nicCounters(),
    /** No packet was free for what was received. */
    dropReceivedNoBuffer: 0,
    /** Lives of the driver that have ended. */
    driverEnds: 0,
    /** Drivers that broke the rules of the rings, or of what is said beside them. */
    ruleViolations: 0,
  };
  linkUp = false;
  readonly #memory: Memory;
  readonly #platform: Platform;
  readonly #context: SystemContext;
  readonly #small: PacketPool;
  readonly #large: PacketPool;
  readonly #receivePool: PacketPool;
  readonly #backlog = new Backlog(pools.small.limit + pools.large.limit);
  readonly #groups = new Map<string, { readonly address: readonly number[]; count: number }>();
  /** What former drivers have counted. */
  readonly #counted: Record<string, number> = {};
  #upper: DeviceReceiver | null = null;
  #reportedLink = false;
  #life: Life | undefined;
  /** The driver is being replaced: what is to be sent waits for the next one. */
  #isStopping = false;
  /** Called once all is taken that the driver has received before it stopped. */
  #whenTaken: (() => void) | undefined;
  #cancelAbsence: () => void = () => {};

  /** @throws Error when there is no memory for its first packets */
  constructor(
    name: string,
    { hardwareAddress, mtu, offloads }: CardIdentity,
    memory: Memory,
    context: SystemContext,
  ) {
    this.name = name;
    this.hardwareAddress = hardwareAddress;
    this.mtu = mtu;
    this.offloads = offloads;
    this.#memory = memory;
    this.#platform = context.platform;
    this.#context = context;
    const frame = packetHeadroom + ethernetHeader + mtu;
    const packetSize = Math.max(pools.small.packetSize, 2 ** Math.ceil(Math.log2(frame)));
    this.#small = new PacketPool(context.platform, { ...pools.small, packetSize });
    this.#large = new PacketPool(context.platform, pools.large);
    this.#receivePool = new PacketPool(context.platform, pools.received);
  }

  started(
    channel: Channel,
    { offset }: GrantedDevice,
  ): Conversation<MulticastMessage | ReplacementMessage, DriverMessage> {
    const life: Life = {
      conversation: new Conversation(
        channel,
        this.#context.bindings.text,
        {
          told: (message) => this.#told(life, message),
          violated: (violation) => this.#end(life, violation),
        },
        driverMessage,
      ),
      received: new FrameReader(this.#memory, ringAt(networkRings.received, offset)),
      sent: new FrameWriter(this.#memory, ringAt(networkRings.sent, offset)),
      isReady: false,
      linkUp: false,
    };
    this.#life = life;
    return life.conversation;
  }

  stopping(): void {
    if (this.#life?.isReady === true) this.#moveOn(this.#life);
    this.flush();
    this.#isStopping = true;
  }

  stopped(then: () => void): void {
    this.#whenTaken = then;
  }

  ended(): void {
    const { counters } = this;
    this.#life = undefined;
    this.#whenTaken = undefined;
    counters.driverEnds += 1;
    if (!this.#isStopping) counters.dropSendDown += this.#backlog.releaseAll();
    for (const name of driverCounters) this.#counted[name] = counters[name];
    this.#cancelAbsence();
    this.#cancelAbsence = this.#platform.at(this.#platform.now() + absence, () => {
      this.linkUp = false;
      this.#isStopping = false;
      counters.dropSendDown += this.#backlog.releaseAll();
    });
  }

  attach(receiver: DeviceReceiver): void {
    this.#upper = receiver;
    this.#reportedLink = this.linkUp;
  }

  allocate(size: number): Packet | null {
    const needed = packetHeadroom + size;
    const pool = needed <= this.#small.packetSize ? this.#small : this.#large;
    if (needed > pool.packetSize) {
      this.counters.dropSendLength += 1;
      return null;
    }
    const packet = pool.take();
    if (packet === null) this.counters.dropSendNoBuffer += 1;
    else packet.reset(packetHeadroom);
    return packet;
  }

  transmit(packet: Packet): void {
    const isHeld = this.#isStopping && packet.length >= ethernetHeader && packet.next === null;
    if (isHeld) {
      this.#backlog.push(packet);
      return;
    }
    if (this.#life?.isReady !== true) {
      this.counters.dropSendDown += 1;
      packet.release();
      return;
    }
    if (packet.length < ethernetHeader || packet.next !== null) {
      this.counters.dropSendLength += 1;
      packet.release();
      return;
    }
    this.#backlog.push(packet);
    this.#moveOn(this.#life);
  }

  flush(): void {
    const life = this.#life;
    if (life?.isReady !== true) return;
    if (life.sent.publish()) life.conversation.ring();
  }

  poll(budget: number): boolean {
    const upper = this.#upper;
    if (upper === null) return false;
    if (this.linkUp !== this.#reportedLink) {
      this.#reportedLink = this.linkUp;
      this.counters.linkChanges += 1;
      upper.linkChanged(this.linkUp);
    }
    const life = this.#life;
    if (life?.isReady !== true) return false;
    if (!this.#isStopping) this.#moveOn(life);
    this.flush();
    let taken = 0;
    while (taken < budget && life.received.next()) {
      this.#take(life.received, upper);
      life.received.advance();
      taken += 1;
    }
    if (taken > 0 && life.received.publish()) life.conversation.ring();
    this.#checkRules(life);
    if (taken < budget) {
      this.#whenTaken?.();
      this.#whenTaken = undefined;
    }
    return taken >= budget;
  }

  armInterrupt(on: boolean): boolean {
    const hasNews = on && this.linkUp !== this.#reportedLink;
    const life = this.#life;
    if (life?.isReady !== true) return hasNews;
    const hasArrived = life.received.sleep(on) || (on && life.sent.violation !== null);
    return hasArrived || hasNews;
  }

  setMulticast(address: Uint8Array, join: boolean): void {
    const key = address.join();
    const group = this.#groups.get(key) ?? { address: [...address], count: 0 };
    group.count += join ? 1 : -1;
    if (group.count > 0) this.#groups.set(key, group);
    else this.#groups.delete(key);
    const life = this.#life;
    if (life?.isReady === true) {
      life.conversation.tell({ is: 'multicast', address: group.address, join });
    }
  }

  #told(life: Life, message: DriverMessage): void {
    if (life !== this.#life) return;
    this.onTold(message);
    switch (message.is) {
      case 'ready':
        if (life.isReady) return;
        life.isReady = true;
        life.linkUp = message.linkUp;
        this.#cancelAbsence();
        for (const { address, count } of this.#groups.values()) {
          for (let each = 0; each < count; each++) {
            life.conversation.tell({ is: 'multicast', address, join: true });
          }
        }
        this.#isStopping = false;
        this.#moveOn(life);
        this.flush();
        break;
      case 'link':
        life.linkUp = message.up;
        break;
      case 'counters':
        for (const name of driverCounters) {
          const count = message.counters[name];
          if (count !== undefined) this.counters[name] = (this.#counted[name] ?? 0) + count;
        }
        break;
    }
    if (life.isReady) this.linkUp = life.linkUp;
  }

  /** Puts what waits into the ring, as far as there is room. */
  #moveOn({ sent }: Life): void {
    for (let packet = this.#backlog.peek(); packet !== null; packet = this.#backlog.peek()) {
      if (!sent.push(packet) && (sent.wantRoom(mostBytes) || !sent.push(packet))) return;
      this.counters.sentPackets += 1;
      this.counters.sentBytes += packet.length;
      this.#backlog.shift();
      packet.release();
    }
  }

  /** Makes a packet of the frame that the ring has next. */
  #take(ring: FrameReader, upper: DeviceReceiver): void {
    const { counters } = this;
    const { length } = ring;
    if (length < ethernetHeader) {
      counters.dropReceivedShort += 1;
      return;
    }
    const first = this.#copyOut(ring);
    if (first === null) {
      counters.dropReceivedNoBuffer += 1;
      return;
    }
    if (!describe(first, ring)) {
      counters.dropReceivedOffload += 1;
      first.release();
      return;
    }
    counters.receivedPackets += 1;
    counters.receivedBytes += length;
    upper.receive(first);
  }

  /** @returns null when packets are short */
  #copyOut(ring: FrameReader): Packet | null {
    let first: Packet | null = null;
    let last: Packet | null = null;
    for (let copied = 0; copied < ring.length; ) {
      const packet = this.#receivePool.take();
      if (packet === null) {
        first?.release();
        return null;
      }
      packet.reset(last === null ? receiveOffset : 0);
      const bytes = Math.min(ring.length - copied, packet.base + packet.capacity - packet.start);
      ring.copy(packet.start, copied, bytes);
      packet.end = packet.start + bytes;
      copied += bytes;
      if (last === null) first = packet;
      else last.next = packet;
      last = packet;
    }
    return first;
  }

  #checkRules(life: Life): void {
    const violation = life.received.violation ?? life.sent.violation;
    if (violation !== null) this.#end(life, violation);
  }

  /** Nothing that such a driver says is listened to any more. */
  #end(life: Life, violation: string): void {
    if (life !== this.#life) return;
    this.counters.ruleViolations += 1;
    this.#life = undefined;
    this.onViolation(`it broke the rules: ${violation}`);
  }

  /** Takes what the driver says: see PlacedDriver. */
  onTold: (message: DriverMessage) => void = () => {};

  /** Ends the driver's life: see PlacedDriver. */
  onViolation: (reason: string) => void = () => {};
}

/** Sets what the driver says about checksum and segments. @returns false when it makes no sense */
function describe(packet: Packet, ring: FrameReader): boolean {
  const { checksum, checksumStart, checksumOffset, segmentSize } = ring;
  if (segmentSize < 0 || segmentSize > 0xffff) return false;
  packet.segmentSize = segmentSize;
  switch (checksum) {
    case checksumState.none:
    case checksumState.verified:
      break;
    case checksumState.partial:
      if (checksumStart + checksumOffset + 2 > packet.length) return false;
      packet.checksumStart = packet.start + checksumStart;
      packet.checksumOffset = checksumOffset;
      break;
    default:
      return false;
  }
  packet.checksum = checksum;
  return true;
}
