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

/**
 * Types a line, each key only when the one before is on the screen: the controller of an emulated keyboard holds a few
 * keys, and a busy host lets the machine take them late. Waits until a row of the screen fits.
 */
async function enter(
  machine: ScreenMachine,
  line: string,
  read: () => Promise<readonly string[]>,
  answer: RegExp,
): Promise<void> {
  for (let length = 1; length <= line.length; length++) {
    await machine.type(line[length - 1] ?? '');
    const typed = line.slice(0, length).trimEnd();
    await machine.until(`${typed} on the screen`, async () =>
      (await read()).some((row) => row.endsWith(typed)),
    );
  }
  await machine.press('ret');
  await machine.until(`${answer} after ${line}`, async () =>
    (await read()).some((row) => answer.test(row)),
  );
}

/** Presses keys, and waits until so many rows of the screen fit. */
async function enterKeys(
  machine: ScreenMachine,
  keys: readonly string[],
  read: () => Promise<readonly string[]>,
  answer: RegExp,
  times = 1,
): Promise<void> {
  for (const key of keys) await machine.press(key);
  await machine.until(`${answer} after ${keys.join(' ')}`, async () => {
    const rows = await read();
    return rows.filter((row) => answer.test(row)).length >= times;
  });
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
  await enterKeys(machine, ['u', 'n', 's', 'e', 'tab'], read, /\$ unset$/);
  await enterKeys(machine, ['ctrl-c'], read, /\^C$/);
  await enterKeys(machine, ['up'], read, /\$ echo "a {2}b" \| wc$/, 2);
  await enterKeys(machine, ['ret'], read, /^1 2 5$/, 2);
  await enter(machine, 'ls /nosuch', read, /there is no such file/);
  await enter(machine, 'sleep 1000', read, /\$ sleep 1000$/);
  await enterKeys(machine, ['ctrl-c'], read, /^\/app \$$/);
  await enter(machine, 'echo ended $?', read, /^ended 130$/);
  await enter(machine, 'node', read, /^>/);
  await enter(machine, 'await 6 * 7', read, /^42$/);
  await enter(machine, '.exit', read, /^\/app \$$/);
  t.pass();
}

test.serial('the shell on VGA and PS/2', async (t) => {
  const machine = await ScreenMachine.start({ initrd, extraArguments: ['-vga', 'std'] });
  try {
    await visit(t, machine, () => machine.textScreen());
    for (const key of ['e', 'x', 'i', 't', 'spc', '5']) await machine.press(key, 200);
    await machine.press('ret');
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
      for (const key of ['a', 'b', 'ctrl-c']) await machine.press(key);
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
