// Screens and keyboards in the guest: VGA's text screen, framebuffers, virtio-gpu; PS/2 and virtio keyboards. The
// program of the system isolate (system/screen.ts) shows a picture and echoes what is typed, layout DE.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PNG } from 'pngjs';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { makeGrubImage, uefiFirmware } from './support/grub.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';
import { difference, ScreenMachine } from './support/screen.ts';

let initrd: string;

test.before(async () => {
  const system = path.join(guestFolder, 'screen-system.js');
  await bundleSystem(system, inRepository('test/guest/system/screen.ts'));
  initrd = await guestInitrd('screen', 'apps/waiting.ts', { system });
});

async function withScreen(
  adapter: readonly string[],
  use: (machine: ScreenMachine) => Promise<void>,
): Promise<void> {
  const options = { initrd, append: 'log=info', extraArguments: adapter };
  const machine = await ScreenMachine.start(options);
  try {
    await machine.untilOutput(/screen: ready/);
    await use(machine);
  } finally {
    await machine.stop();
  }
}

/** What the machine says was typed. */
function typed(machine: ScreenMachine): string {
  const found = machine.output().matchAll(/screen: input ("(?:[^"\\]|\\.)*")/g);
  return [...found].map(([, text]) => JSON.parse(text ?? '""') as string).join('');
}

/**
 * Compares a picture with its reference, which RUNTIMEJS_TEST_REFERENCES=write makes anew. Fonts of firmware
 * differ a little between versions.
 */
function expectPicture(t: ExecutionContext, picture: PNG, name: string): void {
  const file = inRepository('test/guest/pictures', `${name}.png`);
  if (process.env.RUNTIMEJS_TEST_REFERENCES === 'write') {
    writeFileSync(file, PNG.sync.write(picture, { colorType: 2 }));
  }
  const share = difference(picture, PNG.sync.read(readFileSync(file)));
  if (share > 0.02) {
    const seen = path.join(guestFolder, `${name}.png`);
    writeFileSync(seen, PNG.sync.write(picture));
    t.log(`what was seen is in ${seen}`);
  }
  t.true(share <= 0.02, `${(100 * share).toFixed(1)} % of the picture differs from ${name}.png`);
}

const shown = [
  'Runtime.JS  a screen in TypeScript',
  'bold faint underlined inverse red green blue',
];

/** Types on the emulated keyboard, whatever is behind it, and checks what comes out. */
async function typeAndCheck(t: ExecutionContext, machine: ScreenMachine): Promise<void> {
  // The key labelled Y on a US keyboard is Z here, and the one left of 1 is a dead circumflex.
  await machine.type('hallo yz');
  await machine.press('shift-a');
  await machine.press('alt_r-q');
  await machine.press('grave_accent');
  await machine.press('o');
  await machine.press('ctrl-c');
  await machine.press('up');
  const expected = 'hallo zyA@ô\x03\x1b[A';
  await machine.until('what was typed', () => typed(machine).length >= expected.length);
  t.is(typed(machine), expected);
}

test.serial('VGA text screen and PS/2 keyboard', async (t) => {
  await withScreen(['-vga', 'std'], async (machine) => {
    await typeAndCheck(t, machine);
    await machine.until('the echo', async () => (await machine.textScreen())[23] !== '>');
    const rows = await machine.textScreen();
    t.is(rows[0]?.trim(), shown[0]);
    t.is(rows[4], shown[1]);
    t.is(rows[24], '.'.repeat(79));
    t.regex(rows[23] ?? '', /^> hallo zyA@/);
    expectPicture(t, await machine.picture(), 'vga');
  });
});

test.serial('a key that is held repeats, and stops when it is released', async (t) => {
  await withScreen(['-vga', 'std'], async (machine) => {
    await machine.press('x', 4000);
    await machine.press('y');
    await machine.until('the second key', () => typed(machine).endsWith('z'));
    const repeats = typed(machine).slice(0, -1);
    t.regex(repeats, /^x{5,}$/, 'it was held for four seconds');
    // The second key was released at once: nothing follows it.
    await machine.press('ret');
    await machine.until('the third key', () => typed(machine).endsWith('\r'));
    t.is(typed(machine), `${repeats}z\r`);
  });
});

