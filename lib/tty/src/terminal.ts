/**
 * A terminal on the service's side: the line discipline between the app and any number of devices. Output goes
 * to all devices, input comes from any of them.
 *
 * A device whose other side does not read makes the app wait, as a terminal does, but not for ever: when
 * nothing moved for `patience` and the app waits for room, the device's part is dropped and counted, and it is
 * told so once it takes something again. In the same way Ctrl-S ends by itself.
 */
import type { TerminalCounters, TerminalDevice, TerminalSize } from './device.ts';
import { terminalWaitsDrain, terminalWaitsSpace } from './generated/shared-memory.ts';
import { type KeySignal, LineDiscipline, type LineDisciplineHost } from './line-discipline.ts';
import { DeviceOutput } from './output.ts';
import { defaultSettings } from './settings.ts';
import { distance, type SharedMemory, SharedTerminal } from './shared-terminal.ts';

/** The kernel, for one terminal. */
export interface TerminalKernel {
  /** Wakes those who wait for what has changed in the block. */
  notify(): void;
  /** Makes the output ring larger. @returns false when it stays as it is */
  grow(capacity: number): boolean;
  signal(signal: KeySignal, flush: boolean): void;
  resize(size: TerminalSize): void;
}

/** What a terminal is made of. */
export interface TerminalOptions {
  readonly memory: SharedMemory;
  /** Place of its block in the memory. */
  readonly block: number;
  readonly kernel: TerminalKernel;
  readonly devices: readonly TerminalDevice[];
  /** Microseconds on a clock that never goes back. */
  now(): number;
  /** Makes the loop turn once more before it sleeps. */
  wake(): void;
  /** Reading gives the end of file when a device's other side has gone, and no other device is left. */
  readonly endsWithConnection: boolean;
}

/** How long a device may take nothing while the app waits for room. */
const patience = 2_000_000;
/** How long Ctrl-S may keep an app that waits for room. */
const holdPatience = 60_000_000;
const inputPiece = 4096;
/** How long input is taken in one turn, microseconds: the network has its turn in between. */
const inputTime = 2_000;
/** The ring grows by this factor when the app writes faster than devices take. */
const growth = 4;
/** Of the ring: less is free, it is short; more is free, waiters are woken (as the kernel has it). */
const shortPart = 8;
const wakePart = 4;
/** Bytes that are enough in a large ring. The same in native/kernel/terminal/terminal_output.cpp. */
const enoughSpace = 32 * 1024;
const longestColumnSearch = 512;

/** A device's part in the input. */
interface DeviceInput {
  readonly device: TerminalDevice;
  readonly buffer: Uint8Array;
  /** What of the buffer the discipline has not taken yet. */
  begin: number;
  end: number;
  /** The device has said that it has some. */
  isReadable: boolean;
}

/** A terminal and its devices. */
export class Terminal implements LineDisciplineHost {
  readonly #shared: SharedTerminal;
  readonly #kernel: TerminalKernel;
  readonly #options: TerminalOptions;
  readonly #now: () => number;
  readonly #discipline: LineDiscipline;
  readonly #outputs: DeviceOutput[] = [];
  readonly #inputs: DeviceInput[] = [];
  #settingsSequence = -1;
  #inputFlushes: number;
  #outputFlushes: number;
  #canGrow = true;
  #heldSince = 0;
  #size: TerminalSize | undefined;
  #inputBytes = 0;
  #hasHungUp = false;
  /** A device, or the last turn, has left something to do. */
  #isTouched = true;
  /** What the last turn returned. */
  #nextTurn = 0;

  /** Starts the devices; one that cannot be is left out, and given to `failed`. */
  constructor(options: TerminalOptions, failed: (device: TerminalDevice, error: unknown) => void) {
    this.#options = options;
    this.#now = () => options.now();
    this.#kernel = options.kernel;
    this.#shared = new SharedTerminal(options.memory, options.block);
    this.#discipline = new LineDiscipline(this, defaultSettings());
    this.#inputFlushes = this.#shared.inputFlushes;
    this.#outputFlushes = this.#shared.outputFlushes;
    for (const device of options.devices) this.#start(device, failed);
    this.#followSize();
    this.#publish();
  }

  #start(device: TerminalDevice, failed: (device: TerminalDevice, error: unknown) => void): void {
    const position = device.isBootConsole ? this.#shared.earlyHead : this.#shared.outputTail;
    const output = new DeviceOutput(device, position, this.#now());
    const input = {
      device,
      buffer: new Uint8Array(inputPiece),
      begin: 0,
      end: 0,
      isReadable: true,
    };
    try {
      device.start({
        readable: () => {
          input.isReadable = true;
          this.#touch();
        },
        writable: () => {
          output.isBlocked = false;
          this.#touch();
        },
        resized: () => {
          this.#followSize();
        },
        breakReceived: () => {
          this.#discipline.receiveBreak();
          this.#touch();
        },
        connectionChanged: () => {
          this.#followConnection(device);
          this.#touch();
        },
      });
    } catch (error) {
      failed(device, error);
      return;
    }
    this.#outputs.push(output);
    this.#inputs.push(input);
  }

