// CD images that boot by GRUB, under BIOS and under UEFI alike: kernel and initrd as a person would hand
// them to a boot loader of their own.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { runtimeImage } from '../../../lib/cli/src/paths.ts';
import { guestFolder } from './guest.ts';

/** UEFI firmware for virtual machines, without variables that last (Debian: ovmf). */
export const uefiFirmware = '/usr/share/ovmf/OVMF.fd';

/**
 * Makes a CD image.
 * @param name its own name below build/test/guest
 * @param initrd path of the initrd
 * @param commandLine the kernel's command line
 * @param before lines of GRUB's configuration before the menu
 * @param files more files, by their name in /boot
 * @returns path of the image
 */
export async function makeGrubImage(
  name: string,
  initrd: string,
  commandLine: string,
  before: readonly string[] = [],
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<string> {
  const folder = path.join(guestFolder, name);
  const tree = path.join(folder, 'tree');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(tree, 'boot/grub'), { recursive: true });
  copyFileSync(runtimeImage, path.join(tree, 'boot/runtime'));
  copyFileSync(initrd, path.join(tree, 'boot/initrd'));
  for (const [file, content] of Object.entries(files))
    writeFileSync(path.join(tree, 'boot', file), content);
  writeFileSync(
    path.join(tree, 'boot/grub/grub.cfg'),
    [
      'set timeout=0',
      ...before,
      'menuentry "Runtime.JS" {',
      `  multiboot2 /boot/runtime ${commandLine}`,
      '  module2 /boot/initrd',
      '}',
      '',
    ].join('\n'),
  );
  const image = path.join(folder, 'image.iso');
  await execa('grub-mkrescue', ['-o', image, tree]);
  rmSync(tree, { recursive: true });
  return image;
}
