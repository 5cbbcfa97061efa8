// Sessions at terminals, as a person sees them: a serial line through a pseudo-terminal, virtio consoles, second
// ports. An emulator of xterm shows what comes.
import test, { type ExecutionContext } from 'ava';
import { type BootOptions, type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { guestInitrd, tail } from './support/guest.ts';
import { type Line, listenForLine, Person, pseudoTerminal } from './support/terminal.ts';

const initrd = guestInitrd('terminal', 'apps/terminal.ts');
const repl = guestInitrd('repl', '../../examples/repl/main.ts');

/** A machine that is being talked with, and whoever talks. */
interface Session {
  readonly machine: RunningMachine;
  readonly person: Person;
  readonly line: Line;
}

interface SessionOptions {
  readonly parts: string;
  readonly append?: string;
  readonly columns?: number;
  readonly rows?: number;
  readonly machine?: BootOptions;
}

const bootOptions = { timeoutMilliseconds: 300_000 } as const;

/** Starts a machine whose serial line is a pseudo-terminal. */
async function onSerial(image: string, options: SessionOptions): Promise<Session> {
  let said = '';
  let found: (line: Line) => void;
  const appeared = new Promise<Line>((resolve) => {
    found = resolve;
  });
  const machine = await startMachine({
    ...bootOptions,
    ...options.machine,
    initrd: image,
    serial: 'pty',
    append: `${options.append ?? ''} -- ${options.parts}`,
    onOutput: (text) => {
      said += text;
      const line = pseudoTerminal(said);
      if (line !== undefined) found(line);
    },
  });
  const line = await Promise.race([
    appeared,
    machine.end.then((end) => {
      throw new Error(`The machine ended before its terminal was there: ${tail(end)}`);
    }),
  ]);
  return { machine, person: new Person(line, options.columns, options.rows), line };
}

/** QEMU's arguments for a device with a port on a socket that a test listens on. */
const socketDevice = (id: string, path: string): string[] => [
  ...['-chardev', `socket,id=${id},path=${path}`],
  ...['-device', `virtconsole,chardev=${id}`],
];

/** Starts a machine with a virtio console, and no serial line. */
async function onVirtio(image: string, options: SessionOptions): Promise<Session> {
  const socket = await listenForLine();
  const machine = await startMachine({
    ...bootOptions,
    initrd: image,
    serial: 'none',
    append: `${options.append ?? ''} -- ${options.parts}`,
    extraArguments: ['-device', 'virtio-serial-pci', ...socketDevice('console', socket.path)],
  });
  const line = await Promise.race([
    socket.line,
    machine.end.then((end) => {
      throw new Error(`The machine ended before its terminal was there: ${tail(end)}`);
    }),
  ]);
  void machine.end.then(() => socket.close());
  return { machine, person: new Person(line, options.columns, options.rows), line };
}

/** Waits for the machine's end. */
async function ends(t: ExecutionContext, { machine, line }: Session, code = 0): Promise<void> {
  const end = await machine.end;
  line.close();
  t.is(end.code, code, tail(end));
}

/** Lines on the screen that the app wrote, without the kernel's. */
const said = ({ lines }: Person): string[] => lines.filter((line) => !line.startsWith('[runtime]'));

for (const [name, start] of [
  ['a serial line', onSerial],
  ['a virtio console', onVirtio],
] as const) {
  test.serial(`${name}: lines, keys, signals`, async (t) => {
    const parts = 'facts raw signals synchronous canonical';
    const session = await start(await initrd, { parts, append: 'terminal=100x30 log=error' });
    const { person } = session;
    await person.reads('press keys');
    // Not one key echoes, nor means anything to the terminal: unknown sequences and noise neither.
    person.type('\x03');
    await person.reads('keys "\\u0003"');
    person.type('\x1b[999;5~');
    await person.reads('keys "\\u001b[999;5~"');
    person.type(Uint8Array.of(0xff, 0xfe, 0x00, 0x80));
    await person.reads('keys "ÿþ\\u0000');
    person.type('q');
    await person.reads('press Ctrl-C');
    person.type('\x03');
    await person.reads('interrupted');
    await person.isAsked('name? ');
    person.type('you\r');
    await person.reads('type lines');
    person.type('helo\x7flo\r');
    await person.reads('line "hello"');
    person.type('one two\x17three\x15four é\x7fe\r');
    await person.reads('line "four e"');
    person.type('\x04');
    await ends(t, session);
    t.deepEqual(said(person), [
      '{"stdin":true,"stdout":true,"columns":100,"rows":30}',
      '{ coloured: false }',
      'press keys',
      'keys "\\u0003"',
      'keys "\\u001b[999;5~"',
      'keys "ÿþ\\u0000"', // a terminal shows nothing for 0x80
      'keys "q"',
      'press Ctrl-C',
      '^Cinterrupted',
      'name? you',
      'hello you',
      'type lines',
      'hello',
      'line "hello"',
      'four e',
      'line "four e"',
      'end of file',
      'that is all',
    ]);
  });

  test.serial(`${name}: Node's REPL`, async (t) => {
    const session = await start(await repl, {
      parts: '',
      append: 'env.TERM=xterm-256color terminal=80x24 log=error',
    });
    const { person } = session;
    const asks = async (typed: string, shown: string): Promise<void> => {
      await person.isAsked('> ');
      person.type(typed);
      await person.reads(shown);
    };
    await asks('6*7\r', '42');
    await asks('({ word: "text" })\r', "{ word: 'text' }");
    t.true(person.isColoured("'text'"));
    await asks('await Promise.resolve("later")\r', "'later'");
    await asks('kernel.isRun\t', '> kernel.isRuntime');
    person.type('\r');
    await person.reads('true');
    await person.isAsked('> ');
    person.type('function twice(n) {\r');
    await person.isAsked('| ');
    person.type('return n * 2;\r');
    await person.isAsked('| ');
    person.type('}\r');
    await asks('twice(500)\r', '1000');
    await person.isAsked('> ');
    person.type('\x1b[A');
    await person.isAsked('> twice(500)');
    person.type('\x7f\x7f1)\r');
    await person.reads('1002');
    await person.isAsked('> ');
    person.type('nonsense that is taken back\x03');
    await person.isAsked('> ');
    await asks('undefinedName\r', 'ReferenceError: undefinedName is not defined');
    await person.isAsked('> ');
    person.type('.exit\r');
    await ends(t, session);
  });
}

test.serial('Ctrl-C ends an app that does nothing about it', async (t) => {
  const session = await onSerial(await initrd, { parts: 'forever' });
  await session.person.reads('that is all');
  session.person.type('\x03');
  await ends(t, session, 130);
});

test.serial(
  'a second port is a terminal of its own; the console can be on several devices',
  async (t) => {
    const [first, second] = [await listenForLine(), await listenForLine()];
    const session = await onSerial(await initrd, {
      parts: 'second=hvc1 canonical',
      machine: {
        extraArguments: [
          ...['-device', 'virtio-serial-pci'],
          ...[...socketDevice('first', first.path), ...socketDevice('second', second.path)],
        ],
      },
    });
    const onFirst = new Person(await first.line);
    const onSecond = new Person(await second.line);
    await onSecond.reads('this is hvc1, true true');
    onSecond.type('hello\r');
    await onSecond.reads('you said hello');
    onSecond.type('bye\r');
    await session.person.reads('type lines');
    await onFirst.reads('type lines');
    onFirst.type('from virtio\r');
    await session.person.reads('line "from virtio"');
    session.person.type('from serial\r\x04');
    await onFirst.reads('line "from serial"');
    await ends(t, session);
    t.deepEqual(onSecond.lines, [
      'this is hvc1, true true',
      'hello',
      'you said hello',
      'bye',
      'you said bye',
    ]);
    await Promise.all([first.close(), second.close()]);
  },
);

test.serial('a terminal of one character', async (t) => {
  const session = await onSerial(await initrd, {
    parts: 'facts canonical',
    append: 'terminal=1x1',
    columns: 2, // the emulator's least
    rows: 1,
  });
  await session.person.sees('the facts', ({ received }) => received.includes('type lines'));
  t.true(session.person.received.includes('"columns":1,"rows":1'));
  session.person.type('x\r\x04');
  await ends(t, session);
});

test.serial('keys pressed while the machine boots are there when the app reads', async (t) => {
  const session = await onSerial(await initrd, { parts: 'canonical', append: 'log=info' });
  await session.person.reads('started by'); // from here on the kernel has the line
  session.person.type('typed\x7fd early\r');
  await session.person.reads('line "typed early"');
  session.person.type('\x04');
  await ends(t, session);
});
