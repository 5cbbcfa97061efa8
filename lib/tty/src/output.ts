/** Where one device is in a terminal's output, and what it is given next. */
import type { TerminalCounters, TerminalDevice } from './device.ts';
import { distance, type SharedTerminal } from './shared-terminal.ts';

/** Most bytes that a device is given at once, and in one turn. */
const pieceBytes = 2 * 1024;
const turnBytes = 64 * 1024;
/**
 * How long a device is given output in one turn, microseconds: a serial line takes some for each byte, and the
 * network has its turn in between.
 */
const turnTime = 2_000;
/** Echo that waits behind output; more is dropped. */
const echoCapacity = 64 * 1024;
const encoder = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

interface Echo {
  /** Position in the output that it comes before. */
  at: number;
  bytes: Uint8Array;
}

/** A device's part in the output of a terminal. */
export class DeviceOutput {
  readonly device: TerminalDevice;
  /** Up to here the device has taken the output. */
  position: number;
  /** The device took less than it was given, and has not said that there is room. */
  isBlocked = false;
  /** When the device last took something, or had nothing to take; microseconds. */
  movedAt: number;
  readonly #counters = {
    outputBytes: 0,
    droppedBytes: 0,
    unconnectedBytes: 0,
    droppedEchoBytes: 0,
  };
  readonly #echoes: Echo[] = [];
  #echoBytes = 0;
  /** Bytes that were skipped because the other side did not read, since it was last told. */
  #untold = 0;
  #unsentBefore = 0;
  #unsentSince = 0;
  #settled: number;

  constructor(device: TerminalDevice, position: number, now: number) {
    this.device = device;
    this.position = position;
    this.#settled = position;
    this.movedAt = now;
  }

  get counters(): TerminalCounters {
    return this.#counters;
  }

  /**
   * Bytes that the device has taken and not sent; 0 when it does not get on, so that nobody waits for it.
   * @param patience how long it may stand still
   */
  unsent(now: number, patience: number): number {
    const { unsent, isAway } = this.device;
    if (unsent !== this.#unsentBefore || isAway) {
      this.#unsentBefore = unsent;
      this.#unsentSince = now;
    }
    return now - this.#unsentSince >= patience ? 0 : unsent;
  }

  /**
   * Up to here the output has surely left the device, should it and this service end: never beyond `position`, and never
   * going back.
   */
  get settled(): number {
    const { unsent } = this.device;
    if (distance(this.#settled, this.position) > unsent) {
      this.#settled = (this.position - unsent) >>> 0;
    }
    return this.#settled;
  }

  /** Nothing moves because the device's driver is being started again: it is waited for. */
  wait(now: number): void {
    if (this.device.isAway) this.movedAt = now;
  }

  /** The device has sent something of what it took since unsent() was called. */
  get hasSent(): boolean {
    return this.device.unsent !== this.#unsentBefore;
  }

  /** Until when the device has time to send what it took. */
  unsentDeadline(patience: number): number {
    return this.#unsentBefore > 0 ? this.#unsentSince + patience : Number.POSITIVE_INFINITY;
  }

  /** Whether the device has been given up on until it takes something again. */
  get isStalled(): boolean {
    return this.#untold > 0;
  }

  isBehind(head: number): boolean {
    return this.#echoes.length > 0 || this.position !== head;
  }

  /** Shows bytes behind the output so far. */
  echo(bytes: Uint8Array, head: number): void {
    if (!this.device.isConnected || this.isStalled) return;
    if (this.#echoBytes + bytes.length > echoCapacity) {
      this.#counters.droppedEchoBytes += bytes.length;
      return;
    }
    this.#echoes.push({ at: head, bytes: bytes.slice() });
    this.#echoBytes += bytes.length;
  }

  /** Goes on at another position without showing what lies between. */
  skipTo(position: number): void {
    this.position = position;
    this.#settled = position;
    for (const echo of this.#echoes) {
      if (distance(echo.at, position) < 2 ** 31) echo.at = position;
    }
  }

  /** Gives up on what the device did not take: its other side does not read. */
  giveUp(head: number): void {
    const dropped = distance(this.position, head);
    this.#untold += dropped;
    this.#counters.droppedBytes += dropped;
    this.position = head;
    this.#settled = head;
    this.#echoes.length = 0;
    this.#echoBytes = 0;
  }

  /**
   * Gives the device what it takes, for as long as one turn may last.
   * @param clock microseconds
   * @returns whether there is more that it would take now
   */
  pump(shared: SharedTerminal, clock: () => number): boolean {
    const head = shared.outputHead;
    if (!this.device.isConnected) {
      this.#counters.unconnectedBytes += distance(this.position, head);
      this.skipTo(head);
      this.#echoes.length = 0;
      this.#echoBytes = 0;
      this.isBlocked = false;
    }
    let now = clock();
    const end = now + turnTime;
    if (!this.isBehind(head)) this.movedAt = now;
    if (this.isBlocked) return false;
    if (this.#untold > 0 && !this.#tell()) return false;
    for (let budget = turnBytes; budget > 0 && now < end && this.isBehind(head); now = clock()) {
      const given = this.#next(shared, head, Math.min(budget, pieceBytes));
      const taken = this.device.write(given);
      if (taken > 0) this.movedAt = now;
      this.#took(taken);
      budget -= taken;
      if (taken < given.length) {
        this.isBlocked = true;
        return false;
      }
    }
    return this.isBehind(head);
  }

  #next(shared: SharedTerminal, head: number, most: number): Uint8Array {
    const echo = this.#echoes[0];
    if (echo === undefined) return shared.output(this.position, head, most);
    return echo.at === this.position ? echo.bytes : shared.output(this.position, echo.at, most);
  }

  #took(count: number): void {
    this.#counters.outputBytes += count;
    const echo = this.#echoes[0];
    if (echo === undefined || echo.at !== this.position) {
      this.position = (this.position + count) >>> 0;
      return;
    }
    this.#echoBytes -= count;
    if (count < echo.bytes.length) echo.bytes = echo.bytes.subarray(count);
    else this.#echoes.shift();
  }

  /** Somebody reads again: says how much was dropped. @returns false when it is blocked, still or again */
  #tell(): boolean {
    const line = encoder(
      `\r\n[runtime] ${this.#untold} bytes of output were dropped: nobody read ${this.device.name}\r\n`,
    );
    const taken = this.device.write(line);
    this.isBlocked = taken < line.length;
    if (taken === 0) return false;
    this.#untold = 0;
    if (this.isBlocked) {
      this.#echoes.unshift({ at: this.position, bytes: line.subarray(taken) });
      this.#echoBytes += line.length - taken;
    }
    return !this.isBlocked;
  }
}