test.serial('bochs-display: a framebuffer over PCI', async (t) => {
  await withScreen(['-vga', 'none', '-device', 'bochs-display'], async (machine) => {
    await typeAndCheck(t, machine);
    await machine.until('the echo', async () => /ô/.test((await machine.pixelText())[46] ?? ''));
    const rows = await machine.pixelText();
    t.is(rows[0]?.trim(), shown[0]);
    t.is(rows[4], shown[1]);
    t.is(rows[5], 'äöüß ÄÖÜ éèê ñ ¿¡ £¥ ½ ±² αβπ ≤≥');
    t.is(rows[46], '> hallo zyA@ô\ufffd^[[A'.replace('\ufffd', ''));
    t.is(rows[47], '.'.repeat(127));
    expectPicture(t, await machine.picture(), 'bochs-display');
  });
});

test.serial('virtio-gpu and a virtio keyboard, a virtio tablet beside it', async (t) => {
  const devices = ['virtio-gpu-pci', 'virtio-tablet-pci', 'virtio-keyboard-pci'];
  const adapter = ['-vga', 'none', ...devices.flatMap((device) => ['-device', device])];
  await withScreen(adapter, async (machine) => {
    // The adapter says how large its window is, and the screen follows.
    await machine.untilOutput(/screen: size {"columns":160,"rows":50}/);
    await typeAndCheck(t, machine);
    await machine.until('the echo', async () => /ô/.test((await machine.pixelText())[46] ?? ''));
    const rows = await machine.pixelText();
    t.is(rows[0]?.trim(), shown[0]);
    t.is(rows[4], shown[1]);
    t.regex(machine.output(), /screen: virtio keyboard at PCI/);
    t.is(machine.output().match(/virtio keyboard/g)?.length, 1, 'a tablet is no keyboard');
  });
});

test.serial('virtio-vga leaves text mode', async (t) => {
  await withScreen(['-vga', 'virtio'], async (machine) => {
    await machine.untilOutput(/screen: size/);
    t.notRegex(machine.output(), /VGA text screen/);
    await machine.until('the picture', async () => (await machine.pixelText())[4] === shown[1]);
    t.pass();
  });
});

test.serial('a machine without a screen and without a keyboard', async (t) => {
  const options = { initrd, append: 'log=info', extraArguments: ['-machine', 'pc,i8042=off'] };
  const machine = await ScreenMachine.start(options);
  try {
    await machine.untilOutput(/screen: none/);
    t.notRegex(machine.output(), /error|warn|left out/);
  } finally {
    await machine.stop();
  }
});

/** Reads a screen when the machine has ended: QEMU keeps it then. */
const keepsEnd = ['-action', 'shutdown=pause,panic=pause'];

test.serial('a panic is on the text screen, over what was there', async (t) => {
  await withScreen(['-vga', 'std', ...keepsEnd], async (machine) => {
    await machine.command('nmi');
    await machine.until('the report', async () =>
      (await machine.textScreen()).some((row) => /^#0 /.test(row.trim())),
    );
    const rows = await machine.textScreen();
    t.regex(rows[0] ?? '', /^kernel panic: non-maskable interrupt/);
    t.true(
      rows.some((row) => /rip [0-9a-f]{16}/.test(row)),
      rows.join('\n'),
    );
    t.notRegex(rows.join('\n'), /Runtime\.JS/);
  });
});

test.serial('what keeps the machine from starting is on the text screen', async (t) => {
  const options = { initrd: null, extraArguments: ['-vga', 'std', ...keepsEnd] };
  const machine = await ScreenMachine.start(options);
  try {
    await machine.until('the error', async () =>
      (await machine.textScreen()).some((row) => /no initrd was given/.test(row)),
    );
    t.pass();
  } finally {
    await machine.stop();
  }
});

test.serial("UEFI: the boot loader's framebuffer, and a panic on it", async (t) => {
  const image = await makeGrubImage('screen-uefi', initrd, 'log=info', [
    'insmod all_video',
    'set gfxmode=1024x768x32',
    'set gfxpayload=keep',
  ]);
  const adapter = ['-machine', 'q35', '-bios', uefiFirmware, '-vga', 'std', ...keepsEnd];
  const machine = await ScreenMachine.startImage(image, adapter);
  try {
    await machine.untilOutput(/screen: ready/);
    t.regex(machine.output(), /screen: framebuffer of 1024 by 768 pixels, 128 by 48 characters/);
    await machine.type('hallo');
    await machine.until('the echo', async () =>
      /hallo/.test((await machine.pixelText())[46] ?? ''),
    );
    t.is((await machine.pixelText())[4], shown[1]);
    await machine.command('nmi');
    await machine.until('the report', async () =>
      (await machine.pixelText()).some((row) => /^ *#0 /.test(row)),
    );
    t.regex((await machine.pixelText())[0] ?? '', /^kernel panic: non-maskable interrupt/);
  } finally {
    await machine.stop();
  }
});
