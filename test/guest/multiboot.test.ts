// GRUB loads the kernel by multiboot2, with the initrd as a module, from an ISO image under BIOS.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { detectAccelerator, parseStatus } from '../../lib/cli/src/machine.ts';
import { runtimeImage } from '../../lib/cli/src/paths.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';

const bootLimit = 300_000;

/** What is missing for making an image, or undefined. */
async function missingTool(): Promise<string | undefined> {
  for (const tool of ['grub-mkrescue', 'xorriso']) {
    const found = await execa(tool, ['--version'], { reject: false });
    if (found.failed) return tool;
  }
  return undefined;
}

test.serial('GRUB boots an ISO image', async (t) => {
  const missing = await missingTool();
  if (missing !== undefined) {
    t.log(
      `${missing} is not installed (Debian: grub-pc-bin, grub-common, xorriso, mtools); not tested`,
    );
    t.pass();
    return;
  }
  const folder = path.join(guestFolder, 'iso');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, 'tree/boot/grub'), { recursive: true });
  copyFileSync(runtimeImage, path.join(folder, 'tree/boot/runtime'));
  copyFileSync(await guestInitrd('hello', 'apps/hello.ts'), path.join(folder, 'tree/boot/initrd'));
  writeFileSync(
    path.join(folder, 'tree/boot/grub/grub.cfg'),
    [
      'set timeout=0',
      'menuentry "Runtime.JS" {',
      '  multiboot2 /boot/runtime log=info -- "by GRUB"',
      '  module2 /boot/initrd',
      '}',
    ].join('\n'),
  );
  const image = path.join(folder, 'image.iso');
  await execa('grub-mkrescue', ['-o', image, path.join(folder, 'tree')]);

  const kvm = (await detectAccelerator()) === 'kvm';
  const status = path.join(folder, 'status');
  const result = await execa(
    'qemu-system-x86_64',
    [
      ...['-accel', kvm ? 'kvm' : 'tcg,thread=multi', '-cpu', kvm ? 'host' : 'max'],
      ...['-smp', kvm ? '1' : '1,maxcpus=2', '-m', '768', '-machine', 'pc', '-nodefaults'],
      ...['-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-vga', 'std'],
      ...['-chardev', `file,id=status,path=${status}`],
      ...['-device', 'isa-debugcon,iobase=0xe9,chardev=status', '-cdrom', image],
    ],
    { stdin: 'ignore', reject: false, timeout: bootLimit, killSignal: 'SIGKILL' },
  );
  if (!/hello from/.test(result.stdout)) t.log(result.stdout, result.stderr);
  t.regex(result.stdout, /started by .*(GRUB|multiboot)/i);
  t.regex(result.stdout, /hello from v26.* \[ 'by GRUB' \]/);
  t.is(parseStatus(await readFile(status, 'utf8'))?.code, 0);
});
