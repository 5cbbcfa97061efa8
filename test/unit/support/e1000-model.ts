/** An Intel 82540EM, for tests, written from its manual: rings, checksums, causes, EEPROM. */
import { FakeFunction, type FakePlatform } from './fake-platform.ts';
import { createRegisters, type RegisterModel } from './trapped-registers.ts';

const at = {
  control: 0x0,
  status: 0x8,
  eepromRead: 0x14,
  cause: 0xc0,
  maskSet: 0xd0,
  maskClear: 0xd8,
  receiveControl: 0x100,
  transmitControl: 0x400,
  receiveBase: 0x2800,
  receiveLength: 0x2808,
  receiveHead: 0x2810,
  receiveTail: 0x2818,
  transmitBase: 0x3800,
  transmitLength: 0x3808,
  transmitHead: 0x3810,
  transmitTail: 0x3818,
  multicastTable: 0x5200,
  addressLow: 0x5400,
  addressHigh: 0x5404,
} as const;

/** A card on PCI. */
export class E1000Model implements RegisterModel {
  readonly function: FakeFunction;
  readonly sent: Uint8Array[] = [];
  readonly faults = { neverResets: false, lostTails: 0, eepromIsDead: false };
  /** Frames to be sent stay with the card until send(). */
  holdsSent = false;
  linkUp = true;
  tailWrites = 0;
  readonly eeprom = [0x5452, 0x1200, 0x5634];
  readonly #platform: FakePlatform;
  readonly #registers = new Map<number, number>();
  readonly #view: DataView;
  #cause = 0;
  #mask = 0;
  #checksumStart = 0;
  #checksumAt = 0;

  constructor(platform: FakePlatform, device = 5) {
    this.#platform = platform;
    this.#view = new DataView(platform.memory.bytes.buffer);
    this.function = new FakeFunction(platform, device, 0x8086, 0x100e);
    const registers = createRegisters(0x20000, this);
    this.function.bars[0] = { kind: 'memory', size: 0x20000, registers };
    this.#loadAddress();
  }

  get(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  #set(offset: number, value: number): void {
    this.#registers.set(offset, value >>> 0);
  }

