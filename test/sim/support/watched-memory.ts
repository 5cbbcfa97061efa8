/** Memory that throws when bytes of packets are read that nobody wrote, or outside of everything. */
import { type HostMemory, internetChecksum, type Memory } from '@runtimejs/net/memory.ts';
import type { MemoryWatch } from './device.ts';

/** A view of a host's memory; words (rings, whose indices are shared) are not watched. */
export class WatchedMemory implements Memory, MemoryWatch {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #raw: Uint8Array;
  /** 1: may not be read. */
  readonly #forbidden: Uint8Array;

  constructor(memory: HostMemory) {
    const raw = memory.bytes;
    const forbidden = new Uint8Array(raw.length);
    this.#raw = raw;
    this.#forbidden = forbidden;
    this.words = memory.words;
    this.bytes = new Proxy(raw, {
      get(target, key) {
        if (typeof key === 'string') {
          const index = Number(key);
          if (Number.isInteger(index)) {
            if (forbidden[index] !== 0) throw new RangeError(`byte ${index} was read unwritten`);
            return target[index];
          }
          if (key === 'NaN' || key === 'undefined') throw new RangeError(`byte ${key} was read`);
        }
        if (key === 'set') {
          return (from: ArrayLike<number>, at = 0): void => {
            target.set(from, at);
            forbidden.fill(0, at, at + from.length);
          };
        }
        if (key === 'fill') {
          return (value: number, from = 0, to = target.length): void => {
            target.fill(value, from, to);
            forbidden.fill(0, from, to);
          };
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set(target, key, value: number) {
        const index = Number(key);
        if (!Number.isInteger(index) || index < 0 || index >= target.length) {
          throw new RangeError(`byte ${String(key)} was written`);
        }
        target[index] = value;
        forbidden[index] = 0;
        return true;
      },
    });
  }

  copy(to: number, from: number, length: number): void {
    this.check(from, from + length);
    if (to < 0 || to + length > this.#raw.length) throw new RangeError(`copied to ${to}`);
    this.#raw.copyWithin(to, from, from + length);
    this.allow(to, to + length);
  }

  checksum(offset: number, length: number, sum: number): number {
    this.check(offset, offset + length);
    return internetChecksum(this.#raw, offset, length, sum);
  }

  forbid(from: number, to: number): void {
    this.#forbidden.fill(1, from, to);
  }

  allow(from: number, to: number): void {
    this.#forbidden.fill(0, from, to);
  }

  check(from: number, to: number): void {
    if (!(from >= 0 && from <= to && to <= this.#raw.length)) {
      throw new RangeError(`${from} to ${to} is no range of memory`);
    }
    const at = this.#forbidden.subarray(from, to).indexOf(1);
    if (at >= 0) throw new RangeError(`byte ${from + at} of ${from} to ${to} was read unwritten`);
  }
}
