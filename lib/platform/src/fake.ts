/** A machine for driver tests: virtual time, memory that devices see elsewhere, interrupts by hand. */
import { HostMemory } from '@runtimejs/net/memory.ts';
import type {
  DmaMemory,
  Interrupt,
  PciFunctionAccess,
  Platform,
  PlatformDevice,
  RegisterMemory,
  RegisterPorts,
  SerialPort,
} from './platform.ts';

/** Devices see memory from here on: above 4 GiB, so that forgotten high words show. */
const deviceBase = 0x12_0000_0000;
const pageBytes = 4096;

/** An interrupt that tests raise. */
export class FakeInterrupt implements Interrupt {
  readonly messageAddress: number;
  readonly messageData: number;
  raised = 0;
  acknowledged = 0;
  isReleased = false;
  #handler: () => void = () => {};

  constructor(messageAddress: number, messageData: number) {
    this.messageAddress = messageAddress;
    this.messageData = messageData;
  }

  onInterrupt(handler: () => void): void {
    this.#handler = handler;
  }

  acknowledge(): void {
    this.acknowledged += 1;
  }

  release(): void {
    this.isReleased = true;
  }

  /** What the isolate's loop does after the interrupt came. */
  deliver(): void {
    if (this.raised === 0 || this.isReleased) return;
    this.raised = 0;
    this.#handler();
  }
}

/** The machine. */
export class FakePlatform implements Platform {
  readonly memory: HostMemory;
  readonly functions: PciFunctionAccess[] = [];
  readonly devices: PlatformDevice[] = [];
  readonly ports: SerialPort[] = [];
  readonly messages: string[] = [];
  readonly entropy: Uint8Array[] = [];
  readonly interrupts: FakeInterrupt[] = [];
  /** How many message interrupts there are. */
  messageLimit = 16;
  /** Bytes that allocateDma() has given out and freeDma() has not got back. */
  dmaInUse = 0;
  dmaLimit: number;
  #time = 1_000_000;
  #nextOffset = pageBytes;
  #timers: { readonly instant: number; readonly run: () => void }[] = [];

  constructor(size = 32 * 1024 * 1024) {
    this.memory = new HostMemory(size);
    this.dmaLimit = size - pageBytes;
  }

  pciFunctions(): readonly PciFunctionAccess[] {
    return this.functions;
  }

  platformDevices(): readonly PlatformDevice[] {
    return this.devices;
  }

  serialPorts(): readonly SerialPort[] {
    return this.ports;
  }

