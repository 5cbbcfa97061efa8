// Finds out when a program in the guest listens on a forwarded port.
//
// QEMU's user network accepts a connection at the host's port before the guest has answered, so that a
// connection succeeds means nothing. QEMU's monitor knows better: `info usernet` shows the state of the
// connection's other half. So this connects, sends nothing, and looks.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from './command.ts';
import { loopback, type PortForward } from './network.ts';

/** Between two looks at the monitor while a connection waits for the guest, in ms. */
const lookEvery = 50;
/**
 * A connection that the guest has not answered by then is made anew, because the guest was not ready and
 * QEMU sends the next segment late. In ms; it grows, because QEMU keeps those that were given up.
 */
const firstAttempt = 300;
const longestAttempt = 5_000;
/** Between two attempts, in ms: soon while the guest may be booting, rarely later. */
const pauseEarly = 100;
const pauseLate = 2_000;
const early = 30_000;

/**
 * Waits until programs in the guest listen on forwarded TCP ports, and tells of each once.
 * @param monitor path of the socket of QEMU's monitor (QMP), which takes one client at a time
 * @param forwards the ports; those of UDP are left out, because nothing tells who receives there
 * @param signal ends the waiting
 * @param onListening called with each port when a program listens on it
 * @returns when all of them are listened on, when the waiting was ended, or when QEMU went away
 */
export async function watchListeners(
  monitor: string,
  forwards: readonly PortForward[],
  signal: AbortSignal,
  onListening: (forward: PortForward) => void,
): Promise<void> {
  const start = performance.now();
  let patience = firstAttempt;
  const waiting = new Set(forwards.filter(({ protocol }) => protocol === 'tcp'));
  let console: Monitor | undefined;
  try {
    while (waiting.size > 0 && !signal.aborted) {
      console ??= await Monitor.open(monitor).catch(() => undefined);
      for (const forward of console ? waiting : []) {
        const answer = console ? await ask(console, forward, patience) : 'none';
        if (answer === 'none') patience = Math.min(2 * patience, longestAttempt);
        if (answer !== 'accepted') continue;
        waiting.delete(forward);
        onListening(forward);
      }
      const pause = performance.now() - start < early ? pauseEarly : pauseLate;
      await sleep(pause, undefined, { signal });
    }
  } catch {
    // The waiting was ended, or QEMU was.
  } finally {
    console?.close();
  }
}

/**
 * Gives a machine ports of this host, while it runs.
 * @param monitor path of the socket of QEMU's monitor (QMP), which takes one client at a time
 * @param forwards the ports
 * @throws ToolError when QEMU does not take one
 */
export async function addForwards(
  monitor: string,
  forwards: readonly PortForward[],
): Promise<void> {
  if (forwards.length === 0) return;
  const console = await Monitor.open(monitor);
  try {
    for (const { protocol, address, host, guest } of forwards) {
      const rule = `${protocol}:${address}:${host}-:${guest}`;
      const complaint = await console.command(`hostfwd_add net0 ${rule}`);
      if (complaint !== '') throw new ToolError(`QEMU cannot forward ${rule}: ${complaint.trim()}`);
    }
  } finally {
    console.close();
  }
}

/** Connects once and tells what the guest says to that within some milliseconds. */
async function ask(
  monitor: Monitor,
  { address, host, guest }: PortForward,
  patience: number,
): Promise<'accepted' | 'refused' | 'none'> {
  const probe = connect(host, address === '0.0.0.0' ? loopback : address);
  try {
    const closed = new Promise<'closed'>((resolve) => {
      probe.once('close', () => resolve('closed'));
    });
    probe.on('error', () => {}); // 'close' follows.
    for (let waited = 0; waited < patience; waited += lookEvery) {
      if ((await Promise.race([closed, sleep(lookEvery)])) === 'closed') return 'refused';
      if (hasEstablished(await monitor.command('info usernet'), guest)) return 'accepted';
    }
    return 'none';
  } finally {
    probe.destroy();
  }
}

/**
 * Reads the table of QEMU's `info usernet`.
 * @param table lines such as `TCP[ESTABLISHED]  12  127.0.0.1  8080  10.0.2.15  8080  0  0`
 * @param port the guest's
 * @returns whether a connection to that port is established
 */
export function hasEstablished(table: string, port: number): boolean {
  return table.split('\n').some((line) => {
    const [state, , , , , destination] = line.trim().split(/\s+/);
    return state === 'TCP[ESTABLISHED]' && destination === String(port);
  });
}

/** A connection to QEMU's monitor. Source: QEMU Machine Protocol specification. */
export class Monitor {
  readonly #socket: Socket;
  readonly #waiting: ((reply: { return?: unknown }) => void)[] = [];
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => {
      for (const resolve of this.#waiting.splice(0)) resolve({});
    });
  }

  /**
   * @param path of the monitor's socket
   * @throws when QEMU does not listen there (yet)
   */
  static async open(path: string): Promise<Monitor> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const monitor = new Monitor(socket);
    await monitor.#execute('qmp_capabilities', {});
    return monitor;
  }

  /** Runs a command of the human monitor and gives its output, empty when QEMU went away. */
  async command(line: string): Promise<string> {
    const reply = await this.#execute('human-monitor-command', { 'command-line': line });
    return typeof reply.return === 'string' ? reply.return : '';
  }

  close(): void {
    this.#socket.destroy();
  }

  #execute(execute: string, parameters: object): Promise<{ return?: unknown }> {
    if (this.#socket.destroyed) return Promise.reject(new Error('QEMU closed its monitor.'));
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    });
  }

  #take(text: string): void {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as { return?: unknown; error?: unknown };
      // Greetings and events are neither.
      if ('return' in message || 'error' in message) this.#waiting.shift()?.(message);
    }
  }
}
