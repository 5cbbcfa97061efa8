// A person at the screen and the keyboard of a machine, as the default composition has it: the shell on VGA's text
// screen with a PS/2 keyboard, Node's REPL on a framebuffer with a virtio keyboard.
import test from 'ava';
import { guestInitrd } from './support/guest.ts';
import { ScreenMachine } from './support/screen.ts';

const shell = guestInitrd('shell-screen', '../../examples/shell/main.ts');
const repl = guestInitrd('repl-screen', '../../examples/repl/main.ts');

/** A machine with somebody in front of it. */
class Seat {
  readonly machine: ScreenMachine;
  readonly #prompt: string;
  readonly #read: () => Promise<readonly string[]>;

  constructor(machine: ScreenMachine, prompt: string, read: () => Promise<readonly string[]>) {
    this.machine = machine;
    this.#prompt = prompt;
    this.#read = read;
  }

  /** Waits until so many rows of the screen fit. */
  async sees(row: RegExp, times = 1): Promise<void> {
    await this.#until(String(row), (rows) => rows.filter((each) => row.test(each)).length >= times);
  }

  /** Presses keys by QEMU's names. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.machine.press(key);
  }

  /**
   * Types a line, each key only when the one before is on the screen: the controller of an emulated keyboard holds a
   * few keys, and a busy host lets the machine take them late.
   */
  async types(line: string): Promise<void> {
    for (let length = 1; length <= line.length; length += 1) {
      await this.machine.type(line[length - 1] ?? '');
      const typed = line.slice(0, length).trimEnd();
      await this.#until(`"${typed}" behind the prompt`, (rows) => {
        const last = rows.findLast((row) => row.includes(this.#prompt)) ?? '';
        return last.slice(last.indexOf(this.#prompt) + this.#prompt.length).startsWith(typed);
      });
    }
  }

  /** Types a line and Enter, and waits for so many rows that fit. */
  async enters(line: string, answer: RegExp, times = 1): Promise<void> {
    await this.types(line);
    await this.press('ret');
    await this.sees(answer, times);
  }

  async #until(what: string, isSo: (rows: readonly string[]) => boolean): Promise<void> {
    let rows: readonly string[] = [];
    try {
      await this.machine.until(what, async () => {
        rows = await this.#read();
        return isSo(rows);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\nThe screen shows:\n${rows.join('\n')}`);
    }
  }
}

test.serial('the shell on VGA with a PS/2 keyboard', async (t) => {
  const machine = await ScreenMachine.start({
    initrd: await shell,
    extraArguments: ['-vga', 'std'],
  });
  try {
    // Keys while the machine boots do no harm.
    for (const key of ['a', 'b', 'ctrl-c']) await machine.press(key);
    const seat = new Seat(machine, '$ ', () => machine.textScreen());
    await seat.sees(/^\/app \$/);
    await seat.press('ctrl-c');
    await seat.sees(/\^C$/);
    await seat.enters('echo "a  b" | wc', /^ *1 +2 +5$/);
    // Tab completes; Ctrl-C takes back; an arrow key brings the line back.
    await seat.types('unse');
    await seat.press('tab');
    await seat.sees(/\$ unset$/);
    await seat.press('ctrl-c');
    await seat.sees(/unset \^C$/);
    await seat.press('up');
    await seat.sees(/\$ echo "a {2}b" \| wc$/, 2);
    await seat.press('ret');
    await seat.sees(/^ *1 +2 +5$/, 2);
    await seat.enters('ls /nosuch', /there is no such file/);
    await seat.enters('echo sleeps; sleep 1000', /^sleeps$/);
    await seat.press('ctrl-c');
    await seat.sees(/^\^C$/);
    await seat.enters('echo ended $?', /^ended 130$/);
    await seat.types('exit 5');
    await seat.press('ret');
    t.is((await machine.end).code, 5);
  } finally {
    await machine.stop();
  }
});

test.serial("Node's REPL on a framebuffer with a virtio keyboard", async (t) => {
  const devices = ['bochs-display', 'virtio-keyboard-pci'];
  const machine = await ScreenMachine.start({
    initrd: await repl,
    extraArguments: ['-vga', 'none', ...devices.flatMap((device) => ['-device', device])],
  });
  try {
    const seat = new Seat(machine, '> ', () => machine.pixelText());
    await seat.sees(/^>/);
    await seat.enters('6*7', /^42$/);
    await seat.enters('await 5', /^5$/);
    await seat.types('kernel.isRun');
    await seat.press('tab');
    await seat.sees(/^> kernel\.isRuntime/);
    await seat.press('ret');
    await seat.sees(/^true$/);
    await seat.enters('3+3', /^6$/);
    await seat.press('up');
    await seat.sees(/^> 3\+3/, 2);
    await seat.press('ctrl-c');
    await seat.enters('[1,', /^\|$/);
    await seat.press('2', 'bracket_right', 'ret');
    await seat.sees(/^\[ 1, 2 \]$/);
    await seat.types('.exit');
    await seat.press('ret');
    t.is((await machine.end).code, 0);
  } finally {
    await machine.stop();
  }
});

test.serial('keyboard= chooses the layout, screen=off leaves the screen alone', async (t) => {
  const [initrd, extraArguments] = [await shell, ['-vga', 'std']];
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