  allocateDma(size: number): DmaMemory {
    const rounded = Math.ceil(size / pageBytes) * pageBytes;
    if (this.#nextOffset + rounded > this.dmaLimit) throw new Error('out of DMA memory');
    const offset = this.#nextOffset;
    this.#nextOffset += rounded;
    this.dmaInUse += rounded;
    const { buffer } = this.memory.bytes;
    return {
      offset,
      size: rounded,
      deviceAddress: deviceBase + offset,
      bytes: new Uint8Array(buffer, offset, rounded),
      halves: new Uint16Array(buffer, offset, rounded / 2),
      words: new Uint32Array(buffer, offset, rounded / 4),
    };
  }

  freeDma(memory: DmaMemory): void {
    this.dmaInUse -= memory.size;
  }

  now(): number {
    this.#time += 1;
    return this.#time;
  }

  at(instant: number, run: () => void): () => void {
    const timer = { instant, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  log(level: 'error' | 'warn' | 'info' | 'debug', text: string): void {
    this.messages.push(`${level}: ${text}`);
  }

  addEntropy(bytes: Uint8Array): void {
    this.entropy.push(bytes.slice());
  }

  /** Lets time pass, and timers fire in their order. */
  advance(microseconds: number): void {
    const end = this.#time + microseconds;
    for (;;) {
      const due = this.#timers.filter(({ instant }) => instant <= end);
      due.sort((one, other) => one.instant - other.instant);
      const first = due[0];
      if (first === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== first);
      this.#time = Math.max(this.#time, first.instant);
      first.run();
    }
    this.#time = Math.max(this.#time, end);
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Where memory that devices name by an address lies in `memory`. Throws outside of what was given out. */
  offsetOf(deviceAddress: number, length: number): number {
    const offset = deviceAddress - deviceBase;
    if (offset < pageBytes || offset + length > this.#nextOffset) {
      throw new Error(`the device accesses ${length} bytes at ${deviceAddress.toString(16)}`);
    }
    return offset;
  }

  createInterrupt(): FakeInterrupt {
    const interrupt = new FakeInterrupt(0xfee0_0000, 0x40 + this.interrupts.length);
    this.interrupts.push(interrupt);
    return interrupt;
  }

  /** A device writes a message. */
  raiseMessage(address: number, data: number): void {
    for (const interrupt of this.interrupts) {
      if (interrupt.messageAddress === address && interrupt.messageData === data) {
        interrupt.raised += 1;
      }
    }
  }

  /** Runs the handlers of all interrupts that came. */
  deliverInterrupts(): void {
    for (const interrupt of this.interrupts) interrupt.deliver();
  }
}

/** A PCI function made of plain configuration bytes. Writes behave as memory does, except read-only ones. */
export class FakeFunction implements PciFunctionAccess {
  readonly segment = 0;
  readonly bus = 0;
  readonly device: number;
  readonly function = 0;
  readonly space = new DataView(new ArrayBuffer(256));
  readonly bars: (
    | { kind: 'memory'; size: number; registers: RegisterMemory }
    | { kind: 'ports'; size: number; ports: RegisterPorts }
    | undefined
  )[] = [];
  readonly line: FakeInterrupt;
  readonly #platform: FakePlatform;
  #nextCapability = 0x40;
  #lastPointer = 0x34;

  constructor(platform: FakePlatform, device: number, vendor: number, id: number) {
    this.#platform = platform;
    this.device = device;
    this.space.setUint16(0, vendor, true);
    this.space.setUint16(2, id, true);
    this.line = new FakeInterrupt(0, 0);
    platform.interrupts.push(this.line);
    platform.functions.push(this);
  }

  /** Appends a capability: kind, next, then `content`. @returns where it begins */
  addCapability(kind: number, content: readonly number[]): number {
    const at = this.#nextCapability;
    this.space.setUint16(6, this.space.getUint16(6, true) | 0x10, true);
    this.space.setUint8(this.#lastPointer, at);
    this.space.setUint8(at, kind);
    for (const [index, byte] of content.entries()) this.space.setUint8(at + 2 + index, byte);
    this.#lastPointer = at + 1;
    this.#nextCapability = (at + 2 + content.length + 3) & ~3;
    return at;
  }

  get command(): number {
    return this.space.getUint16(4, true);
  }

  read(register: number, width: 1 | 2 | 4): number {
    if (width === 1) return this.space.getUint8(register);
    if (width === 2) return this.space.getUint16(register, true);
    return this.space.getUint32(register, true);
  }

  write(register: number, width: 1 | 2 | 4, value: number): void {
    if (width === 1) this.space.setUint8(register, value);
    else if (width === 2) this.space.setUint16(register, value, true);
    else this.space.setUint32(register, value, true);
  }

  bar(index: number) {
    return this.bars[index];
  }

  mapMemory(bar: number): RegisterMemory {
    const described = this.bars[bar];
    if (described?.kind !== 'memory') throw new Error(`BAR ${bar} is not in memory`);
    return described.registers;
  }

  openPorts(bar: number): RegisterPorts {
    const described = this.bars[bar];
    if (described?.kind !== 'ports') throw new Error(`BAR ${bar} is not ports`);
    return described.ports;
  }

  allocateMessageInterrupt(): Interrupt {
    const taken = this.#platform.interrupts.filter(
      (interrupt) => interrupt.messageAddress !== 0 && !interrupt.isReleased,
    );
    if (taken.length >= this.#platform.messageLimit) throw new Error('no vector is left');
    return this.#platform.createInterrupt();
  }

  openLineInterrupt(): Interrupt {
    return this.line;
  }
}
