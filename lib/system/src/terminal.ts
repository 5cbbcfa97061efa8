/**
 * Terminals as a service of a composition: drivers of terminal devices, which of them the console is on, and the
 * line discipline between them and the app.
 */
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import { Terminal, type TerminalKernel } from '@runtimejs/tty/terminal.ts';
import {
  attachDriver,
  type Driver,
  type Service,
  type SystemContext,
  type Turn,
} from './compose.ts';
import { readSetting } from './settings.ts';

/** What terminals are made of. */
export interface TerminalOptions {
  readonly drivers: readonly Driver<TerminalDevice>[];
  /**
   * Names of the devices that the console is on. By default the first device of each kind (`serial`, `virtio`,
   * `screen`). The option `console=` of the kernel command line comes before this. Every other device becomes a
   * terminal of its own, with a file in /dev that the app may open.
   */
  readonly console?: readonly string[];
}

const consoleName = 'console';
/** The file with all counters, as JSON: what @runtimejs/kernel's `terminals` reads; and how often it is renewed. */
const countersFile = 'tty/runtime';
const countersPeriod = 1_000_000;

/** The terminal service. */
export function terminal(options: TerminalOptions): Service {
  return { name: 'terminal', start: (context) => start(options, context) };
}

/**
 * Waits until the app has been loaded, or wants input: until then its output goes out without this service,
 * which would only compete with it for the CPU.
 */
function start(options: TerminalOptions, context: SystemContext): Turn {
  const { bindings } = context;
  let terminals: readonly NamedTerminal[] | undefined;
  const open = (): readonly NamedTerminal[] => {
    terminals ??= openTerminals(options, context);
    return terminals;
  };
  const publish = createPublisher(context);
  bindings.terminal.isWanted(); // tells the kernel that there is this service
  return () => {
    if (terminals === undefined && bindings.terminal.isWanted() === 0) {
      return Number.POSITIVE_INFINITY;
    }
    let deadline = Number.POSITIVE_INFINITY;
    let moved = 0;
    for (const { terminal } of open()) {
      deadline = Math.min(deadline, terminal.turn());
      moved += terminal.movedBytes;
    }
    publish(open(), moved);
    return deadline;
  };
}

interface NamedTerminal {
  readonly name: string;
  readonly terminal: Terminal;
}

/**
 * Keeps the counters' file up to date: a second after something moved, so that nothing runs while nothing does.
 * @returns to be called in each turn
 */
function createPublisher({
  platform,
  bindings,
}: SystemContext): (terminals: readonly NamedTerminal[], movedBytes: number) => void {
  let published = 0;
  let isPending = false;
  return (terminals, movedBytes) => {
    if (isPending || movedBytes === published) return;
    isPending = true;
    platform.at(platform.now() + countersPeriod, () => {
      isPending = false;
      published = 0;
      const counters: Record<string, Terminal['counters']> = {};
      for (const { name, terminal } of terminals) {
        published += terminal.movedBytes;
        counters[name] = terminal.counters;
      }
      bindings.broker.publishFile(countersFile, JSON.stringify(counters));
    });
  };
}

function openTerminals(options: TerminalOptions, context: SystemContext): readonly NamedTerminal[] {
  const devices = options.drivers.flatMap((driver) => attachDriver(driver, context));
  const names = chooseConsole(options, devices, context);
  const isOnConsole = ({ name }: TerminalDevice): boolean => names.includes(name);
  const terminals = [openTerminal(consoleName, devices.filter(isOnConsole), context)];
  for (const device of devices) {
    if (isOnConsole(device)) continue;
    try {
      terminals.push(openTerminal(device.fileName, [device], context));
    } catch (error) {
      context.log('error', `terminal: ${device.name} is left out: ${message(error)}`);
    }
  }
  return terminals;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Names of the devices that the console is on. */
function chooseConsole(
  options: TerminalOptions,
  devices: readonly TerminalDevice[],
  { bindings, log }: SystemContext,
): readonly string[] {
  const present = devices.map(({ name }) => name);
  const isFirst = (name: string): boolean => !isDigit(name.charCodeAt(name.length - 1));
  const wanted = readSetting(bindings, 'console')?.split(',') ?? options.console;
  if (wanted === undefined) return present.filter(isFirst);
  // The names of files in /dev are understood, too: console=ttyS0.
  const byName = (name: string): string | undefined =>
    devices.find((device) => device.name === name || device.fileName === name)?.name;
  const found = wanted.map(byName).filter((name) => name !== undefined);
  const missing = wanted.filter((name) => byName(name) === undefined);
  if (missing.length > 0) {
    const known = present.length > 0 ? present.join(', ') : 'none';
    log('warn', `terminal: there is no ${missing.join(', ')} for the console; there is: ${known}`);
  }
  return found.length > 0 ? found : present.filter(isFirst);
}

function openTerminal(
  name: string,
  devices: readonly TerminalDevice[],
  context: SystemContext,
): NamedTerminal {
  const { bindings, memory, platform } = context;
  const { index, block } = bindings.terminal.open(name, { index: 0, block: 0 });
  const kernel: TerminalKernel = {
    notify: () => bindings.terminal.notify(index),
    grow: (capacity) => bindings.terminal.grow(index, capacity) === 0,
    signal: (signal, flush) => bindings.terminal.signal(index, signal, flush ? 1 : 0),
    resize: ({ columns, rows }) => bindings.terminal.resize(index, columns, rows),
  };
  const terminal = new Terminal(
    {
      memory,
      block,
      kernel,
      devices,
      now: () => platform.now(),
      wake: () => bindings.loop.again(),
      endsWithConnection: name !== consoleName,
    },
    (device, error) => {
      context.log('error', `terminal: ${device.name} is left out: ${message(error)}`);
    },
  );
  const of = devices.length > 0 ? devices.map((device) => device.name).join(', ') : 'no device';
  context.log('info', `terminal: /dev/${name} is on ${of}`);
  return { name, terminal };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
