/**
 * Terminals whose driver has an isolate of its own, as the terminal service sees them. Output that a terminal has
 * taken stays in its ring until the device has sent it, so that the driver's next life goes on where the last one
 * was; input that its last life has left is read first.
 */
import type { GrantedDevice } from '@runtimejs/isolate/isolates.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { TerminalDevice, TerminalHost, TerminalSize } from '@runtimejs/tty/device.ts';
import { ByteReader, ByteWriter } from './byte-ring.ts';
import { LifeCounters } from './life-counters.ts';
import { Conversation, type DriverMessage, type ReplacementMessage } from './messages.ts';
import type { PlacedListener } from './placed-driver.ts';
import { ringAt } from './ring.ts';
import { terminalPlace } from './terminal-layout.ts';
import { type TerminalMessage, terminalMessage } from './terminal-messages.ts';

/** How long a driver may take to be there again before its terminals count as stuck, microseconds. */
const absence = 10_000_000;
/** Most bytes of input that lives of the driver have left and nobody has read. */
const mostLeft = 64 * 1024;

/** What a terminal is, which is known while its driver does not run. */
export interface TerminalIdentity
  extends Pick<TerminalDevice, 'name' | 'fileName' | 'isBootConsole' | 'size' | 'isConnected'> {}

/** What a driver has left in the memory of its device, when it has ended and the device is quiet. */
export interface TerminalRemains {
  readonly memory: Memory;
  /** Where the memory of the device begins, and its bytes. */
  readonly start: number;
  readonly size: number;
  /** Where the driver's record of the terminal is: see terminal-layout.ts. */
  readonly record: number;
  /** Bytes of input that the driver has shown in this life, modulo 2^32. */
  readonly shown: number;
}

/** What became of a terminal's bytes, as far as a life of its driver had no time to say so. */
export interface TerminalSettlement {
  /** Bytes of output that the device has sent in this life, modulo 2^32. */
  readonly sent?: number;
  /** Bytes of input that are in the ring, those included that were not shown. */
  readonly received?: number;
  /** Input that follows what the ring has. */
  readonly input?: Uint8Array;
}

type Voice = Conversation<ReplacementMessage, DriverMessage | TerminalMessage>;

