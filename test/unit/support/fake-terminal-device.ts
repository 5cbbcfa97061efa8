/** A terminal device that tests play: what is shown, what is typed, how fast it is. */
import type { TerminalDevice, TerminalHost, TerminalSize } from '@runtimejs/tty/device.ts';

/** A device. */
export class FakeTerminalDevice implements TerminalDevice {
  readonly name: string;
  readonly fileName: string;
  readonly isBootConsole: boolean;
  size: TerminalSize | undefined;
  isConnected = true;
  unsent = 0;
  readonly counters = {};
  /** What it has shown, each byte a character. */
  shown = '';
  /** Bytes that it takes before it is full. */
  capacity = Number.POSITIVE_INFINITY;
  host: TerminalHost | undefined;
  #typed: number[] = [];

  constructor(name: string, isBootConsole = false) {
    this.name = name;
    this.fileName = name;
    this.isBootConsole = isBootConsole;
  }

  start(host: TerminalHost): void {
    this.host = host;
  }

  stop(): void {
    this.host = undefined;
  }

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.capacity);
    this.capacity -= count;
    this.shown += Buffer.from(bytes.subarray(0, count)).toString('latin1');
    return count;
  }

  read(into: Uint8Array): number {
    const taken = this.#typed.splice(0, into.length);
    into.set(taken);
    return taken.length;
  }

  /** Presses keys. */
  type(text: string): void {
    for (const byte of Buffer.from(text, 'latin1')) this.#typed.push(byte);
    this.host?.readable();
  }

  /** Keys that the host has not taken. */
  get waiting(): number {
    return this.#typed.length;
  }

  /** Makes room. */
  drain(bytes: number): void {
    this.capacity = bytes;
    this.host?.writable();
  }

  takeShown(): string {
    const { shown } = this;
    this.shown = '';
    return shown;
  }
}
