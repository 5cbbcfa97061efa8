/**
 * Buffers that go to a device and come back, for queues with little traffic. Which part of its life
 * a buffer is in is its type: only an idle or a used one has bytes to touch, only an idle one can be
 * started, so that the use of a buffer that the device still has does not compile.
 */
import type { DmaMemory } from '@runtimejs/platform/platform.ts';
import type { ChainPart, Virtqueue } from './queue.ts';

/** Belongs to the driver, which may fill it. */
export interface IdleExchange {
  readonly state: 'idle';
  readonly bytes: Uint8Array;
  /**
   * Hands `readable` bytes from its beginning to the device to read, and `writable` bytes right behind
   * them to write. The device learns of it at the queue's flush().
   * @returns itself, in flight, or null when the queue is full: it stays idle
   */
  start(queue: ExchangeQueue, readable: number, writable: number): FlyingExchange | null;
}

/** Belongs to the device. */
export interface FlyingExchange {
  readonly state: 'flying';
}

/** Came back; what the device wrote begins behind the bytes that it read. */
export interface UsedExchange {
  readonly state: 'used';
  readonly bytes: Uint8Array;
  /** Where the bytes begin that the device wrote, and how many they are at most. */
  readonly replyOffset: number;
  finish(): IdleExchange;
}

/** Any of them; `state` tells which. */
export type Exchange = IdleExchange | FlyingExchange | UsedExchange;

/** A queue of exchanges. It needs chains of 2. */
export type ExchangeQueue = Virtqueue<ExchangeBuffer>;

/** What the queue keeps. Drivers hold it as one of the states above. */
export class ExchangeBuffer {
  state: 'idle' | 'flying' | 'used' = 'idle';
  replyOffset = 0;
  readonly #memory: DmaMemory;

  constructor(memory: DmaMemory) {
    this.#memory = memory;
  }

  get bytes(): Uint8Array {
    return this.#memory.bytes;
  }

  start(queue: ExchangeQueue, readable: number, writable: number): FlyingExchange | null {
    const address = this.#memory.deviceAddress;
    const parts: ChainPart[] = [];
    if (readable > 0) parts.push({ deviceAddress: address, length: readable, deviceWrites: false });
    if (writable > 0) {
      parts.push({ deviceAddress: address + readable, length: writable, deviceWrites: true });
    }
    if (!queue.submitChain(this, parts)) return null;
    this.state = 'flying';
    this.replyOffset = readable;
    return this as FlyingExchange;
  }

  /** The queue handed it back. */
  arrived(): UsedExchange {
    this.state = 'used';
    return this as UsedExchange;
  }

  finish(): IdleExchange {
    this.state = 'idle';
    return this as IdleExchange;
  }
}

/** A buffer for exchanges of at most `memory.size` bytes, question and answer together. */
export function createExchange(memory: DmaMemory): IdleExchange {
  return new ExchangeBuffer(memory) as IdleExchange;
}

/** Takes an exchange back from its queue, null when none is done. */
export function takeExchange(queue: ExchangeQueue): UsedExchange | null {
  const buffer = queue.takeUsed();
  return buffer === null ? null : buffer.arrived();
}
