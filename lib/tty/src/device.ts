/**
 * A terminal device: a place where output is seen and from where input comes. A serial line, a port of a
 * virtio console, and a screen with its keyboards are devices alike. Bytes go both ways: text in UTF-8 with
 * control sequences as xterm has them; no device interprets what the line discipline is for.
 *
 * Both directions are pulled and never wait. Output: write() takes what the device has room for, and the
 * host comes again after writable(). Input: readable() tells that there is some, read() takes it when the
 * host has room; what is not taken stays in the device, which makes its other side wait where it can.
 *
 * A driver's `attach(platform, memory)` finds its devices and gives them, stopped; the console service
 * starts those that it uses.
 */

/** A size in characters. */
export interface TerminalSize {
  /** 1 to 65535. */
  readonly columns: number;
  readonly rows: number;
}

/** Whom a device tells. Each may be called at any time between start() and stop(), within a turn too. */
export interface TerminalHost {
  /** Input has arrived since read() last returned 0. */
  readable(): void;
  /** There is room again since write() took less than it was given. */
  writable(): void;
  /** `size` has changed. */
  resized(): void;
  /** The other side sent a break condition, or a key that stands for one. */
  breakReceived(): void;
  /** The other side has come or gone: `isConnected` has changed. */
  connectionChanged(): void;
}

/** Counters by name, such as bytes in each direction, and what was dropped and why. */
export type TerminalCounters = Readonly<Record<string, number>>;

/** A terminal device. */
export interface TerminalDevice {
  /**
   * What configuration and log call it, unique in the machine: `serial`, `serial1`, `virtio`, `virtio1`,
   * `screen`; the first of a kind has no number.
   */
  readonly name: string;
  /** The file name in /dev when it is a terminal of its own: `ttyS1`, `hvc0`, `tty1`. */
  readonly fileName: string;
  /**
   * Whether it is the port that the kernel writes its log and early output to, so that what went there is not
   * shown a second time.
   */
  readonly isBootConsole: boolean;
  /** Its size; undefined when the device cannot know, as a serial line. */
  readonly size: TerminalSize | undefined;
  /** Whether somebody is at the other side; true where the device cannot know. */
  readonly isConnected: boolean;
  readonly counters: TerminalCounters;
  /**
   * Its driver is being started again, and goes on where it was: that it takes and sends nothing is no reason to give up
   * on it. Undefined where there is no such thing. It does not stay true for long.
   */
  readonly isAway?: boolean;

  /** Begins to work for a host. Once. Throws when the device cannot be used. */
  start(host: TerminalHost): void;
  /**
   * Takes output.
   * @param bytes where they are, valid during the call only; may begin or end inside a character or sequence
   * @returns how many of the first bytes it took; fewer than given: writable() will be called
   */
  write(bytes: Uint8Array): number;
  /** Bytes that it took and that have not left it, or are not visible, yet. */
  readonly unsent: number;
  /** Takes input that has arrived. @returns how many bytes it put at the start of `into`, 0: none is left */
  read(into: Uint8Array): number;
  /** Takes the device out of service: it touches no memory afterwards. */
  stop(): void;
}
