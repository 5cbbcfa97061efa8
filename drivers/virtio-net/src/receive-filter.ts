/**
 * Which frames the device hands over: commands on the control queue (virtio 1.2, section 5.1.6.5).
 * One command is under way at a time, and nothing waits for its answer: poll() takes it.
 */

import type { NicCounters } from '@runtimejs/nic/counters.ts';
import { type Exchange, type ExchangeQueue, takeExchange } from '@runtimejs/virtio/exchange.ts';

const commandClass = { receive: 0, mac: 1 } as const;
const receiveCommand = { promiscuous: 0, allMulticast: 1 } as const;
const macCommand = { setTable: 0 } as const;
const acknowledged = 0;

/** More groups than this are not listed: all multicast frames are taken then. */
const tableLimit = 64;
/** Room for the largest command and its answer. */
export const exchangeBytes = 2 + 4 + 4 + 6 * tableLimit + 1;
/** How long an answer may take, microseconds. */
const answerTime = 2_000_000;

/** What can be set; they are tried one after the other when a device refuses. */
type Step = 'table' | 'allMulticast' | 'promiscuous';

/** Keeps the device's filter as the joined groups want it. */
export class ReceiveFilter {
  readonly queue: ExchangeQueue;
  readonly #counters: NicCounters;
  readonly #log: (text: string) => void;
  readonly #groups = new Map<number, Uint8Array>();
  #exchange: Exchange;
  #isDead = false;
  #startedAt = 0;
  #step: Step = 'table';
  /** What the device was told last; undefined: nothing yet. */
  #tableIsCurrent = false;
  #allMulticast: boolean | undefined;
  #promiscuous: boolean | undefined;
  // Fallbacks that a refusal left us with.
  #mustTakeAllMulticast = false;
  #mustTakeEverything = false;

  constructor(
    queue: ExchangeQueue,
    exchange: Exchange,
    counters: NicCounters,
    log: (text: string) => void,
  ) {
    this.queue = queue;
    this.#exchange = exchange;
    this.#counters = counters;
    this.#log = log;
  }

  /** An answer is awaited. */
  get isBusy(): boolean {
    return this.#exchange.state === 'flying' && !this.#isDead;
  }

  /** Adds or removes a group, and tells the device when it can listen. */
  setMulticast(address: Uint8Array, join: boolean, now: number): void {
    const key = addressKey(address);
    if (join === this.#groups.has(key)) return;
    if (join) this.#groups.set(key, address.slice());
    else this.#groups.delete(key);
    this.#tableIsCurrent = false;
    this.#next(now);
  }

  /** Starts afresh on a device that was reset, whose queue was drained. */
  restart(now: number): void {
    if (this.#exchange.state === 'flying') throw new Error('the control queue was not drained');
    this.#isDead = false;
    this.#tableIsCurrent = false;
    this.#allMulticast = undefined;
    this.#promiscuous = undefined;
    this.#mustTakeAllMulticast = false;
    this.#mustTakeEverything = false;
    this.#next(now);
  }

  /** Takes the answer, if it came, and goes on with what is left to say; gives up on a device that is silent. */
  poll(now: number): void {
    if (!this.isBusy) return;
    const used = takeExchange(this.queue);
    if (used === null) {
      if (now - this.#startedAt < answerTime) return;
      // The buffer stays the device's. Filters stay as they are: the layers above filter anyway.
      this.#isDead = true;
      this.#counters.controlTimeouts += 1;
      this.#log('its control queue does not answer: multicast may not be received');
      return;
    }
    const isAccepted = this.queue.usedLength > 0 && used.bytes[used.replyOffset] === acknowledged;
    this.#exchange = used.finish();
    if (!isAccepted) this.#refused();
    this.#next(now);
  }

  /** Puts the exchange back after a reset of the device. */
  drained(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  #refused(): void {
    this.#counters.controlRefused += 1;
    if (this.#step === 'table') this.#mustTakeAllMulticast = true;
    else if (this.#step === 'allMulticast' && this.#mustTakeAllMulticast) {
      this.#mustTakeEverything = true;
    } else this.#log(`it refused to change its filter (${this.#step})`);
  }

  /** Says the next thing that the device does not know yet. */
  #next(now: number): void {
    if (this.#isDead || this.#exchange.state !== 'idle') return;
    const { bytes } = this.#exchange;
    const wantsAllMulticast = this.#mustTakeAllMulticast || this.#groups.size > tableLimit;
    let length: number;
    if (!this.#tableIsCurrent && !wantsAllMulticast) {
      this.#step = 'table';
      this.#tableIsCurrent = true;
      length = this.#emitTable(bytes);
    } else if (this.#allMulticast !== wantsAllMulticast) {
      this.#step = 'allMulticast';
      this.#allMulticast = wantsAllMulticast;
      length = emitSwitch(bytes, receiveCommand.allMulticast, wantsAllMulticast);
    } else if (this.#promiscuous !== this.#mustTakeEverything) {
      // Last: until the table is in place, a device that takes everything is the safer one.
      this.#step = 'promiscuous';
      this.#promiscuous = this.#mustTakeEverything;
      length = emitSwitch(bytes, receiveCommand.promiscuous, this.#mustTakeEverything);
    } else {
      return;
    }
    bytes[length] = 0xff;
    this.#startedAt = now;
    const flying = this.#exchange.start(this.queue, length, 1);
    if (flying === null) return;
    this.#exchange = flying;
    this.queue.flush();
  }

  /** VIRTIO_NET_CTRL_MAC_TABLE_SET: no further unicast addresses, and the groups (5.1.6.5.2). */
  #emitTable(bytes: Uint8Array): number {
    bytes.fill(0, 0, 10);
    bytes[0] = commandClass.mac;
    bytes[1] = macCommand.setTable;
    bytes[6] = this.#groups.size;
    let at = 10;
    for (const address of this.#groups.values()) {
      bytes.set(address, at);
      at += 6;
    }
    return at;
  }
}

function emitSwitch(bytes: Uint8Array, command: number, on: boolean): number {
  bytes[0] = commandClass.receive;
  bytes[1] = command;
  bytes[2] = on ? 1 : 0;
  return 3;
}

/** A MAC address as one number, below 2^48. */
function addressKey(address: Uint8Array): number {
  let key = 0;
  for (const byte of address) key = key * 256 + byte;
  return key;
}
