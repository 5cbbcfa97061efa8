/** Keys of `npm start`: what goes to the machine, what Ctrl-] does, what the machine is told of the terminal. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Impatience, terminalOptions } from '../../lib/cli/src/interrupts.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { onTerminal } from './support/pseudo-terminal.ts';
import { temporaryFolder } from './tools-fixtures.ts';

test('three Ctrl-C within two seconds are worth a hint, once', (t) => {
  const calm = new Impatience();
  t.deepEqual(
    [0, 1000, 2001, 3002].map((now) => calm.press(now)),
    [false, false, false, false],
  );
  const hasty = new Impatience();
  t.deepEqual(
    [0, 900, 1800, 1900, 2000, 2100].map((now) => hasty.press(now)),
    [...[false, false, true], ...[false, false, false]],
  );
});

test('a machine is told nothing of what is no terminal', (t) => {
  t.deepEqual(terminalOptions({ TERM: 'xterm' }), []);
});

/** A machine's control socket, and what it was told. */
async function controlSocket(file: string): Promise<{ server: Server; commands: string[] }> {
  const commands: string[] = [];
  const server = createServer((socket) => {
    socket.write('{"QMP":{}}\n');
    socket.on('data', (bytes) => {
      commands.push((JSON.parse(bytes.toString()) as { execute: string }).execute);
      socket.write('{"return":{}}\n');
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return { server, commands };
}

/** Stands for `npm start`: says what it would give the machine. */
const program = `
import { interruptMachine, terminalOptions } from ${JSON.stringify(inRepository('lib/cli/src/interrupts.ts'))};
const timer = setInterval(() => {}, 1000);
const emulator = {
  stdin: { write: (bytes) => console.log('key ' + Buffer.from(bytes).toString('hex')) },
  kill: (signal) => {
    console.log('killed by ' + signal + ', interrupted ' + keys.stop());
    clearInterval(timer);
  },
};
const keys = interruptMachine(emulator, process.argv[2]);
console.log(JSON.stringify(terminalOptions()));
console.log('ready');
`;

/** Runs the program on a pseudo-terminal, where keys are pressed. @returns everything that was shown */
async function pressKeys(
  t: ExecutionContext,
  control: string,
  presses: readonly (readonly [shown: string, keys: string])[],
): Promise<string> {
  const file = path.join(await temporaryFolder(t), 'program.ts');
  writeFileSync(file, program);
  const { shown } = await onTerminal(
    t,
    {
      command: `exec '${process.execPath}' '${file}' '${control}'`,
      environment: {
        ...{ TERM: 'xterm-256color', COLORTERM: 'two words', NO_COLOR: '', FORCE_COLOR: '1' },
      },
    },
    presses,
  );
  return shown;
}

test('keys go to the machine, Ctrl-C too; Ctrl-] presses the power button, then ends it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'control-'));
  const control = path.join(folder, 'socket');
  const { server, commands } = await controlSocket(control);
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const shown = await pressKeys(t, control, [
    ['ready', 'a'],
    ['key 61', '\x03'],
    ['key 03', 'b\x1d'], // the key before it is not lost
    ['The app is asked to end', 'c'],
    ['key 63', '\x1d'],
  ]);
  const options = ['terminal=100x30', 'env.TERM=xterm-256color', 'env.FORCE_COLOR=1'];
  t.true(shown.includes(JSON.stringify(options)), shown);
  t.regex(shown, /The app is asked to end \(SIGTERM\)\. Ctrl-\] again ends the machine at once\./);
  t.regex(shown, /killed by SIGTERM, interrupted true/);
  t.notRegex(shown, /key .*1d/, 'Ctrl-] is no key of the machine');
  t.deepEqual(commands, ['qmp_capabilities', 'system_powerdown']);
});

test('a machine without a power button is ended; hasty Ctrl-C are told of Ctrl-]', async (t) => {
  const shown = await pressKeys(t, '/nosuch/socket', [
    ['ready', '\x03\x03\x03'],
    ['To end the machine, press Ctrl-]', '\x1d'],
  ]);
  t.regex(shown, /\(Ctrl-C goes to the app\. To end the machine, press Ctrl-\]\.\)/);
  t.regex(shown, /killed by SIGTERM, interrupted true/);
});
