/** The driver for the framebuffer that the boot loader has set up (Multiboot2 specification, 3.6.12). */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Display } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { LinearFramebuffer } from './linear.ts';

/** Takes the framebuffer, where there is one. */
export function attach(platform: Platform, font: () => Font | undefined): readonly Display[] {
  const displays: Display[] = [];
  for (const device of platform.platformDevices()) {
    if (device.kind !== 'framebuffer') continue;
    const glyphs = font();
    if (glyphs === undefined) return [];
    const { memory, layout } = device;
    const name = `framebuffer of ${layout.width} by ${layout.height} pixels`;
    try {
      displays.push(new LinearFramebuffer(name, memory, layout, glyphs, true));
    } catch (error) {
      platform.log('error', `framebuffer: left out the ${name}: ${(error as Error).message}`);
    }
  }
  return displays;
}
