/** The card as a whole: registers, reset, address, link, groups. */
import type { Platform, RegisterMemory } from '@runtimejs/platform/platform.ts';
import {
  cause,
  control,
  eeprom,
  multicastWords,
  receiveAddressValid,
  register,
  registerSpace,
  status,
} from './registers.ts';

/** How long a reset and a word of the EEPROM may take, microseconds, and how many reads that may cost. */
const resetTime = 100_000;
const eepromTime = 10_000;
const readLimit = 100_000;

/** A card whose registers are mapped. */
export class Card {
  readonly #platform: Platform;
  readonly #registers: RegisterMemory;
  readonly #groups = new Map<number, Uint8Array>();

  /** Throws when the registers are too few. */
  constructor(platform: Platform, registers: RegisterMemory) {
    if (registers.size < registerSpace) {
      throw new Error(`its register space has only ${registers.size} bytes`);
    }
    this.#platform = platform;
    this.#registers = registers;
  }

  read(offset: number): number {
    return Atomics.load(this.#registers.words, offset >> 2);
  }

  /** Writes a register. Stores to memory before it are seen by the device when it is: x86 keeps their order. */
  write(offset: number, value: number): void {
    this.#registers.words[offset >> 2] = value;
  }

  /**
   * Stops both directions, masks all interrupts and resets (14.3).
   * @returns false when the card does not answer
   */
  reset(): boolean {
    this.write(register.interruptClear, 0xffff_ffff);
    this.write(register.receiveControl, 0);
    this.write(register.transmitControl, 0);
    this.write(register.control, this.read(register.control) | control.reset);
    const isDone = this.#waitFor(
      resetTime,
      () => (this.read(register.control) & control.reset) === 0,
    );
    // The reset unmasks nothing, but what came before it may still be pending.
    this.write(register.interruptClear, 0xffff_ffff);
    const pending = this.read(register.interruptCause);
    return isDone && pending !== 0xffff_ffff;
  }

  /** Lets the link come up: negotiation is the card's own. */
  raiseLink(): void {
    const value = this.read(register.control) | control.setLinkUp | control.autoSpeed;
    this.write(register.control, value & ~control.invertLossOfSignal);
  }

  get linkUp(): boolean {
    return (this.read(register.status) & status.linkUp) !== 0;
  }

  /** The MAC address that the card has loaded, else the one in its EEPROM; undefined without either. */
  hardwareAddress(): Uint8Array | undefined {
    const low = this.read(register.receiveAddressLow);
    const high = this.read(register.receiveAddressHigh);
    const loaded = Uint8Array.of(low, low >> 8, low >> 16, low >> 24, high, high >> 8);
    if (high >>> 31 === 1 && isUsable(loaded)) return loaded;
    const stored = new Uint8Array(6);
    for (let word = 0; word < 3; word++) {
      const value = this.#readEeprom(word);
      if (value === undefined) return undefined;
      stored[2 * word] = value;
      stored[2 * word + 1] = value >> 8;
    }
    return isUsable(stored) ? stored : undefined;
  }

  /** Makes the card take unicast frames to an address, and forget all groups. */
  setHardwareAddress(address: Uint8Array): void {
    const [a, b, c, d, e, f] = address as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.write(register.receiveAddressLow, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
    this.write(register.receiveAddressHigh, receiveAddressValid + (e | (f << 8)));
    this.#groups.clear();
    this.#writeMulticastTable();
  }

  /** Adds or removes a group. The table holds 12 bits of each address: frames to others may come, too. */
  setMulticast(address: Uint8Array, join: boolean): void {
    let key = 0;
    for (const byte of address) key = key * 256 + byte;
    if (join === this.#groups.has(key)) return;
    if (join) this.#groups.set(key, address.slice());
    else this.#groups.delete(key);
    this.#writeMulticastTable();
  }

  /** Reads and so clears what interrupted: bits of `cause`. */
  takeCauses(): number {
    return this.read(register.interruptCause);
  }

  /** Lets causes interrupt, or no longer. */
  setInterrupts(causes: number, on: boolean): void {
    this.write(on ? register.interruptSet : register.interruptClear, causes);
  }

  #writeMulticastTable(): void {
    const table = new Uint32Array(multicastWords);
    for (const address of this.#groups.values()) {
      // RCTL.MO is 0: bits 36 to 47 of the address (13.5.1).
      const hash = ((address[4] as number) >> 4) | ((address[5] as number) << 4);
      table[hash >> 5] = ((table[hash >> 5] as number) | (1 << (hash & 31))) >>> 0;
    }
    for (const [index, word] of table.entries()) {
      this.write(register.multicastTable + 4 * index, word);
    }
  }

  #readEeprom(word: number): number | undefined {
    this.write(register.eepromRead, eeprom.start | (word << eeprom.addressShift));
    let value = 0;
    const isDone = this.#waitFor(eepromTime, () => {
      value = this.read(register.eepromRead);
      return (value & eeprom.done) !== 0;
    });
    return isDone ? value >>> eeprom.dataShift : undefined;
  }

  /** Waits for a condition, but not for ever. */
  #waitFor(time: number, isTrue: () => boolean): boolean {
    const deadline = this.#platform.now() + time;
    for (let reads = 0; reads < readLimit; reads++) {
      if (isTrue()) return true;
      if (this.#platform.now() >= deadline) return false;
    }
    return false;
  }
}

/** Unicast, not all zeroes. */
function isUsable(address: Uint8Array): boolean {
  return ((address[0] as number) & 1) === 0 && address.some((byte) => byte !== 0);
}

/** Causes that say that frames came. */
export const receiveCauses = cause.received | cause.receiveLow | cause.receiveOverrun;
