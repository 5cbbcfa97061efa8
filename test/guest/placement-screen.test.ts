// Screens and keyboards whose drivers have isolates of their own: what these cannot reach, and what becomes of the picture
// and of the keys when they are killed and replaced while both flow.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { composeSystem } from './support/compose-system.ts';
import { bootApp, expectEnd, reported } from './support/endings.ts';
import { guestInitrd } from './support/guest.ts';
import { ScreenMachine } from './support/screen.ts';

/** How often each driver has to end while something is typed. */
const ends = 6;
/** Few enough to wait in a keyboard while its driver is away. */
const atOnce = 3;
const letters = 'abcdefghijklmnopqrstuvwx';

/** What the machine says was typed, but for repeats: on a busy host a release may be late. */
function typed(machine: ScreenMachine): string {
  const found = machine.output().matchAll(/screen: input ("(?:[^"\\]|\\.)*")/g);
  const text = [...found].map(([, each]) => JSON.parse(each ?? '""') as string).join('');
  return text.replace(/(.)\1+/g, '$1');
}

/** How often a driver has ended. */
function endsOf(machine: ScreenMachine, driver: string): number {
  return [...machine.output().matchAll(new RegExp(`${driver}: its isolate`, 'g'))].length;
}

test.serial(
  'an isolate has its keyboard or its text screen, and reaches nothing else',
  async (t) => {
    const system = await composeSystem('forge-legacy');
    const app = { name: 'placement-forge-legacy', entry: 'apps/platform.ts', system };
    const result = await bootApp(app, { append: 'log=info', extraArguments: ['-vga', 'std'] });
    expectEnd(t, result, 0, [/the app ends/]);
    const { output } = result;
    t.notRegex(output, /platform: problem/);
    const refused = {
      devices: 1,
      otherKind: 'ENODEV',
      otherMemory: 'ENODEV',
      otherInterrupt: 'ENODEV',
      ports: 2,
      otherPorts: 0,
      readBeyond: 0xffffffff,
      writeBeyond: 'EINVAL',
      otherRead: 0xffffffff,
      otherWrite: 'ENODEV',
      framebuffer: 'ENODEV',
      functions: 0,
      serialPorts: 0,
    };
    const keyboard = { kind: 3, memory: 'ENXIO', interrupt: 0, noted: 1 };
    t.deepEqual(reported(output, 'keyboard-controller'), { ...refused, ...keyboard });
    const screen = { kind: 2, memory: 0x8000, interrupt: 'ENXIO', noted: 0 };
    t.deepEqual(reported(output, 'text-screen'), { ...refused, ...screen });
    for (const [name, { interrupt }] of [
      ['keyboard-controller', keyboard],
      ['text-screen', screen],
    ] as const) {
      t.deepEqual(reported(output, `${name}.refused`), { twice: 'EBUSY', two: 'EBUSY' });
      t.deepEqual(reported(output, `${name}.again`), { how: 'killed', interrupt, taken: 'done' });
    }
  },
);

test.serial('VGA and PS/2: no key is lost or doubled, and the picture is back', async (t) => {
  t.timeout(600_000);
  const system = await composeSystem('placed-screen');
  const initrd = await guestInitrd('placed-screen', 'apps/waiting.ts', { system });
  const keepsEnd = ['-action', 'shutdown=pause,panic=pause'];
  const extraArguments = ['-vga', 'std', ...keepsEnd];
  const machine = await ScreenMachine.start({ initrd, append: 'log=info', extraArguments });
  try {
    await machine.untilOutput(/screen: ready/);
    t.regex(machine.output(), /vga0: at VGA's text screen, in an isolate of its own/);
    t.regex(machine.output(), /ps2-0: at the keyboard controller, in an isolate of its own/);
    let expected = '';
    while (Math.min(endsOf(machine, 'vga0'), endsOf(machine, 'ps2-0')) < ends) {
      const at = expected.length % letters.length;
      const some = letters.slice(at, at + atOnce);
      expected += some;
      await machine.type(some);
      await machine.until('what was typed', () => typed(machine).length >= expected.length);
    }
    t.is(typed(machine), expected);
    // The picture as it was at first. The next life of the driver begins with an empty screen.
    await machine.press('ctrl-l');
    await machine.until('the key', () => typed(machine).endsWith('\f'));
    // Repeats are no keys: each was pressed and released once, control and L, too.
    await machine.untilOutput(/screen: keys \d+/);
    t.regex(machine.output(), new RegExp(`screen: keys ${2 * expected.length + 4}\\D`));
    const before = endsOf(machine, 'vga0');
    await machine.until('its end', () => endsOf(machine, 'vga0') > before);
    await machine.until('the picture', async () => {
      const rows = await machine.textScreen();
      const isWhole = rows[24] === '.'.repeat(79) && /^tick \d+/.test(rows[11] ?? '');
      return isWhole && rows[4] === 'bold faint underlined inverse red green blue';
    });
    t.notRegex(machine.output(), /broke the rules|isolate failed|is not replaced/);
    await machine.command('nmi');
    await machine.until('the report', async () =>
      (await machine.textScreen()).some((row) => /^#0 /.test(row.trim())),
    );
    t.regex((await machine.textScreen())[0] ?? '', /^kernel panic: non-maskable interrupt/);
    t.log(`${expected.length} keys, ${endsOf(machine, 'ps2-0')} ends of the keyboard's driver`);
  } finally {
    await machine.stop();
  }
});

test.serial(
  'bochs-display and virtio keyboard: both are back, and so is the picture',
  async (t) => {
    t.timeout(600_000);
    const system = await composeSystem('placed-pixels');
    const initrd = await guestInitrd('placed-pixels', 'apps/waiting.ts', { system });
    const devices = ['bochs-display', 'virtio-keyboard-pci'];
    const extraArguments = ['-vga', 'none', ...devices.flatMap((device) => ['-device', device])];
    const machine = await ScreenMachine.start({ initrd, append: 'log=info', extraArguments });
    try {
      await machine.untilOutput(/screen: ready/);
      t.regex(machine.output(), /bochs-display0: at PCI .*, in an isolate of its own/);
      t.regex(machine.output(), /virtio-input0: at PCI .*, in an isolate of its own/);
      let expected = '';
      const ended = (): number =>
        Math.min(endsOf(machine, 'bochs-display0'), endsOf(machine, 'virtio-input0'));
      while (ended() < 3 || expected.length < letters.length) {
        const letter = letters[expected.length % letters.length]!;
        expected += letter;
        // The device drops what is typed while it has no driver.
        const deadline = Date.now() + 120_000;
        while (typed(machine).length < expected.length && Date.now() < deadline) {
          await machine.press(letter);
          await sleep(500);
        }
        t.is(typed(machine), expected);
      }
      await machine.until('the key', async () => {
        await machine.press('ctrl-l', 200);
        await sleep(500);
        return typed(machine).endsWith('\f');
      });
      const before = endsOf(machine, 'bochs-display0');
      await machine.until('its end', () => endsOf(machine, 'bochs-display0') > before);
      await machine.until('the picture', async () => {
        const rows = await machine.pixelText();
        const isWhole = rows[47] === '.'.repeat(127) && /^tick \d+/.test(rows[11] ?? '');
        return isWhole && rows[4] === 'bold faint underlined inverse red green blue';
      });
      t.notRegex(machine.output(), /broke the rules|isolate failed|is not replaced/);
    } finally {
      await machine.stop();
    }
  },
);
