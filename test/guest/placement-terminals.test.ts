// Drivers of terminals in isolates of their own: what they cannot reach, and what becomes of the bytes when they are
// killed and replaced while these flow.
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { numberedLine } from './placement/numbered-lines.ts';
import { createPattern } from './placement/pattern.ts';
import { composeSystem } from './support/compose-system.ts';
import { bootApp, expectEnd, reported } from './support/endings.ts';
import { guestInitrd, tail } from './support/guest.ts';
import { fileLine, type Line, listenForLine } from './support/terminal.ts';

/** How often a driver has to end. */
const ends = 6;
/** Input is typed as output comes, this many bytes for each of so many. */
const [typed, forEach] = [1024, 8 * 1024];
const timeoutMilliseconds = 300_000;

/** What came on a line, as text of one character for each byte. */
class Received {
  text = '';
  readonly #machine: RunningMachine;
  readonly #watchers = new Set<() => void>();

  constructor(line: Line, machine: RunningMachine) {
    this.#machine = machine;
    line.onData((bytes) => {
      this.text += Buffer.from(bytes).toString('latin1');
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** Waits until a pattern has come. @throws when the machine ends without */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(this.text);
      if (match !== null) found.resolve(match);
    };
    this.#watchers.add(look);
    look();
    const ended = this.#machine.end.then((end) => {
      look();
      throw new Error(`${pattern} did not come:\n${this.text.slice(-2000)}\n${tail(end)}`);
    });
    try {
      return await Promise.race([found.promise, ended]);
    } finally {
      this.#watchers.delete(look);
    }
  }
}

/** Compares what came with the numbered lines, but for what is said to have been dropped. @returns bytes of that */
function checkLines(t: ExecutionContext, text: string, lines: number): number {
  let expected = '';
  for (let number = 0; number < lines; number++)
    expected += numberedLine(number).replace('\n', '\r\n');
  let dropped = 0;
  let at = 0;
  const note = /\r\n\[runtime\] (\d+) bytes of output were dropped: nobody read \w+\r\n/g;
  for (const part of text.split(note)) {
    // Every second part is a number.
    if (/^\d+$/.test(part)) {
      dropped += Number(part);
      at += Number(part);
      continue;
    }
    const right = expected.slice(at, at + part.length);
    if (part !== right) {
      const first = [...part].findIndex((character, index) => character !== right[index]);
      const near = JSON.stringify(part.slice(Math.max(0, first - 80), first + 80));
      const wanted = JSON.stringify(right.slice(Math.max(0, first - 80), first + 80));
      t.fail(`output differs at ${at + first}:\n${near}\ninstead of\n${wanted}`);
      return dropped;
    }
    at += part.length;
  }
  t.is(at, expected.length);
  return dropped;
}

test.serial('an isolate has its serial port, and reaches no other', async (t) => {
  const app = {
    name: 'placement-forge-serial',
    entry: 'apps/platform.ts',
    system: await composeSystem('forge-serial'),
  };
  const result = await bootApp(app, { append: 'log=info', extraArguments: ['-serial', 'null'] });
  expectEnd(t, result, 0, [/the app ends/]);
  const { output } = result;
  t.notRegex(output, /platform: problem/);
  t.deepEqual(reported(output, 'forged'), {
    ports: 1,
    closed: 0xff,
    isOpen: true,
    twice: 'EBUSY',
    state: 1,
    otherState: 0,
    otherOpen: 'ENODEV',
    otherRead: 0xff,
    otherTransmit: 0,
    otherReceive: 0,
    registerOutside: 'RangeError',
    writeOutside: 'RangeError',
    sent: 16,
    counted: 16,
    functions: 0,
    devices: 0,
    ioPorts: 0,
    ioRead: 0xffffffff,
    ioWrite: 'ENODEV',
    platformInterrupt: 'ENODEV',
  });
  t.deepEqual(reported(output, 'refused'), {
    twice: 'EBUSY',
    two: 'EBUSY',
    none: 'ENODEV',
    open: 'EBUSY',
  });
  t.deepEqual(reported(output, 'revoked'), { how: 'killed', before: 1, closed: 0xff, after: 0 });
});

for (const kind of ['serial', 'virtio'] as const) {
  test.serial(`${kind}: every byte goes on when the driver ends and begins again`, async (t) => {
    t.timeout(timeoutMilliseconds + 10_000);
    const system = await composeSystem('placed-terminals');
    const initrd = await guestInitrd('placement-typing', 'placement/typing.ts', { system });
    const keyboard = await listenForLine();
    // QEMU drops what a virtio console sends and a socket does not take at once: what is shown goes to a file.
    const screen = kind === 'virtio' ? await fileLine() : keyboard;
    const machine = await startMachine({
      timeoutMilliseconds,
      initrd,
      serial: kind === 'serial' ? `unix:${keyboard.path}` : 'none',
      append: `log=error ${kind === 'serial' ? '' : 'console=virtio,virtio1'} -- ${ends}`,
      extraArguments:
        kind === 'serial'
          ? []
          : [
              ...['-device', 'virtio-serial-pci'],
              ...['-chardev', `file,id=screen,path=${screen.path}`],
              ...['-device', 'virtconsole,chardev=screen'],
              ...['-chardev', `socket,id=keyboard,path=${keyboard.path}`],
              ...['-device', 'virtconsole,chardev=keyboard'],
            ],
    });
    try {
      const line = await screen.line;
      const typing = await keyboard.line;
      const received = new Received(line, machine);
      const { index, 0: ready } = await received.until(/typing: ready\r\n/);
      const pattern = createPattern(typed);
      let written = 0;
      let seen = index + ready.length;
      let isEnough = false;
      const type = (): void => {
        for (; !isEnough && received.text.length - seen >= forEach; seen += forEach) {
          typing.write(pattern.next());
          written += typed;
        }
      };
      line.onData(type);
      type();
      const enough = await received.until(/typing: enough (\d+)\r\n/);
      isEnough = true;
      const lines = Number(enough[1]);
      await received.until(new RegExp(`typing: received (${written}\\r|\\D)`));
      const [, counted] = await received.until(/typing: counters (.*)\r\n/);
      const output = received.text.slice(index + ready.length, enough.index);
      const dropped = checkLines(t, output, lines);
      t.regex(received.text, new RegExp(`typing: received ${written}\\r`));
      const all = JSON.parse(counted!).console as Record<string, Record<string, number>>;
      const counters = all[kind]!;
      t.is(counters.droppedBytes, dropped);
      t.is(all[kind === 'serial' ? kind : 'virtio1']!.lostInputBytes, 0);
      t.true((counters.driverEnds ?? 0) >= ends / 2, 'it has not ended often enough');
      t.log(`${output.length} bytes out, ${written} in: ${JSON.stringify(counters)}`);
    } finally {
      machine.kill();
      await Promise.all([keyboard.close(), screen.close()]);
    }
  });
}