/** One terminal. */
export class PlacedTerminal implements TerminalDevice {
  readonly name: string;
  readonly fileName: string;
  readonly isBootConsole: boolean;
  readonly index: number;
  size: TerminalSize | undefined;
  isConnected: boolean;
  /** What is known here, whatever the driver had time to say. */
  readonly #own = {
    sentBytes: 0,
    receivedBytes: 0,
    driverEnds: 0,
    sentAgain: 0,
    lostInputBytes: 0,
  };
  readonly #counted = new LifeCounters();
  #host: TerminalHost | undefined;
  #voice: Voice | undefined;
  #output: ByteWriter | undefined;
  #input: ByteReader | undefined;
  /** What is to be shown first by the next life. */
  #unsent: Uint8Array = new Uint8Array(0);
  /** Input of former lives. */
  #left: Uint8Array = new Uint8Array(0);
  /** write() has taken less than it was given. */
  #isBlocked = false;
  #isStopping = false;
  /** Until when the driver is waited for; undefined when it is there. */
  #awaitedUntil: number | undefined;
  readonly #now: () => number;
  readonly #stopped: () => void;

  /** @param stopped runs when the terminal is not wanted any more */
  constructor(identity: TerminalIdentity, index: number, now: () => number, stopped: () => void) {
    this.name = identity.name;
    this.fileName = identity.fileName;
    this.isBootConsole = identity.isBootConsole;
    this.size = identity.size;
    this.isConnected = identity.isConnected;
    this.index = index;
    this.#now = now;
    this.#awaitedUntil = now() + absence;
    this.#stopped = stopped;
  }

  get counters(): Readonly<Record<string, number>> {
    const { sums } = this.#counted;
    return { ...sums, ...this.#own, sentBytes: this.#own.sentBytes - this.unsent };
  }

  get isAway(): boolean {
    return this.#awaitedUntil !== undefined && this.#now() < this.#awaitedUntil;
  }

  get unsent(): number {
    return this.#unsent.length + (this.#output?.unread ?? 0);
  }

  start(host: TerminalHost): void {
    this.#host = host;
    host.readable();
  }

  write(bytes: Uint8Array): number {
    const output = this.#output;
    if (output === undefined || this.#isStopping) {
      this.#isBlocked = true;
      return 0;
    }
    let taken = 0;
    do {
      taken += output.push(bytes.subarray(taken), this.#ring);
      this.#isBlocked = taken < bytes.length;
    } while (!this.#awaitRoom(output));
    this.#own.sentBytes += taken;
    return taken;
  }

  read(into: Uint8Array): number {
    if (this.#left.length > 0) {
      const count = Math.min(into.length, this.#left.length);
      into.set(this.#left.subarray(0, count));
      this.#left = this.#left.subarray(count);
      this.#own.receivedBytes += count;
      return count;
    }
    const input = this.#input;
    if (input === undefined) return 0;
    do {
      const bytes = input.next().subarray(0, into.length);
      if (bytes.length === 0) continue;
      into.set(bytes);
      input.take(bytes.length);
      if (input.publish()) this.#ring();
      this.#own.receivedBytes += bytes.length;
      return bytes.length;
    } while (input.sleep(true) && input.violation === null);
    return 0;
  }

  stop(): void {
    this.#host = undefined;
    this.#stopped();
  }

  /** The driver lives. @param start where the memory of the device begins */
  begin(voice: Voice, memory: Memory, start: number): void {
    const { output, input } = terminalPlace(this.index);
    this.#voice = voice;
    this.#output = new ByteWriter(memory, ringAt(output, start));
    this.#input = new ByteReader(memory, ringAt(input, start));
    this.#input.sleep(true);
    this.#isStopping = false;
    this.#output.push(this.#unsent, this.#ring); // it came out of such a ring: it fits
    this.#own.sentAgain += this.#unsent.length;
    this.#unsent = new Uint8Array(0);
    this.look();
  }

  /** The driver has started. */
  ready(): void {
    this.#awaitedUntil = undefined;
  }

  /** The driver is about to be replaced. */
  pause(): void {
    this.#isStopping = true;
  }

  /** The driver has ended, and its device is quiet. @param settle finds out what the driver did not come to say */
  end(
    { memory, offset, size }: { memory: Memory; offset: number; size: number },
    settle: ((remains: TerminalRemains) => TerminalSettlement) | undefined,
  ): void {
    const [output, input] = [this.#output, this.#input];
    if (output === undefined || input === undefined) return;
    const place = terminalPlace(this.index);
    const shown = Atomics.load(memory.words, (offset + place.input.control) / 4) >>> 0;
    const remains = { memory, start: offset, size, record: offset + place.record, shown };
    const settled = settle?.(remains) ?? {};
    this.#unsent = output.rest(settled.sent);
    this.#keep(input.rest(settled.received));
    if (settled.input !== undefined) this.#keep(settled.input);
    this.#voice = undefined;
    this.#output = undefined;
    this.#input = undefined;
    this.#own.driverEnds += 1;
    this.#awaitedUntil = this.#now() + absence;
    this.#counted.end();
    if (this.#left.length > 0) this.#host?.readable();
  }

  /** Something may be in the rings, or room. @returns what the driver did wrong */
  look(): string | null {
    const [output, input] = [this.#output, this.#input];
    if (output === undefined || input === undefined) return null;
    if (input.sleep(true)) this.#host?.readable();
    if (this.#awaitRoom(output)) return output.violation ?? input.violation;
    this.#isBlocked = false;
    this.#host?.writable();
    return output.violation ?? input.violation;
  }

  /** Takes what the driver says of it. */
  told(message: TerminalMessage): void {
    switch (message.is) {
      case 'terminalCounters':
        this.#counted.tell(message.counters);
        break;
      case 'break':
        this.#host?.breakReceived();
        break;
      case 'terminal': {
        const { isConnected, size } = message;
        const isOther = this.isConnected !== isConnected;
        this.isConnected = isConnected;
        this.size = size ?? undefined;
        this.#host?.resized();
        if (isOther) this.#host?.connectionChanged();
      }
    }
  }

  /**
   * Asks to be woken when a half is free while somebody waits for room, else when all of it is.
   * @returns false when somebody waits, and there is room by now
   */
  #awaitRoom(output: ByteWriter): boolean {
    const { size } = terminalPlace(this.index).output;
    if (output.violation !== null) return true;
    const isWaiting = output.wantRoom(this.#isBlocked ? size / 2 : size);
    return isWaiting || !this.#isBlocked;
  }

  #keep(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, mostLeft - this.#left.length);
    this.#own.lostInputBytes += bytes.length - kept.length;
    const all = new Uint8Array(this.#left.length + kept.length);
    all.set(this.#left);
    all.set(kept, this.#left.length);
    this.#left = all;
  }

  readonly #ring = (): void => this.#voice?.ring();
}

/** The terminals of one device. */
export class PlacedTerminals implements PlacedListener {
  readonly terminals: readonly PlacedTerminal[];
  readonly #context: SystemContext;
  readonly #settle: ((remains: TerminalRemains) => TerminalSettlement) | undefined;
  #granted: GrantedDevice | undefined;
  #wanted: number;

  /** @param settle see PlacedTerminal.end() */
  constructor(
    identities: readonly TerminalIdentity[],
    context: SystemContext,
    settle: ((remains: TerminalRemains) => TerminalSettlement) | undefined,
  ) {
    this.#context = context;
    this.#settle = settle;
    this.#wanted = identities.length;
    this.terminals = identities.map(
      (identity, index) =>
        new PlacedTerminal(
          identity,
          index,
          () => context.platform.now(),
          () => {
            this.#wanted -= 1;
            if (this.#wanted === 0) this.onStopped();
          },
        ),
    );
  }

  started(channel: Channel, granted: GrantedDevice): Voice {
    this.#granted = granted;
    const voice: Voice = new Conversation<ReplacementMessage, DriverMessage | TerminalMessage>(
      channel,
      this.#context.bindings.text,
      {
        bell: () => this.#look(),
        told: (message) => {
          if ('index' in message) {
            this.terminals[message.index]?.told(message);
            return;
          }
          if (message.is === 'ready') for (const each of this.terminals) each.ready();
          this.onTold(message);
        },
        violated: (violation) => this.onViolation(`it broke the rules: ${violation}`),
      },
      terminalMessage,
    );
    for (const each of this.terminals) each.begin(voice, this.#context.memory, granted.offset);
    return voice;
  }

  stopping(): void {
    for (const each of this.terminals) each.pause();
  }

  stopped(then: () => void): void {
    then(); // what it has left is taken when it has ended
  }

  ended(): void {
    if (this.#granted === undefined) return;
    const { memory } = this.#context;
    for (const each of this.terminals) each.end({ memory, ...this.#granted }, this.#settle);
  }

  #look(): void {
    for (const each of this.terminals) {
      const violation = each.look();
      if (violation !== null) this.onViolation(`it broke the rules: ${violation}`);
    }
  }

  /** Takes what the driver says: see PlacedDriver. */
  onTold: (message: DriverMessage) => void = () => {};
  /** Ends the driver's life: see PlacedDriver. */
  onViolation: (reason: string) => void = () => {};
  /** No terminal is wanted any more. */
  onStopped: () => void = () => {};
}
