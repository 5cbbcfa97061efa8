/**
 * What an app may ask the kernel, over the generated bindings. The addon is passed in, so that
 * tests can, too.
 */
import type { CpuStatistics, KernelAddon, MemoryStatistics } from './generated/kernel.d.ts';
import { openPinger, type Pinger, type PingOptions } from './ping.ts';

/** How much a log message matters; the kernel's `log=` option chooses what reaches the console. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

const levels: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** Text of the kernel log, and where the next text begins. */
export interface KernelLogText {
  /**
   * Lines of the log like `<6>text`, with the severity of syslog(3) in front (3 error, 4 warning, 6
   * information, 7 debugging), each ended by a newline; empty when there is nothing new.
   */
  readonly text: string;
  /** Pass it to the next `readLog()` to go on from here. */
  readonly cursor: bigint;
}

/** The functions of this package. */
export interface Kernel {
  /** Tells where physical memory is, in bytes. */
  memory(): MemoryStatistics;
  /** Tells what the CPUs have done since boot; times in nanoseconds. */
  cpu(): CpuStatistics;
  /** Tells how long ago the kernel was entered, in nanoseconds. */
  uptime(): bigint;
  /**
   * Powers the machine off at once: no `exit` event, nothing that is pending gets done.
   * `process.exit()` is the gentle way.
   * @param code exit code for the host, 0 to 255; default 0
   */
  powerOff(code?: number): never;
  /** Resets the machine at once. */
  reboot(): never;
  /**
   * Writes a message to the kernel log.
   * @param level how much it matters
   * @param text the message; newlines inside start new log lines
   */
  log(level: LogLevel, text: string): void;
  /**
   * Reads the kernel log. Old text is overwritten when the log is full.
   * @param cursor the `cursor` of an earlier result, to get only what is new; default: everything
   * that is left
   */
  readLog(cursor?: bigint): KernelLogText;
  /**
   * Prepares to ping a host over ICMP echo.
   * @param host name or address
   * @throws what the resolver says; ENETDOWN and its like when there is no network
   */
  createPinger(host: string, options?: PingOptions): Promise<Pinger>;
}

/** Thrown by every function on plain Linux. */
export class NotRuntimeError extends Error {
  readonly code = 'ERR_NOT_RUNTIME';

  constructor() {
    super(
      'Not running on Runtime.JS: there is no kernel to ask. Boot the app in a virtual machine with `npm start`, ' +
        'or look at isRuntime first.',
    );
    this.name = 'NotRuntimeError';
  }
}

/** Bytes of log that are asked for at a time. */
const logChunk = 64 * 1024;

/**
 * Makes the functions of this package.
 * @param load loads the addon when it is first needed, or throws
 */
export function createKernel(load: () => KernelAddon): Kernel {
  let loaded: KernelAddon | undefined;
  const addon = (): KernelAddon => {
    loaded ??= load();
    return loaded;
  };
  return {
    memory: () => addon().memory.statistics({} as MemoryStatistics),
    cpu: () => addon().cpu.statistics({} as CpuStatistics),
    uptime: () => addon().clock.uptime(),
    powerOff: (code = 0) => addon().machine.powerOff(code),
    reboot: () => addon().machine.reboot(),
    createPinger: async (host, options = {}) => {
      const { openEchoSocket } = addon().network;
      return openPinger(host, options, openEchoSocket);
    },
    log: (level, text) => {
      const number = Object.hasOwn(levels, level) ? levels[level] : undefined;
      if (number === undefined) {
        throw new RangeError(`log: level '${level}' is none of ${Object.keys(levels).join(', ')}`);
      }
      addon().log.write(number, text);
    },
    readLog: (cursor = 0n) => {
      const position = new BigUint64Array([cursor]);
      const chunk = new Uint8Array(logChunk);
      const decoder = new TextDecoder();
      let text = '';
      for (
        let count = addon().log.read(position, chunk);
        count > 0;
        count = addon().log.read(position, chunk)
      ) {
        text += decoder.decode(chunk.subarray(0, count), { stream: true });
      }
      return { text: text + decoder.decode(), cursor: position[0] ?? cursor };
    },
  };
}