  /** What happened so far, by device. */
  get counters(): Readonly<Record<string, TerminalCounters>> {
    const byDevice = this.#outputs.map(
      ({ device, counters }) => [device.name, { ...device.counters, ...counters }] as const,
    );
    const own = { ...this.#discipline.counters, inputBytes: this.#inputBytes };
    return { ...Object.fromEntries(byDevice), discipline: own };
  }

  /** Bytes of input and output so far, which differs whenever counters do. */
  get movedBytes(): number {
    return this.#shared.outputHead + this.#inputBytes;
  }

  /**
   * Does what there is to do. It is called in every turn of the loop, so that little is done where nothing is to do.
   * @returns when there is more to do by itself, on the clock of now()
   */
  turn(): number {
    if (this.#isQuiet()) return this.#nextTurn;
    this.#isTouched = false;
    this.#shared.noteChanges();
    const now = this.#now();
    this.#followSettings();
    this.#followFlushes();
    const hasInput = this.#takeInput(now + inputTime);
    const hasOutput = this.#giveOutput();
    this.#giveUp(now);
    this.#publish(now);
    this.#tellKernel();
    if (hasInput || hasOutput) this.#isTouched = true;
    this.#nextTurn = this.#isTouched ? 0 : this.#deadline(now);
    return this.#nextTurn;
  }

  #isQuiet(): boolean {
    if (this.#isTouched || this.#shared.hasChanged) return false;
    for (let index = 0; index < this.#outputs.length; index += 1) {
      if ((this.#outputs[index] as DeviceOutput).hasSent) return false;
    }
    return this.#nextTurn === Number.POSITIVE_INFINITY || this.#now() < this.#nextTurn;
  }

  #touch(): void {
    this.#isTouched = true;
    this.#options.wake();
  }

  // LineDisciplineHost

  room(): number {
    return this.#shared.inputRoom();
  }

  deliver(bytes: Uint8Array, isLine: boolean): void {
    this.#shared.pushInput(bytes, isLine ? 'line' : 'data');
    this.#inputBytes += bytes.length;
    this.#kernel.notify();
  }

  echo(bytes: Uint8Array): void {
    const head = this.#shared.outputHead;
    for (const output of this.#outputs) output.echo(bytes, head);
  }

  column(): number {
    let column = 0;
    const most = Math.min(longestColumnSearch, this.#shared.outputCapacity);
    for (let back = 1; back <= most; back += 1) {
      const byte = this.#shared.outputByte(back);
      if (byte === 0x0a || byte === 0x0d) break;
      if (byte >= 0x20 && (byte & 0xc0) !== 0x80) column += 1;
    }
    return column;
  }

  signal(signal: KeySignal, flush: boolean): void {
    this.#kernel.signal(signal, flush);
    this.#followFlushes();
  }

  holdOutput(isHeld: boolean): void {
    if (isHeld) this.#heldSince = this.#now();
  }

  #followSettings(): void {
    const sequence = this.#shared.settingsSequence;
    if (sequence === this.#settingsSequence) return;
    const settings = this.#shared.readSettings();
    if (settings === undefined) {
      this.#touch();
      return;
    }
    this.#settingsSequence = sequence;
    this.#discipline.change(settings);
  }

  #followFlushes(): void {
    const { inputFlushes, outputFlushes, outputFlushed } = this.#shared;
    if (inputFlushes !== this.#inputFlushes) {
      this.#inputFlushes = inputFlushes;
      this.#discipline.flush();
    }
    if (outputFlushes === this.#outputFlushes) return;
    this.#outputFlushes = outputFlushes;
    for (const output of this.#outputs) {
      if (distance(output.position, outputFlushed) < 2 ** 31) output.skipTo(outputFlushed);
    }
  }

  /**
   * @param end when to leave the rest to the next turn; a piece of each device is taken in any case
   * @returns whether some may be left that could be taken now
   */
  #takeInput(end: number): boolean {
    let isLeft = false;
    for (const input of this.#inputs) {
      while (input.begin < input.end || this.#fill(input)) {
        const given = input.buffer.subarray(input.begin, input.end);
        const taken = this.#discipline.receive(given);
        input.begin += taken;
        if (taken < given.length) break; // the app has to read first, which wakes this service
        if (this.#now() < end) continue;
        isLeft = true;
        break;
      }
    }
    if (this.#inputs.length === 0 && this.#shared.isInputEmpty) this.#end();
    return isLeft;
  }

  #fill(input: DeviceInput): boolean {
    if (!input.isReadable) return false;
    // Set before reading: what comes later is told anew.
    input.isReadable = false;
    input.begin = 0;
    input.end = input.device.read(input.buffer);
    if (input.end > 0) input.isReadable = true;
    return input.end > 0;
  }

  #end(): void {
    this.#shared.pushInput(new Uint8Array(0), 'end');
    this.#kernel.notify();
  }

  get #isHeld(): boolean {
    return this.#discipline.isOutputHeld || this.#shared.isOutputStopped;
  }

  /** @returns whether devices would take more now */
  #giveOutput(): boolean {
    if (this.#isHeld) return false;
    let isLeft = false;
    for (const output of this.#outputs) isLeft = output.pump(this.#shared, this.#now) || isLeft;
    return isLeft;
  }

  get #isAwaited(): boolean {
    return (this.#shared.kernelWaits & (terminalWaitsSpace | terminalWaitsDrain)) !== 0;
  }

  /** Nobody waits for ever for somebody who does not read. */
  #giveUp(now: number): void {
    if (!this.#isAwaited) return;
    if (this.#isHeld) {
      if (this.#discipline.isOutputHeld && now - this.#heldSince >= holdPatience) {
        this.#discipline.releaseOutput();
        this.#touch();
      }
      return;
    }
    const head = this.#shared.outputHead;
    for (const output of this.#outputs) {
      if (!output.isBlocked) continue;
      output.wait(now);
      if (output.isStalled || now - output.movedAt >= patience) output.giveUp(head);
    }
  }

  #publish(now = this.#now()): void {
    const shared = this.#shared;
    const head = shared.outputHead;
    let tail = head;
    let unsent = 0;
    let boot: number | undefined;
    for (const output of this.#outputs) {
      const { device } = output;
      // What the boot console has not sent, the kernel sends should this service end.
      const position = device.isBootConsole ? output.settled : output.position;
      if (distance(position, head) > distance(tail, head)) tail = position;
      unsent += output.unsent(now, patience);
      if (device.isBootConsole) boot = position;
    }
    shared.setBootConsole(boot);
    shared.outputTail = tail;
    shared.unsent = unsent;
  }

  #tellKernel(): void {
    const waits = this.#shared.kernelWaits;
    if (waits === 0) return;
    const { outputCapacity, outputHead, outputTail } = this.#shared;
    const free = outputCapacity - distance(outputTail, outputHead);
    if (free < outputCapacity / shortPart && waits & terminalWaitsSpace) this.#grow(outputCapacity);
    // Who waits for the end is told of every step: it gives up when there is none.
    if (free >= Math.min(outputCapacity / wakePart, enoughSpace) || waits & terminalWaitsDrain)
      this.#kernel.notify();
  }

  #grow(capacity: number): void {
    if (!this.#canGrow || this.#isHeld) return;
    this.#canGrow = this.#kernel.grow(capacity * growth);
    if (this.#canGrow) this.#touch();
  }

  /**
   * When to look whether somebody waits for a device that takes nothing. Whether somebody waits now does not matter: who
   * begins to wait does not always say so.
   */
  #deadline(now: number): number {
    const next = (since: number, period: number): number =>
      now - since >= period ? now + period : since + period;
    if (this.#isHeld) {
      const isByKey = this.#discipline.isOutputHeld;
      return isByKey ? next(this.#heldSince, holdPatience) : Number.POSITIVE_INFINITY;
    }
    let deadline = Number.POSITIVE_INFINITY;
    for (const output of this.#outputs) {
      if (output.isBlocked) deadline = Math.min(deadline, next(output.movedAt, patience));
      if (output.unsent(now, patience) > 0) {
        deadline = Math.min(deadline, output.unsentDeadline(patience));
      }
    }
    return deadline;
  }

  /** The smallest of all devices, so that what the app draws fits on each. */
  #followSize(): void {
    let columns = Number.POSITIVE_INFINITY;
    let rows = Number.POSITIVE_INFINITY;
    for (const { device } of this.#outputs) {
      if (device.size === undefined || !device.isConnected) continue;
      columns = Math.min(columns, device.size.columns);
      rows = Math.min(rows, device.size.rows);
    }
    if (columns === Number.POSITIVE_INFINITY || columns < 1 || rows < 1) return;
    if (this.#size?.columns === columns && this.#size.rows === rows) return;
    this.#size = { columns, rows };
    this.#kernel.resize(this.#size);
  }

  #followConnection(changed: TerminalDevice): void {
    this.#followSize();
    const output = this.#outputs.find(({ device }) => device === changed);
    if (output !== undefined) output.isBlocked = false;
    const isAlone = this.#outputs.every(({ device }) => !device.isConnected);
    if (!isAlone) this.#hasHungUp = false;
    else if (this.#options.endsWithConnection && !this.#hasHungUp) {
      this.#hasHungUp = true;
      this.#discipline.flush();
      this.#end();
    }
  }
}
