/** Runs in the system isolate in place of the usual program: a screen with its keyboards by itself. */
import * as bochs from '@runtimejs/framebuffer/bochs.ts';
import * as framebuffer from '@runtimejs/framebuffer/driver.ts';
import * as ps2 from '@runtimejs/ps2/driver.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import * as virtioGpu from '@runtimejs/virtio-gpu/driver.ts';
import * as virtioInput from '@runtimejs/virtio-input/driver.ts';
import { runScreen } from '../placement/screen.ts';

runScreen({
  displays: [vga, framebuffer, bochs, virtioGpu],
  keyboards: [ps2, virtioInput],
  layout: 'de',
});
