/** Commands about the machine: threads, memory, time, devices, the kernel's log, and its end. */
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRuntime, memory, readLog, reboot, terminals } from '@runtimejs/kernel';
import {
  type Command,
  type CommandContext,
  InterruptedProblem,
  readOptions,
  size,
  table,
  UsageProblem,
} from '../command.ts';
import {
  readLoad,
  readMemory,
  readProcessors,
  readThreads,
  readUptime,
  type ThreadFacts,
  ticksPerSecond,
} from '../facts.ts';
import { describePciClass, describePciVendor } from '../pci-names.ts';

/** `1:02:03` or `4:05.6`. */
function duration(ticks: number): string {
  const seconds = ticks / ticksPerSecond;
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds % 60).toFixed(1).padStart(4, '0');
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest.slice(0, 2)}`;
}

const ps: Command = {
  name: 'ps',
  summary: 'lists threads: those of isolates, and their helpers',
  usage: '',
  async run(context) {
    const rows = [['TID', 'STATE', 'NICE', 'USER', 'SYSTEM', 'NAME']];
    for (const { id, state, nice, userTicks, systemTicks, name } of await readThreads()) {
      rows.push([
        String(id),
        state,
        String(nice),
        duration(userTicks),
        duration(systemTicks),
        name,
      ]);
    }
    await context.print(table(rows, [0, 2, 3, 4]));
    return 0;
  },
};

const free: Command = {
  name: 'free',
  summary: 'tells where memory is',
  usage: '[-b]',
  async run(context, parameters) {
    const { values } = readOptions(parameters, { bytes: { type: 'boolean', short: 'b' } });
    const show = (bytes: number): string => (values.bytes === true ? String(bytes) : size(bytes));
    const told = await readMemory();
    const total = told.get('MemTotal') ?? 0;
    const unused = told.get('MemFree') ?? 0;
    const rows = [
      ['total', show(total)],
      ['used', show(total - unused)],
      ['free', show(unused)],
    ];
    if (isRuntime) {
      const { image, application, kernelHeap, pageTables, tmpfs } = memory();
      rows.push(
        ['  of used: image', show(image)],
        ['  application', show(application)],
        ['  kernel', show(kernelHeap)],
        ['  page tables', show(pageTables)],
        ['  files in memory', show(tmpfs)],
      );
    }
    await context.print(table(rows, [1]));
    return 0;
  },
};

/** What threads did between two looks, busiest first, in percent of one processor. */
async function busyThreads(
  before: readonly ThreadFacts[],
  after: readonly ThreadFacts[],
  seconds: number,
): Promise<readonly { readonly thread: ThreadFacts; readonly percent: number }[]> {
  const earlier = new Map(
    before.map((thread) => [thread.id, thread.userTicks + thread.systemTicks]),
  );
  return after
    .map((thread) => {
      const ticks = thread.userTicks + thread.systemTicks - (earlier.get(thread.id) ?? 0);
      return { thread, percent: (100 * ticks) / ticksPerSecond / seconds };
    })
    .sort((a, b) => b.percent - a.percent || a.thread.id - b.thread.id);
}

/** One picture of `top`, as lines. */
async function topLines(
  before: { readonly threads: readonly ThreadFacts[]; readonly at: number } & Awaited<
    ReturnType<typeof readProcessors>
  >,
): Promise<readonly string[]> {
  const [threads, processors, told, uptime, load] = await Promise.all([
    readThreads(),
    readProcessors(),
    readMemory(),
    readUptime(),
    readLoad(),
  ]);
  const at = performance.now();
  const [user, system, idle] = [
    processors.user - before.user,
    processors.system - before.system,
    processors.idle - before.idle,
  ];
  const whole = Math.max(1, user + system + idle);
  const percent = (part: number): string => ((100 * part) / whole).toFixed(1);
  const busy = await busyThreads(before.threads, threads, (at - before.at) / 1000);
  const [total, unused] = [told.get('MemTotal') ?? 0, told.get('MemFree') ?? 0];
  const rows = [['TID', 'CPU%', 'TIME', 'S', 'NAME']];
  for (const { thread, percent: share } of busy) {
    const time = duration(thread.userTicks + thread.systemTicks);
    rows.push([String(thread.id), share.toFixed(1), time, thread.state, thread.name]);
  }
  return [
    `up ${duration(uptime * ticksPerSecond)}, ${threads.length} threads, load ${load.join(' ')}`,
    `processors: ${percent(user)} % user, ${percent(system)} % system, ${percent(idle)} % idle`,
    `memory: ${size(total)} in all, ${size(total - unused)} used, ${size(unused)} free`,
    '',
    ...table(rows, [0, 1, 2]).trimEnd().split('\n'),
  ];
}

async function look() {
  const at = performance.now();
  const [threads, processors] = await Promise.all([readThreads(), readProcessors()]);
  return { threads, ...processors, at };
}

const top: Command = {
  name: 'top',
  summary: 'shows which threads are busy, until q or Ctrl-C',
  usage: '[-d SECONDS] [-n TIMES]',
  async run(context, parameters) {
    const { values } = readOptions(parameters, {
      delay: { type: 'string', short: 'd' },
      times: { type: 'string', short: 'n' },
    });
    const delay = Number(values.delay ?? 2);
    const times = values.times === undefined ? undefined : Number(values.times);
    if (!(delay >= 0.1 && delay <= 3600))
      throw new UsageProblem(`${values.delay} is no number of seconds`);
    if (times !== undefined && !(Number.isInteger(times) && times > 0)) {
      throw new UsageProblem(`${values.times} is no number of times`);
    }
    if (times === undefined && context.terminal !== undefined) {
      await context.terminal.takeOver((input, output) => showTop(context, input, output, delay));
      return 0;
    }
    for (let left = times ?? Number.POSITIVE_INFINITY; left > 0; left--) {
      const before = await look();
      await pause(delay, context.signal);
      await context.print(`${(await topLines(before)).join('\n')}\n${left > 1 ? '\n' : ''}`);
    }
    return 0;
  },
};

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(1000 * seconds, undefined, { signal }).catch(() => {
    throw new InterruptedProblem();
  });
}

/** On the alternate screen, until `q` or Ctrl-C. */
async function showTop(
  { terminal }: CommandContext,
  input: Readable,
  output: Writable,
  delay: number,
): Promise<void> {
  const ended = new AbortController();
  const onKey = (bytes: Buffer): void => {
    if (['q', '\x03', '\x04'].some((key) => bytes.includes(key))) ended.abort();
  };
  input.on('data', onKey);
  input.once('end', () => ended.abort());
  output.write('\x1b[?1049h\x1b[?25l');
  try {
    let before = await look();
    for (;;) {
      await pause(delay, ended.signal);
      const lines = (await topLines(before)).slice(0, (terminal?.rows ?? 24) - 1);
      const width = terminal?.columns ?? 80;
      const text = lines.map((line) => `${line.slice(0, width)}\x1b[K`).join('\r\n');
      output.write(`\x1b[H${text}\x1b[J`);
      before = await look();
    }
  } catch (error) {
    if (!(error instanceof InterruptedProblem)) throw error;
  } finally {
    input.off('data', onKey);
    output.write('\x1b[?25h\x1b[?1049l');
  }
}

const uptime: Command = {
  name: 'uptime',
  summary: 'tells how long the machine has run',
  usage: '',
  async run(context) {
    const ticks = (await readUptime()) * ticksPerSecond;
    await context.print(`up ${duration(ticks)}, load ${(await readLoad()).join(' ')}\n`);
    return 0;
  },
};

const severities = ['0', '1', '2', 'error', 'warning', '5', 'info', 'debug'];

const dmesg: Command = {
  name: 'dmesg',
  summary: "shows the kernel's log",
  usage: '[-x]',
  async run(context, parameters) {
    const { values } = readOptions(parameters, { decode: { type: 'boolean', short: 'x' } });
    const { text } = readLog();
    const show = (line: string): string => {
      const [, severity, message = line] = /^<(\d)>(.*)$/.exec(line) ?? [];
      return values.decode === true
        ? `${(severities[Number(severity)] ?? '').padEnd(8)}${message}`
        : message;
    };
    const lines = text.split('\n').filter((line) => line !== '');
    await context.print(lines.map((line) => `${show(line)}\n`).join(''));
    return 0;
  },
};

const lspci: Command = {
  name: 'lspci',
  summary: 'lists PCI devices',
  usage: '[-n]',
  async run(context, parameters) {
    const { values } = readOptions(parameters, { numeric: { type: 'boolean', short: 'n' } });
    const rows: string[][] = [];
    for (const line of (await readFile('/proc/pci', 'utf8')).split('\n')) {
      const [address, kind, identity, revision] = line.split(' ');
      if (address === undefined || kind === undefined || identity === undefined) continue;
      const [vendor = '', device = ''] = identity.split(':');
      if (values.numeric === true) rows.push([address, kind, identity, `(rev ${revision})`]);
      else {
        const name = `${describePciVendor(vendor, device)} [${identity}]`;
        rows.push([address, describePciClass(kind), name]);
      }
    }
    await context.print(table(rows));
    return 0;
  },
};

const irq: Command = {
  name: 'irq',
  summary: 'counts interrupts, by processor',
  usage: '',
  async run(context) {
    await context.print(await readFile('/proc/interrupts', 'utf8'));
    return 0;
  },
};

/** The conversions of strftime(3) that dates are made of. */
function formatDate(pattern: string, date: Date, isUtc: boolean): string {
  const shifted = isUtc ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  const iso = shifted.toISOString();
  const parts: Readonly<Record<string, string>> = {
    Y: iso.slice(0, 4),
    m: iso.slice(5, 7),
    d: iso.slice(8, 10),
    H: iso.slice(11, 13),
    M: iso.slice(14, 16),
    S: iso.slice(17, 19),
    F: iso.slice(0, 10),
    T: iso.slice(11, 19),
    s: String(Math.floor(date.getTime() / 1000)),
    N: `${iso.slice(20, 23)}000000`,
    '%': '%',
  };
  return pattern.replaceAll(/%(.)/g, (whole, letter: string) => parts[letter] ?? whole);
}

const date: Command = {
  name: 'date',
  summary: 'tells the time of day',
  usage: '[-u] [+FORMAT]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      utc: { type: 'boolean', short: 'u' },
    });
    const [format] = positionals;
    if (format !== undefined && !format.startsWith('+'))
      throw new UsageProblem('a format begins with +');
    const now = new Date();
    const text =
      format !== undefined
        ? formatDate(format.slice(1), now, values.utc === true)
        : values.utc === true
          ? now.toUTCString()
          : now.toString();
    await context.print(`${text}\n`);
    return 0;
  },
};

const kill: Command = {
  name: 'kill',
  summary: 'sends the app a signal (SIGTERM when none is named)',
  usage: '[-SIGNAL] [1]',
  async run(context, parameters) {
    const [first, ...rest] = parameters;
    if (first === '-l') {
      await context.print(`${Object.keys(constants.signals).join(' ')}\n`);
      return 0;
    }
    const named = first?.startsWith('-') === true ? first.slice(1) : undefined;
    const operands = named === undefined ? parameters : rest;
    const signal = named === undefined ? 'SIGTERM' : signalName(named);
    if (operands.length !== 1)
      throw new UsageProblem('name a process: there is one, with the number 1');
    const id = Number(operands[0]);
    if (id !== process.pid)
      throw new UsageProblem(`there is no process ${operands[0]}, only ${process.pid}`);
    process.kill(process.pid, signal);
    return 0;
  },
};

function signalName(text: string): NodeJS.Signals | number {
  if (/^\d+$/.test(text)) return Number(text);
  const name = text.toUpperCase().startsWith('SIG')
    ? text.toUpperCase()
    : `SIG${text.toUpperCase()}`;
  if (!Object.hasOwn(constants.signals, name))
    throw new UsageProblem(`there is no signal ${text}; see kill -l`);
  return name as NodeJS.Signals;
}

const tty: Command = {
  name: 'tty',
  summary: 'shows terminals, their devices, and what they counted',
  usage: '',
  async run(context) {
    const rows: string[][] = [];
    for (const [terminal, parts] of Object.entries(terminals.statistics())) {
      for (const [part, counters] of Object.entries(parts)) {
        for (const [name, count] of Object.entries(counters)) {
          if (count !== 0) rows.push([terminal, part, name, String(count)]);
        }
      }
    }
    await context.print(table(rows, [3]));
    return 0;
  },
};

const poweroff: Command = {
  name: 'poweroff',
  summary: 'ends the app in an orderly way, and switches the machine off',
  usage: '[CODE]',
  async run(context, parameters) {
    const code = Number(parameters[0] ?? 0);
    if (!(Number.isInteger(code) && code >= 0 && code <= 255)) {
      throw new UsageProblem(`${parameters[0]} is no exit code`);
    }
    await context.print('The machine is switched off.\n');
    return process.exit(code);
  },
};

const restart: Command = {
  name: 'reboot',
  summary: 'resets the machine at once',
  usage: '',
  async run(context) {
    await context.print('The machine is reset.\n');
    return reboot();
  },
};

export const systemCommands: readonly Command[] = [
  ps,
  top,
  free,
  uptime,
  dmesg,
  lspci,
  irq,
  tty,
  date,
  kill,
  poweroff,
  restart,
];
