// Drivers in isolates of their own that fail by themselves, and the system isolate that fails with them around it.
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import test from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { composeSystem } from './support/compose-system.ts';
import { printed } from './support/console.ts';
import { freePort } from './support/free-port.ts';
import { guestInitrd } from './support/guest.ts';

/** A connection to the app, which answers line by line. */
class Lines {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  #came: () => void = () => {};
  #isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#came();
    });
    createInterface({ input: this.#socket }).on('line', (line) => {
      this.#lines.push(line);
      this.#came();
    });
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** @returns undefined when the connection has ended */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#came = resolve;
      });
    }
    return this.#lines.shift();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Connects until the app has said something. */
async function open(port: number, machine: RunningMachine): Promise<Lines> {
  let hasEnded = false;
  void machine.end.finally(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    const lines = new Lines(port);
    if ((await lines.next()) === 'hello') return lines;
    lines.close();
  }
  throw new Error('The machine has ended.');
}

const failures: Readonly<Record<string, RegExp>> = {
  exception: /virtio-net0: its isolate failed: .*RangeError: a fault that was asked for/,
  ring: /virtio-net0: its isolate killed: it broke the rules: it has put .* into the ring/,
  loop: /virtio-net0: its isolate killed: a turn of its event loop took more than 10000 ms/,
};

test('a driver that fails is started again, and connections go on; with the system isolate it comes back', async (t) => {
  t.timeout(450_000);
  const port = await freePort();
  const machine = await startMachine({
    initrd: await guestInitrd('placement-failures', 'placement/ask-for-faults.ts', {
      system: await composeSystem('misbehaving'),
    }),
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
    memoryMegabytes: 384,
    append: 'log=info',
    extraArguments: ['-device', 'virtio-rng-pci'],
    timeoutMilliseconds: 400_000,
  });
  try {
    await printed(machine, /faults: listening/);
    await printed(machine, /eth0: link is up[\s\S]*10\.0\.2\.15/);
    const lines = await open(port, machine);
    for (const [name, report] of Object.entries(failures)) {
      lines.say(`fault ${name}`);
      await printed(machine, report);
      lines.say(`after ${name}`);
      t.is(await lines.next(), `after ${name}`, 'the connection has not survived');
    }
    t.notRegex(machine.output(), /eth0: link is down|system isolate: it/);

    lines.say('fault system');
    await printed(machine, /the system was to fail[\s\S]*it is started again in/);
    await printed(machine, /started again[\s\S]*eth0: link is up[\s\S]*10\.0\.2\.15/);
    const again = await open(port, machine);
    again.say('after the system');
    t.is(await again.next(), 'after the system');
    const placed = machine.output().match(/in an isolate of its own/g);
    t.is(placed?.length, 4, 'two drivers, in two lives');
    again.say('fault exception');
    await printed(machine, new RegExp(`started again[\\s\\S]*${failures.exception?.source}`));
    again.say('the end');
    t.is(await again.next(), 'the end', 'nobody looks after the driver any more');
    again.say('end');
    const { code, output } = await machine.end;
    t.is(code, 0);
    t.notRegex(output, /kernel panic|does not finish what it has under way/);
  } catch (error) {
    t.log(machine.output().slice(-8000));
    throw error;
  } finally {
    machine.kill();
  }
});