  #loadAddress(): void {
    const [low = 0, middle = 0, high = 0] = this.eeprom;
    this.#set(at.addressLow, low | (middle << 16));
    this.#set(at.addressHigh, 2 ** 31 + high);
  }

  /** Empties the address register, as if the card had not loaded it. */
  forgetAddress(): void {
    this.#set(at.addressHigh, 0);
  }

  #raise(causes: number): void {
    this.#cause |= causes;
    this.#updateLine();
  }

  #updateLine(): void {
    if ((this.#cause & this.#mask) !== 0) this.function.line.raised += 1;
  }

  setLink(up: boolean): void {
    this.linkUp = up;
    this.#raise(1 << 2);
  }

  read(offset: number, width: 1 | 2 | 4): number {
    if (width !== 4) throw new Error(`read of ${width} bytes at ${offset}`);
    if (offset === at.status) return this.linkUp ? 2 : 0;
    if (offset === at.cause) {
      const value = this.#cause;
      this.#cause = 0;
      return value;
    }
    if (offset === at.eepromRead) {
      const value = this.get(offset);
      if (this.faults.eepromIsDead) return value & ~16;
      return (((this.eeprom[(value >> 8) & 255] ?? 0xffff) << 16) | 16) >>> 0;
    }
    return this.get(offset);
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    if (width !== 4) throw new Error(`write of ${width} bytes at ${offset}`);
    if (offset === at.control && (value & (1 << 26)) !== 0 && !this.faults.neverResets) {
      const address = [this.get(at.addressLow), this.get(at.addressHigh)] as const;
      this.#registers.clear();
      this.#set(at.addressLow, address[0]);
      this.#set(at.addressHigh, address[1]);
      this.#cause = 0;
      this.#mask = 0;
      return;
    }
    if (offset === at.maskSet) {
      this.#mask |= value;
      this.#updateLine();
    } else if (offset === at.maskClear) {
      this.#mask &= ~value;
    } else {
      this.#set(offset, value);
      if (offset === at.transmitTail) {
        this.tailWrites += 1;
        if (this.faults.lostTails > 0) this.faults.lostTails -= 1;
        else if (!this.holdsSent) this.send();
      }
    }
  }

  #base(offset: number): number {
    return this.get(offset) + this.get(offset + 4) * 2 ** 32;
  }

  get isReceiving(): boolean {
    return (this.get(at.receiveControl) & 2) !== 0 && (this.function.command & 4) !== 0;
  }

  /** Buffers that the card has. */
  get buffers(): number {
    const size = this.get(at.receiveLength) / 16;
    return (this.get(at.receiveTail) - this.get(at.receiveHead) + size) % size;
  }

  /**
   * Receives a frame. @param state status and errors of the last descriptor, besides "done"
   * @returns false when there is no buffer, or the card is off
   */
  receive(frame: Uint8Array, state = 2, length = frame.length): boolean {
    if (!this.isReceiving || this.buffers === 0) return false;
    const size = this.get(at.receiveLength) / 16;
    const head = this.get(at.receiveHead);
    const offset = this.#platform.offsetOf(this.#base(at.receiveBase) + 16 * head, 16);
    const buffer = Number(this.#view.getBigUint64(offset, true));
    this.#platform.memory.bytes.set(frame, this.#platform.offsetOf(buffer, frame.length));
    this.#view.setUint32(offset + 8, length, true);
    this.#view.setUint32(offset + 12, state | 1, true);
    this.#set(at.receiveHead, (head + 1) % size);
    this.#raise(1 << 7);
    return true;
  }

  /** Sends what is in the ring, at most `count` frames. */
  send(count = Number.POSITIVE_INFINITY): void {
    const size = this.get(at.transmitLength) / 16;
    for (let left = count; left > 0 && this.get(at.transmitHead) !== this.get(at.transmitTail); ) {
      const head = this.get(at.transmitHead);
      const offset = this.#platform.offsetOf(this.#base(at.transmitBase) + 16 * head, 16);
      const command = this.#view.getUint32(offset + 8, true);
      const options = this.#view.getUint32(offset + 12, true);
      if ((command & (1 << 29)) === 0) throw new Error('a legacy descriptor');
      if ((command & (1 << 20)) === 0) {
        this.#checksumStart = this.#view.getUint8(offset + 4);
        this.#checksumAt = this.#view.getUint8(offset + 5);
      } else {
        this.#sendFrame(Number(this.#view.getBigUint64(offset, true)), command & 0xfffff, options);
        this.#view.setUint32(offset + 12, options | 1, true);
        left -= 1;
      }
      this.#set(at.transmitHead, (head + 1) % size);
    }
    this.#raise(1);
  }

  #sendFrame(address: number, length: number, options: number): void {
    const offset = this.#platform.offsetOf(address, length);
    const frame = this.#platform.memory.bytes.slice(offset, offset + length);
    if ((options & 0x200) !== 0) {
      let sum = 0;
      for (let byte = this.#checksumStart; byte < length; byte++) {
        sum += (frame[byte] as number) << ((byte - this.#checksumStart) % 2 === 0 ? 8 : 0);
      }
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      frame[this.#checksumAt] = (~sum >> 8) & 255;
      frame[this.#checksumAt + 1] = ~sum & 255;
    }
    this.sent.push(frame);
  }

  /** The card takes frames to this group. */
  takesGroup(address: Uint8Array): boolean {
    const hash = ((address[4] as number) >> 4) | ((address[5] as number) << 4);
    return ((this.get(at.multicastTable + 4 * (hash >> 5)) >>> (hash & 31)) & 1) === 1;
  }
}
