/**
 * One terminal's block and rings in the memory that kernel and service share. terminal.abi.ts in native/abi says
 * who writes what, and in which order.
 */
import { terminalBlock, terminalRecordEnd, terminalRecordLine } from './generated/shared-memory.ts';
import type { TerminalSettings } from './settings.ts';

/** The shared memory. */
export interface SharedMemory {
  readonly bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  readonly words: Int32Array;
}

/** What the kernel changes when there is something to do. */
const watchedFields = [
  terminalBlock.outputHead,
  terminalBlock.inputTail,
  terminalBlock.settingsSequence,
  terminalBlock.inputFlushes,
  terminalBlock.outputFlushes,
  terminalBlock.outputIsStopped,
  terminalBlock.kernelWaits,
];
const header = 4;
/** Longest record; lines are shorter. */
const longestRecord = 16 * 1024;
const characters = 19;

/** Bytes from one index to another; indices count modulo 2^32. */
export const distance = (from: number, to: number): number => (to - from) >>> 0;

/** A terminal's block and rings. */
export class SharedTerminal {
  readonly #memory: SharedMemory;
  readonly #block: number;
  readonly #inputOffset: number;
  readonly #inputCapacity: number;
  #inputHead: number;
  /** Places of the watched fields in the words, and what was last seen there. */
  readonly #watched: Uint32Array;
  readonly #seen = new Int32Array(watchedFields.length);

  /** @param block place of the block in the memory */
  constructor(memory: SharedMemory, block: number) {
    this.#memory = memory;
    this.#block = block;
    this.#inputOffset = this.#load(terminalBlock.inputOffset);
    this.#inputCapacity = this.#load(terminalBlock.inputCapacity);
    this.#inputHead = this.#load(terminalBlock.inputHead);
    this.#watched = Uint32Array.from(watchedFields, (field) => (block + field) >>> 2);
  }

  /** Whether the kernel has changed something since noteChanges() was called. */
  get hasChanged(): boolean {
    for (let index = 0; index < this.#seen.length; index += 1) {
      const place = this.#watched[index] as number;
      if (Atomics.load(this.#memory.words, place) !== this.#seen[index]) return true;
    }
    return false;
  }

  noteChanges(): void {
    for (let index = 0; index < this.#seen.length; index += 1) {
      this.#seen[index] = Atomics.load(this.#memory.words, this.#watched[index] as number);
    }
  }

  #load(field: number): number {
    return Atomics.load(this.#memory.words, (this.#block + field) >>> 2) >>> 0;
  }

  #store(field: number, value: number): void {
    Atomics.store(this.#memory.words, (this.#block + field) >>> 2, value | 0);
  }

  get outputHead(): number {
    return this.#load(terminalBlock.outputHead);
  }

  get outputTail(): number {
    return this.#load(terminalBlock.outputTail);
  }

  set outputTail(position: number) {
    this.#store(terminalBlock.outputTail, position);
  }

  get outputCapacity(): number {
    return this.#load(terminalBlock.outputCapacity);
  }

  get earlyHead(): number {
    return this.#load(terminalBlock.earlyHead);
  }

  get outputFlushes(): number {
    return this.#load(terminalBlock.outputFlushes);
  }

  get outputFlushed(): number {
    return this.#load(terminalBlock.outputFlushed);
  }

  get isOutputStopped(): boolean {
    return this.#load(terminalBlock.outputIsStopped) !== 0;
  }

  get inputFlushes(): number {
    return this.#load(terminalBlock.inputFlushes);
  }

  get settingsSequence(): number {
    return this.#load(terminalBlock.settingsSequence);
  }

  /** RUNTIME_TERMINAL_WAITS_*. */
  get kernelWaits(): number {
    return this.#load(terminalBlock.kernelWaits);
  }

  /** How far the boot console's device is; undefined: it is not among the devices. */
  setBootConsole(position: number | undefined): void {
    this.#store(terminalBlock.bootTail, position ?? this.outputHead);
    this.#store(terminalBlock.hasBootConsole, position === undefined ? 0 : 1);
  }

  set unsent(bytes: number) {
    this.#store(terminalBlock.unsent, bytes);
  }

  /** Output from a position on, up to `end` or the ring's own end. */
  output(position: number, end: number, most: number): Uint8Array {
    const capacity = this.outputCapacity;
    const at = position & (capacity - 1);
    const length = Math.min(distance(position, end), capacity - at, most);
    const offset = this.#load(terminalBlock.outputOffset) + at;
    return this.#memory.bytes.subarray(offset, offset + length);
  }

  /** A byte of the output, `back` bytes before its end. */
  outputByte(back: number): number {
    const capacity = this.outputCapacity;
    const at = (this.outputHead - back) & (capacity - 1);
    return this.#memory.bytes[this.#load(terminalBlock.outputOffset) + at] as number;
  }

  /** The settings as of one moment; undefined while the kernel changes them. */
  readSettings(): TerminalSettings | undefined {
    const before = this.settingsSequence;
    if (before % 2 !== 0) return undefined;
    const begin = this.#block + terminalBlock.controlCharacters;
    const settings = {
      inputFlags: this.#load(terminalBlock.inputFlags),
      outputFlags: this.#load(terminalBlock.outputFlags),
      localFlags: this.#load(terminalBlock.localFlags),
      controlCharacters: this.#memory.bytes.slice(begin, begin + characters),
    };
    return this.settingsSequence === before ? settings : undefined;
  }

  get isInputEmpty(): boolean {
    return this.#load(terminalBlock.inputTail) === this.#inputHead;
  }

  /** Bytes of input that one record may have now. */
  inputRoom(): number {
    const used = distance(this.#load(terminalBlock.inputTail), this.#inputHead);
    const free = this.#inputCapacity - used - header - 3;
    return Math.max(0, Math.min(free, longestRecord));
  }

  /** Adds a record; at most inputRoom() bytes. */
  pushInput(bytes: Uint8Array, kind: 'data' | 'line' | 'end'): void {
    const flags = kind === 'line' ? terminalRecordLine : kind === 'end' ? terminalRecordEnd : 0;
    const mask = this.#inputCapacity - 1;
    const word = (this.#inputOffset + (this.#inputHead & mask)) >>> 2;
    this.#memory.words[word] = bytes.length | (flags << 16);
    const at = (this.#inputHead + header) & mask;
    const first = Math.min(bytes.length, this.#inputCapacity - at);
    this.#memory.bytes.set(bytes.subarray(0, first), this.#inputOffset + at);
    if (first < bytes.length) this.#memory.bytes.set(bytes.subarray(first), this.#inputOffset);
    this.#inputHead = (this.#inputHead + header + ((bytes.length + 3) & ~3)) >>> 0;
    this.#store(terminalBlock.inputHead, this.#inputHead);
  }
}
