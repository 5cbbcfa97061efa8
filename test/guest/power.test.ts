// The power button, the deadline after it, and restarts.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { expectEnd } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { startWithButton } from './support/power.ts';

/** A port of this host; another run of the tests has another. */
const port = await freePort();
const network = {
  forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }],
} as const;
/** ACPI's events are on: the button works from then on. */
const buttonWorks = /ACPI: byte code loaded/;

async function request(path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  return socket;
}

test.serial('the app answers what is in flight, then the machine is off', async (t) => {
  const { end, press, seen } = await startWithButton('close', { network, append: 'log=debug' });
  await seen(/ready/);
  await seen(buttonWorks);
  const sockets = await Promise.all(Array.from({ length: 16 }, () => request('/slow')));
  await seen(/waiting: 16\b/);
  await press();
  const answers = await Promise.all(sockets.map((socket) => text(socket)));
  t.true(
    answers.every((answer) => /^HTTP\/1.1 200 OK[\s\S]*answered at the end/.test(answer)),
    JSON.stringify(answers),
  );
  expectEnd(t, await end(), 5, [/told to end: SIGTERM/, /all answered/]);
});

for (const type of ['pc', 'q35', 'microvm']) {
  test.serial(`${type}: without a handler SIGTERM ends the app`, async (t) => {
    const { end, press, seen } = await startWithButton('none', {
      append: 'log=debug',
      extraArguments: ['-machine', type],
    });
    await seen(/ready/);
    await seen(buttonWorks);
    await press();
    const result = await end();
    expectEnd(t, result, 143, [/the power button was pressed: the app has 30 s/]);
    t.is(result.reason, 'signal 15 (SIGTERM)');
  });
}

test.serial('an app that ignores SIGTERM is off at the deadline', async (t) => {
  const { end, press, seen } = await startWithButton('ignore', { append: 'log=debug shutdown=2' });
  await seen(/ready/);
  await seen(buttonWorks);
  await press();
  const result = await end();
  expectEnd(t, result, 143, [/told to end: not yet/, /did not end within 2 s of the power button/]);
  t.is(result.reason, 'power button: the app did not end in time');
});

test.serial('a second press cuts the deadline short', async (t) => {
  const { end, press, seen } = await startWithButton('ignore', {
    append: 'log=debug shutdown=9999',
  });
  await seen(/ready/);
  await seen(buttonWorks);
  await press();
  await seen(/told to end: not yet/);
  await press();
  const result = await end();
  expectEnd(t, result, 143, [/the power button was pressed again/]);
  t.is(result.reason, 'power button: pressed twice');
});

test.serial('an app that never lets the CPU idle hears the button, too', async (t) => {
  const { end, press, seen } = await startWithButton('busy', { append: 'log=debug' });
  await seen(/ready/);
  await seen(buttonWorks);
  await press();
  expectEnd(t, await end(), 143);
});

test.serial('a press before anybody listens is remembered', async (t) => {
  const { end, press, seen } = await startWithButton('ignore', { append: 'log=debug shutdown=1' });
  await seen(/first instruction after/);
  await press();
  expectEnd(t, await end(), 143, [/the power button was pressed: the app has 1 s/]);
});

test.serial('a failing app is started again, ever later', async (t) => {
  const { machine, end, seen } = await startWithButton('fail', {
    append: 'restart=on-failure',
    extraArguments: ['-action', 'reboot=reset'],
  });
  await seen(/starts again in 1 s \(restart 1\)[\s\S]*starts again in 2 s \(restart 2\)/);
  machine.kill();
  t.regex((await end()).output, /ready[\s\S]*exit code 9[\s\S]*ready[\s\S]*exit code 9/);
});

test.serial('an app that ends well is not started again, unless it always is', async (t) => {
  const off = await startWithButton('none', { append: 'log=debug restart=on-failure' });
  await off.seen(/ready/);
  await off.seen(buttonWorks);
  await off.press(); // 143, but somebody wants the machine off
  expectEnd(t, await off.end(), 143);
  t.notRegex(off.machine.output(), /starts again/);
});

test.serial('shutdown= and restart= are checked', async (t) => {
  const wrongTime = await startWithButton('none', { append: 'shutdown=soon' });
  expectEnd(t, await wrongTime.end(), 1, [/"shutdown=soon" is not shutdown=SECONDS/]);
  const wrongPolicy = await startWithButton('none', { append: 'restart=sometimes' });
  expectEnd(t, await wrongPolicy.end(), 1, [/"restart=sometimes" is not restart=never/]);
});
