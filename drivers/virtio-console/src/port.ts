/** One port of a virtio console as a terminal device. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type {
  TerminalCounters,
  TerminalDevice,
  TerminalHost,
  TerminalSize,
} from '@runtimejs/tty/device.ts';
import {
  createExchange,
  type ExchangeQueue,
  type IdleExchange,
  takeExchange,
  type UsedExchange,
} from '@runtimejs/virtio/exchange.ts';
import type { PortRecord } from './record.ts';

const receiveBuffers = 4;
const receiveBytes = 4096;
const transmitBuffers = 4;
const transmitBytes = 16 * 1024;
/** How often a device that has output and does not use it is looked at without an interrupt, microseconds. */
const lookPeriod = 1_000_000;

/** What the device does for its ports. */
export interface PortOwner {
  readonly platform: Platform;
  /** What all ports have in common. */
  readonly counters: TerminalCounters;
  /** Tells the device that the port is, or is not, in use. */
  setOpen(port: number, isOpen: boolean): void;
  /** The device broke the rules. */
  fail(reason: string): void;
}

/** A port that is a console. */
export class ConsolePort implements TerminalDevice {
  readonly name: string;
  readonly fileName: string;
  readonly isBootConsole = false;
  readonly number: number;
  size: TerminalSize | undefined;
  isConnected = true;
  unsent = 0;
  /** Where it notes what it does, if somebody wants to know that when the driver has ended; before start(). */
  record: PortRecord | undefined;
  readonly #counters = { sentBytes: 0, receivedBytes: 0, lostInterrupts: 0 };
  readonly #owner: PortOwner;
  readonly #receive: ExchangeQueue;
  readonly #transmit: ExchangeQueue;
  readonly #idle: IdleExchange[] = [];
  #host: TerminalHost | undefined;
  /** What came and has not been read, from #begin on. */
  #input: UsedExchange | null = null;
  #begin = 0;
  #end = 0;
  #cancelLook: () => void = () => {};
  #isAwaited = false;
  /** Bytes of each buffer that the device has to send, in order, and how many buffers it ever got. */
  readonly #lengths: number[] = [];
  #submitted = 0;

  /**
   * @param index its place among the consoles of the machine
   * @param number the device's own
   */
  constructor(
    owner: PortOwner,
    index: number,
    number: number,
    queues: { readonly receive: ExchangeQueue; readonly transmit: ExchangeQueue },
  ) {
    this.name = index === 0 ? 'virtio' : `virtio${index}`;
    this.fileName = `hvc${index}`;
    this.number = number;
    this.#owner = owner;
    this.#receive = queues.receive;
    this.#transmit = queues.transmit;
  }

