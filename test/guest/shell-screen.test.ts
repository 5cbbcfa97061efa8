// A person at the screen and the keyboard of a machine, as the default composition has it: the shell, and Node's REPL
// in it, on VGA's text screen and on a framebuffer.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PNG } from 'pngjs';
import { guestFolder, guestInitrd } from './support/guest.ts';
import { ScreenMachine } from './support/screen.ts';

let initrd: string;

test.before(async () => {
  initrd = await guestInitrd('shell-console', 'apps/shell-console.ts');
});

/** Types a line and waits until a row of the screen fits. */
async function enter(
  machine: ScreenMachine,
  line: string,
  read: () => Promise<readonly string[]>,
  answer: RegExp,
): Promise<void> {
  await machine.type(`${line}\n`);
  await machine.until(`${answer} after ${line}`, async () =>
    (await read()).some((row) => answer.test(row)),
  );
}

async function visit(
  t: ExecutionContext,
  machine: ScreenMachine,
  read: () => Promise<readonly string[]>,
): Promise<void> {
  await machine.until('the prompt', async () =>
    (await read()).some((row) => /^\/app \$/.test(row)),
  );
  await enter(machine, 'echo "a  b" | wc', read, /^1 2 5$/);
  // Tab completes, an arrow key brings the line back.
  await machine.type('una');
  await machine.press('backspace');
  await machine.type('se\t');
  await machine.until('the completion', async () =>
    (await read()).some((row) => /\$ unset/.test(row)),
  );
  await machine.press('ctrl-c');
  await machine.press('up');
  await machine.press('ret');
  await machine.until(
    'the line again',
    async () => (await read()).filter((row) => /^1 2 5$/.test(row)).length === 2,
  );
  await enter(machine, 'ls /nosuch', read, /there is no such file/);
  await machine.type('sleep 1000\n');
  await machine.press('ctrl-c');
  await enter(machine, 'echo ended $?', read, /^ended 130$/);
  await enter(machine, 'node', read, /^>/);
  await enter(machine, 'await 6 * 7', read, /^42$/);
  await enter(machine, '.exit', read, /^\/app \$/);
  await enter(machine, 'clear', read, /^\/app \$/);
  t.pass();
}

test.serial('the shell on VGA and PS/2', async (t) => {
  const machine = await ScreenMachine.start({ initrd, extraArguments: ['-vga', 'std'] });
  try {
    await visit(t, machine, () => machine.textScreen());
    await machine.type('exit 5\n');
    t.is((await machine.end).code, 5);
  } finally {
    await machine.stop();
  }
});

test.serial(
  'the shell on a framebuffer, with keys that are pressed while the machine boots',
  async (t) => {
    const machine = await ScreenMachine.start({
      initrd,
      network: {},
      extraArguments: ['-vga', 'none', '-device', 'bochs-display'],
    });
    try {
      for (const key of ['a', 'b', 'ret', 'ctrl-c']) await machine.press(key);
      await visit(t, machine, () => machine.pixelText());
      for (const [line, answer] of [
        ['lspci', /Red Hat virtio network card/],
        ['net', /10\.0\.2\.15/],
        ['free', /files in memory/],
      ] as const) {
        await enter(machine, line, () => machine.pixelText(), answer);
      }
      writeFileSync(
        path.join(guestFolder, 'shell.png'),
        PNG.sync.write(await machine.picture(), { colorType: 2 }),
      );
    } finally {
      await machine.stop();
    }
  },
);

test.serial('keyboard= chooses the layout, screen=off leaves the screen alone', async (t) => {
  const extraArguments = ['-vga', 'std'];
  const german = await ScreenMachine.start({
    initrd,
    append: 'keyboard=de log=info',
    extraArguments,
  });
  try {
    await german.untilOutput(/screen: PS\/2 keyboard, layout de/);
  } finally {
    await german.stop();
  }
  const off = await ScreenMachine.start({ initrd, append: 'screen=off log=info', extraArguments });
  try {
    await off.untilOutput(/\/dev\/console is on/);
    t.notRegex(off.output(), /VGA|PS\/2/);
  } finally {
    await off.stop();
  }
});
