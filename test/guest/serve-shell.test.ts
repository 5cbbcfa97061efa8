// A shell beside the app, on a second console, with one line of the app and one word of configuration.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type BootResult, type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { guestInitrd, tail } from './support/guest.ts';
import { listenForLine, Person } from './support/terminal.ts';

const initrd = guestInitrd('serve-shell', 'apps/serve-shell.ts');
const patience = 240_000;

/** Starts the app with a second serial port and a virtio console. */
async function start(append: string) {
  const [serial, virtio] = [await listenForLine(), await listenForLine()];
  const machine = await startMachine({
    initrd: await initrd,
    append,
    timeoutMilliseconds: patience,
    extraArguments: [
      ...['-chardev', `socket,id=second,path=${serial.path}`, '-serial', 'chardev:second'],
      ...['-chardev', `socket,id=ops,path=${virtio.path}`],
      ...['-device', 'virtio-serial-pci', '-device', 'virtconsole,chardev=ops'],
    ],
  });
  void machine.end.then(() => Promise.all([serial.close(), virtio.close()]));
  return { machine, serial: new Person(await serial.line), virtio: new Person(await virtio.line) };
}

/** Waits for text on the app's console. */
async function says(machine: RunningMachine, text: RegExp): Promise<void> {
  let end: BootResult | undefined;
  void machine.end.then((ended) => {
    end = ended;
  });
  while (!text.test(machine.output())) {
    if (end !== undefined) throw new Error(`${text} was not said: ${tail(end)}`);
    await sleep(50);
  }
}

test.serial(
  'shell=ttyS1: a shell on the second serial port, again after exit; the app goes on',
  async (t) => {
    const { machine, serial: person } = await start('shell=ttyS1');
    await person.isAsked('/app $ ');
    person.type('ls\r');
    await person.reads('main.mjs');
    await person.isAsked('/app $ ');
    person.type('exit\r');
    await person.sees('a second greeting', ({ lines }) => {
      return lines.filter((line) => line.startsWith('Runtime.JS shell')).length === 2;
    });
    await person.isAsked('/app $ ');
    await says(machine, /^a shell$/m);
    person.type('kill -TERM 1\r');
    const end = await machine.end;
    t.is(end.code, 143, tail(end));
  },
);

test.serial('a terminal that the machine does not have is told of', async (t) => {
  const { machine } = await start('shell=hvc7');
  await says(
    machine,
    /There is no shell on \/dev\/hvc7: the terminal cannot be opened .*name a second/,
  );
  t.true(machine.output().includes('a shell\n'));
  machine.kill();
  await machine.end;
});

test.serial('without shell= there is none', async (t) => {
  const { machine, serial } = await start('log=info');
  await says(machine, /^no shell$/m);
  await says(machine, /\/dev\/ttyS1 is on serial1/);
  serial.type('ls\r');
  // The terminal itself is there, and echoes; nobody answers.
  await serial.sees('the echo', ({ received }) => received.includes('ls'));
  t.deepEqual(serial.lines, ['ls']);
  machine.kill();
  await machine.end;
});
