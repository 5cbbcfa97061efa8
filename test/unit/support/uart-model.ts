/**
 * A serial port for tests: a 16550 with its FIFOs, behind the kernel's functions for ports (PC16550D data sheet). Its
 * interrupt line tells of edges, and edges that come while it is masked are lost, as with an I/O APIC.
 */
import type { Interrupt, SerialPort } from '@runtimejs/platform/platform.ts';
import { FakeInterrupt } from './fake-platform.ts';

const fifoBytes = 16;
/** Without FIFOs, as after a reset, there is one register. */
const registerBytes = 1;
const triggers = [1, 4, 8, 14] as const;

/** A line that is masked from when it interrupts until it is acknowledged. */
class LineInterrupt extends FakeInterrupt {
  #isMasked = false;
  /** Edges that nobody saw. */
  lost = 0;
  /** How many edges to lose. */
  toLose = 0;

  edge(): void {
    if (this.#isMasked || this.toLose > 0) {
      this.lost += 1;
      if (!this.#isMasked) this.toLose -= 1;
      return;
    }
    this.#isMasked = true;
    this.raised += 1;
  }

  override acknowledge(): void {
    super.acknowledge();
    this.#isMasked = false;
  }
}

/** The port. */
export class UartModel implements SerialPort {
  readonly number: number;
  readonly isBootConsole: boolean;
  readonly line = new LineInterrupt(0, 0);
  /** What was written to registers, by number, in order; the last value counts. */
  readonly writes: { readonly number: number; readonly value: number }[] = [];
  /** What has left the port. */
  readonly sent: number[] = [];
  /** Bytes that the other side takes before the transmitter is full. */
  room = Number.POSITIVE_INFINITY;
  errors = 0;
  /** open() fails. */
  isTaken = false;
  /** The port interrupts for this reason whatever is done. */
  stuckCause: number | undefined;
  #received: number[] = [];
  #status = 0;
  #enabled = 0;
  #trigger: number = triggers[0];
  #hasFifos = false;
  readonly #divisor = [0, 0];
  #timedOut = false;
  #isTransmitterTold = true;
  #level = false;

  constructor(number = 0, isBootConsole = true) {
    this.number = number;
    this.isBootConsole = isBootConsole;
  }

  open(): Interrupt {
    if (this.isTaken) throw new Error('EBUSY');
    return this.line;
  }

  /** How many bytes its other side may send now; beyond them they overrun. */
  get receiveRoom(): number {
    return (this.#hasFifos ? fifoBytes : registerBytes) - this.#received.length;
  }

  /** Bytes arrive. */
  send(bytes: Iterable<number>): void {
    for (const byte of bytes) {
      if (this.receiveRoom === 0) this.#status |= 2;
      else this.#received.push(byte);
    }
    this.#update();
  }

  /** Four characters' time passes without a byte: what is below the trigger level is told of. */
  pause(): void {
    this.#timedOut = this.#received.length > 0;
    this.#update();
  }

  /** Error bits of the line status arrive. */
  fail(bits: number): void {
    this.#status |= bits;
    this.#update();
  }

  /** The other side reads. */
  drain(room: number): void {
    this.room = room;
    if (room > 0) this.#isTransmitterTold = false;
    this.#update();
  }

  read(number: number): number {
    if (number === 2) {
      const cause = this.#cause();
      if (cause === 0x02) this.#isTransmitterTold = true;
      this.#update();
      return (cause ?? 1) | (this.#hasFifos ? 0xc0 : 0);
    }
    if (number === 3) return this.#last(3);
    if (number < 2 && this.#last(3) >= 0x80) return this.#divisor[number] as number;
    if (number === 5) return this.#readStatus();
    if (number === 6) return 0;
    throw new Error(`read of register ${number}`);
  }

  write(number: number, value: number): void {
    this.writes.push({ number, value });
    const isDivisor = this.#last(3) >= 0x80 && number < 2;
    if (isDivisor) this.#divisor[number] = value;
    else if (number === 1) {
      // Switched on, an empty transmitter is told of again.
      if (value & 2 && (this.#enabled & 2) === 0) this.#isTransmitterTold = false;
      this.#enabled = value;
    } else if (number === 2) {
      this.#trigger = triggers[value >> 6] ?? 1;
      // Switching FIFOs on or off empties them, and the register.
      const hasFifos = (value & 1) === 1;
      if (value & 2 || hasFifos !== this.#hasFifos) this.#received = [];
      this.#hasFifos = hasFifos;
    }
    this.#update();
  }

  transmit(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.sent.push(...bytes.subarray(0, count));
    if (count > 0 && this.room > 0) this.#isTransmitterTold = false;
    this.#update();
    return count;
  }

  receive(into: Uint8Array): number {
    this.errors = 0;
    let count = 0;
    for (;;) {
      this.errors |= this.#readStatus() & 0x1e;
      if (count === into.length || this.#received.length === 0) return count;
      into[count++] = this.#received.shift() as number;
      this.#timedOut = false;
      this.#update();
    }
  }

  /** The last value that was written to a register. */
  #last(number: number): number {
    return this.writes.findLast((write) => write.number === number)?.value ?? 0;
  }

  get interruptEnable(): number {
    return this.#enabled;
  }

  #readStatus(): number {
    const status = this.#status;
    this.#status = 0;
    this.#update();
    return status | (this.#received.length > 0 ? 1 : 0) | (this.room > 0 ? 0x20 : 0);
  }

  #cause(): number | undefined {
    if (this.stuckCause !== undefined) return this.stuckCause;
    if (this.#enabled & 4 && this.#status !== 0) return 0x06;
    if (this.#enabled & 1 && this.#received.length >= this.#trigger) return 0x04;
    if (this.#enabled & 1 && this.#timedOut) return 0x0c;
    if (this.#enabled & 2 && this.room > 0 && !this.#isTransmitterTold) return 0x02;
    return undefined;
  }

  #update(): void {
    const level = this.#cause() !== undefined;
    if (level && !this.#level) this.line.edge();
    this.#level = level;
  }
}
