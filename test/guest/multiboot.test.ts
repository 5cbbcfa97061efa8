// GRUB loads the kernel by multiboot2, with the initrd as a module, from one CD image, under BIOS and UEFI.
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { detectAccelerator, parseStatus } from '../../lib/cli/src/machine.ts';
import { makeGrubImage, uefiFirmware } from './support/grub.ts';
import { guestInitrd } from './support/guest.ts';

const bootLimit = 300_000;

let image: string;

test.before(async () => {
  const initrd = await guestInitrd('hello', 'apps/hello.ts');
  image = await makeGrubImage('multiboot', initrd, 'log=debug -- "by GRUB"');
});

for (const [firmware, machine, memory, started] of [
  ['BIOS', 'pc', 512, /started by multiboot2,/],
  ['UEFI', 'q35', 512, /started by multiboot2 under UEFI,/],
  // Memory above 4 GiB, which no boot loader's tables map.
  ['UEFI', 'pc', 5120, /started by multiboot2 under UEFI, 5\d{3} MiB/],
] as const) {
  test.serial(`GRUB boots a CD image: ${firmware}, ${machine}, ${memory} MiB`, async (t) => {
    const kvm = (await detectAccelerator()) === 'kvm';
    const folder = mkdtempSync(path.join(tmpdir(), 'multiboot-'));
    const status = path.join(folder, 'status');
    const result = await execa(
      'qemu-system-x86_64',
      [
        ...['-accel', kvm ? 'kvm' : 'tcg,thread=multi', '-cpu', kvm ? 'host' : 'max'],
        ...['-smp', '2', '-m', String(memory), '-machine', machine, '-nodefaults'],
        ...['-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
        ...(firmware === 'UEFI' ? ['-bios', uefiFirmware] : []),
        ...['-vga', 'std', '-chardev', `file,id=status,path=${status}`],
        ...['-device', 'isa-debugcon,iobase=0xe9,chardev=status', '-cdrom', image],
      ],
      { stdin: 'ignore', reject: false, timeout: bootLimit, killSignal: 'SIGKILL' },
    );
    if (!/hello from/.test(result.stdout)) t.log(result.stdout, result.stderr);
    t.regex(result.stdout, started);
    t.regex(result.stdout, /hello from v26.* \[ 'by GRUB' \]/);
    t.notRegex(result.stdout, /no root pointer/, 'ACPI is found where no BIOS has left it, too');
    t.is(parseStatus(await readFile(status, 'utf8'))?.code, 0);
    rmSync(folder, { recursive: true });
  });
}
