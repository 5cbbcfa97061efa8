/** What runs in a network driver's own isolate: the driver, and frames between its card and the rings. */
import type { Program } from '@runtimejs/isolate/program.ts';
import type { DeviceReceiver, NetworkDevice } from '@runtimejs/net/device.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import {
  bareBindings,
  type IsolatedDriver,
  type Stoppable,
  Succession,
  startDevice,
  systemViolated,
} from './driver-isolate.ts';
import { FrameReader, FrameWriter, mostBytes } from './frame-ring.ts';
import { GrantedPlatform } from './granted-platform.ts';
import {
  Conversation,
  type DriverMessage,
  type DriverVoice,
  type MulticastMessage,
  multicastMessage,
  type ReplacementMessage,
  replacementMessage,
} from './messages.ts';
import { networkReserved, networkRings } from './network-layout.ts';

/** Frames of one turn. */
const pollBudget = 64;
/** Ethernet's, with a VLAN tag. */
const linkHeader = 18;
/** How long it may take to send what waits, when the driver is to be replaced, microseconds. */
const sendingLimit = 100_000;
/** Between two looks at the counters, microseconds. */
const countersPeriod = 1_000_000;

/** Makes the program of a network driver's isolate. */
export function networkProgram(driver: IsolatedDriver<NetworkDevice & Stoppable>): Program {
  return async ({ channel, argument, finish }) => {
    const bindings = bareBindings();
    const platform = new GrantedPlatform(bindings, networkReserved);
    const device = startDevice(driver, platform);
    const conversation = new Conversation<DriverMessage, MulticastMessage | ReplacementMessage>(
      channel,
      bindings.text,
      {
        told: (message) => {
          if (message.is !== 'multicast') succession.told(message);
          else device.setMulticast(Uint8Array.from(message.address), message.join);
        },
        closed: finish,
        violated: systemViolated,
      },
      (value) => multicastMessage(value) ?? replacementMessage(value),
    );
    const bridge = new Bridge(platform, device, conversation);
    const succession = new Succession(driver, device, conversation, () => bridge.quiesce());
    bindings.loop.onTurn(() => bridge.turn());
    await succession.takeOver(argument);
    conversation.tell({ is: 'ready', linkUp: device.linkUp });
  };
}

/** Moves frames. */
class Bridge implements DeviceReceiver {
  readonly #platform: GrantedPlatform;
  readonly #device: NetworkDevice;
  readonly #conversation: DriverVoice;
  readonly #received: FrameWriter;
  readonly #sent: FrameReader;
  /** The longest frame that the card takes. */
  readonly #longest: number;
  #isArmed = false;
  /** There is no room for what the card has received. */
  #isFull = false;
  /** All packets are with the card, whose interrupt tells when some are back. */
  #isDry = false;
  #isOver = false;
  #lastCounters = '';

  constructor(platform: GrantedPlatform, device: NetworkDevice, conversation: DriverVoice) {
    this.#platform = platform;
    this.#device = device;
    this.#conversation = conversation;
    this.#received = new FrameWriter(platform.memory, networkRings.received);
    this.#sent = new FrameReader(platform.memory, networkRings.sent);
    const { segmentation4, segmentation6 } = device.offloads;
    this.#longest = linkHeader + Math.max(device.mtu, segmentation4, segmentation6);
    device.attach(this);
    this.#tellCounters();
  }

  /** Sends what the ring has, and puts what was received into the other one. There is no turn after it. */
  quiesce(): void {
    const platform = this.#platform;
    const limit = platform.now() + sendingLimit;
    while (this.#send() && platform.now() < limit) this.#device.flush();
    this.#device.flush();
    this.#receive();
    this.#isOver = true;
  }

  /** One turn of the loop. @returns until when it may sleep */
  turn(): number {
    const platform = this.#platform;
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const device = this.#device;
    if (this.#isArmed) this.#arm(false);
    platform.turn();
    let more = this.#receive();
    if (this.#send()) more = true;
    device.flush();
    this.#check();
    if (more) return 0;
    return this.#arm(true) ? 0 : platform.nextDeadline();
  }

  receive(packet: Packet): void {
    this.#received.push(packet); // there is room: see #receive()
    packet.release();
  }

  linkChanged(up: boolean): void {
    this.#conversation.tell({ is: 'link', up });
  }

  /** From the card. A ring that is full leaves frames with the card. */
  #receive(): boolean {
    const room = Math.min(pollBudget, Math.floor(this.#received.room / mostBytes));
    this.#isFull = room === 0 && this.#received.wantRoom(mostBytes);
    if (this.#isFull) return false;
    const more = this.#device.poll(room);
    if (this.#received.publish()) this.#conversation.ring();
    return more;
  }

  /** To the card. Without a packet for it, a frame stays in the ring. */
  #send(): boolean {
    const sent = this.#sent;
    const device = this.#device;
    let left = pollBudget;
    this.#isDry = false;
    while (left > 0 && sent.next()) {
      if (sent.length > this.#longest) {
        this.#check('a frame that is too long for the card');
        break;
      }
      const packet = device.allocate(sent.length);
      if (packet === null) {
        this.#isDry = true;
        break;
      }
      sent.copy(packet.start, 0, sent.length);
      packet.end = packet.start + sent.length;
      packet.checksum = sent.checksum;
      packet.checksumStart = packet.start + sent.checksumStart;
      packet.checksumOffset = sent.checksumOffset;
      packet.segmentSize = sent.segmentSize;
      sent.advance();
      device.transmit(packet);
      left -= 1;
    }
    if (left < pollBudget && sent.publish()) this.#conversation.ring();
    return left === 0;
  }

  #arm(on: boolean): boolean {
    this.#isArmed = on;
    const isWaiting = this.#sent.sleep(on) && !this.#isDry;
    // While the ring is full the reader wakes this isolate, and the card must not.
    const hasArrived = !(on && this.#isFull) && this.#device.armInterrupt(on);
    return isWaiting || hasArrived;
  }

  /** A driver that gives its device up, or a stack that breaks the rules, ends this life: another may do better. */
  #check(violation = this.#received.violation ?? this.#sent.violation): void {
    const { failures } = this.#device.counters;
    if (failures !== undefined && failures > 0) throw new Error('the driver gave its device up');
    if (violation !== null) throw new Error(`the stack broke the rules of the ring: ${violation}`);
  }

  readonly #tellCounters = (): void => {
    const text = JSON.stringify(this.#device.counters);
    if (text !== this.#lastCounters) {
      this.#lastCounters = text;
      this.#conversation.tell({ is: 'counters', counters: JSON.parse(text) });
    }
    this.#platform.at(this.#platform.now() + countersPeriod, this.#tellCounters);
  };
}