  get counters(): TerminalCounters {
    return { ...this.#owner.counters, ...this.#counters };
  }

  start(host: TerminalHost): void {
    const { platform } = this.#owner;
    this.#host = host;
    this.record?.begin(this.#transmit.placement, this.#receive.placement);
    for (let count = 0; count < transmitBuffers; count += 1) {
      this.#idle.push(createExchange(platform.allocateDma(transmitBytes)));
    }
    for (let count = 0; count < receiveBuffers; count += 1) {
      createExchange(platform.allocateDma(receiveBytes)).start(this.#receive, 0, receiveBytes);
    }
    this.#receive.flush();
    this.#receive.enableInterrupts();
    this.#transmit.enableInterrupts();
    this.#owner.setOpen(this.number, true);
  }

  write(bytes: Uint8Array): number {
    let taken = 0;
    let submitted: number;
    do {
      this.#collect();
      submitted = this.#submit(bytes.subarray(taken));
      taken += submitted;
    } while (submitted > 0 && taken < bytes.length);
    if (taken < bytes.length) this.#isAwaited = true;
    this.#look();
    return taken;
  }

  /** Gives bytes of one buffer of the device's. It gets that back with the call that follows its end. */
  read(into: Uint8Array): number {
    if (this.#begin === this.#end) this.#giveBack();
    if (this.#input === null && !this.#next()) return 0;
    const input = this.#input as UsedExchange | null;
    if (input === null) return 0;
    const length = Math.min(into.length, this.#end - this.#begin);
    into.set(input.bytes.subarray(this.#begin, this.#begin + length));
    this.#begin += length;
    this.#counters.receivedBytes += length;
    return length;
  }

  stop(): void {
    this.#cancelLook();
    this.#host = undefined;
    this.#owner.setOpen(this.number, false);
  }

  /** The device's interrupt: looks what it has done. What came in asks for the next one when all of it has been read. */
  serve(): void {
    if (this.#host === undefined) return;
    if (this.#receive.hasUsed) this.#host.readable();
    this.#collect();
    if (!this.#isAwaited || this.#idle.length === 0) return;
    this.#isAwaited = false;
    this.#host.writable();
  }

  /** The device was plugged in again. */
  reopen(): void {
    if (this.#host !== undefined) this.#owner.setOpen(this.number, true);
  }

  resize(size: TerminalSize): void {
    if (size.columns === 0 || size.rows === 0) return;
    this.size = size;
    this.#host?.resized();
  }

  connect(isConnected: boolean): void {
    if (this.isConnected === isConnected) return;
    this.isConnected = isConnected;
    this.#host?.connectionChanged();
  }

  #giveBack(): void {
    if (this.#input === null) return;
    this.#input.finish().start(this.#receive, 0, receiveBytes);
    this.#receive.flush();
    this.#input = null;
  }

  /** Takes the next buffer that came; when there is none, asks for an interrupt. */
  #next(): boolean {
    for (;;) {
      const used = takeExchange(this.#receive);
      if (this.#receive.violation !== null) {
        this.#owner.fail(this.#receive.violation);
        return false;
      }
      if (used === null) {
        // What comes before the device has seen the wish raises no interrupt.
        if (this.#receive.enableInterrupts()) continue;
        return false;
      }
      const length = Math.min(this.#receive.usedLength, receiveBytes);
      this.record?.received(length);
      if (length > 0) {
        this.#input = used;
        this.#begin = used.replyOffset;
        this.#end = used.replyOffset + length;
        return true;
      }
      used.finish().start(this.#receive, 0, receiveBytes);
      this.#receive.flush();
    }
  }

  /** Hands over as much as there are buffers for. @returns how many bytes */
  #submit(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length) {
      const exchange = this.#idle.pop();
      if (exchange === undefined) break;
      const part = bytes.subarray(taken, taken + transmitBytes);
      exchange.bytes.set(part);
      this.record?.transmitting(this.#submitted, this.#counters.sentBytes + part.length);
      if (exchange.start(this.#transmit, part.length, 0) === null) {
        this.#idle.push(exchange);
        break;
      }
      this.#submitted += 1;
      this.#lengths.push(part.length);
      this.unsent += part.length;
      this.#counters.sentBytes += part.length;
      taken += part.length;
    }
    this.#transmit.flush();
    return taken;
  }

  /** Takes back what the device has sent, and asks for an interrupt when it has sent more. */
  #collect(): void {
    const queue = this.#transmit;
    do {
      for (let used = takeExchange(queue); used !== null; used = takeExchange(queue)) {
        this.#idle.push(used.finish());
        this.unsent -= this.#lengths.shift() ?? 0;
      }
      if (queue.violation !== null) {
        this.#owner.fail(queue.violation);
        return;
      }
    } while (queue.enableInterrupts());
    if (this.#idle.length === transmitBuffers) this.#cancelLook();
  }

  /** As long as something is under way, should an interrupt or a notification be lost. */
  #look(): void {
    this.#cancelLook();
    if (this.unsent === 0) return;
    const { platform } = this.#owner;
    this.#cancelLook = platform.at(platform.now() + lookPeriod, () => {
      if (this.#transmit.hasUsed) this.#counters.lostInterrupts += 1;
      this.#transmit.kickIfStuck(false);
      this.serve();
      this.#look();
    });
  }
}
