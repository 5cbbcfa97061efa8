/**
 * The driver for QEMU's bochs-display: a framebuffer whose mode is set through registers (QEMU,
 * docs/specs/standard-vga: "DISPI registers" at 0x500 behind base address register 2).
 */
import { findFunctions, type PciFunction } from '@runtimejs/pci/function.ts';
import type { PixelLayout, Platform } from '@runtimejs/platform/platform.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import type { Display } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { LinearFramebuffer } from './linear.ts';

const vendor = 0x1234;
const device = 0x1111;
/** "Other display controller": the VGA adapter with the same identity shows text, and is left to vga. */
const displayClass = 0x0380;

/** DISPI registers, 16 bits each. */
const registersAt = 0x500;
const register = {
  id: 0,
  width: 1,
  height: 2,
  bitsPerPixel: 3,
  enable: 4,
  bank: 5,
  virtualWidth: 6,
  virtualHeight: 7,
  offsetX: 8,
  offsetY: 9,
} as const;
const enabled = 0x01;
const linear = 0x40;
const idMask = 0xfff0;
const id = 0xb0c0;

const wanted = { width: 1024, height: 768 } as const;
const bitsPerPixel = 32;
/** Cells of the picture, with the smallest glyphs that are readable. */
export const most: TerminalSize = { columns: wanted.width / 4, rows: wanted.height / 6 };

/** Sets a mode up. @returns why that cannot be, in words */
function start(found: PciFunction, font: Font): Display | string {
  const frame = found.access.bar(0);
  const control = found.access.bar(2);
  if (frame?.kind !== 'memory' || control?.kind !== 'memory') return 'it lacks memory or registers';
  const size = wanted.width * wanted.height * (bitsPerPixel / 8);
  if (frame.size < size || control.size < registersAt + 0x16) return 'its memory is too small';
  found.enableRegisters();
  const { halves } = found.memory(2);
  const read = (index: number): number => Atomics.load(halves, registersAt / 2 + index);
  const write = (index: number, value: number): void => {
    halves[registersAt / 2 + index] = value;
  };
  if ((read(register.id) & idMask) !== id)
    return 'its registers are unlike those of a Bochs display';
  write(register.enable, 0);
  write(register.width, wanted.width);
  write(register.height, wanted.height);
  write(register.bitsPerPixel, bitsPerPixel);
  write(register.bank, 0);
  write(register.virtualWidth, wanted.width);
  write(register.offsetX, 0);
  write(register.offsetY, 0);
  write(register.enable, enabled | linear);
  const [width, height] = [read(register.width), read(register.height)];
  if (width !== wanted.width || height !== wanted.height) {
    return `it refused ${wanted.width} by ${wanted.height} pixels`;
  }
  const layout: PixelLayout = {
    width,
    height,
    pitch: width * (bitsPerPixel / 8),
    bitsPerPixel,
    red: { position: 16, size: 8 },
    green: { position: 8, size: 8 },
    blue: { position: 0, size: 8 },
  };
  return new LinearFramebuffer(nameOf(found), found.memory(0), layout, font, false);
}

function nameOf({ name }: PciFunction): string {
  return `bochs-display at PCI ${name}`;
}

/** What a display is, whoever drives it; it is not touched. */
export function identify(found: PciFunction, font: Font) {
  const size = {
    columns: Math.floor(wanted.width / font.width),
    rows: Math.floor(wanted.height / font.height),
  };
  return { name: nameOf(found), isTextScreen: false, replacesTextScreen: false, size };
}

/** Every bochs-display of the machine; none is touched. */
export function find(platform: Platform): readonly PciFunction[] {
  return findFunctions(platform, { vendor, devices: [device], class: displayClass });
}

/** Takes every bochs-display of the machine. */
export function attach(platform: Platform, font: () => Font | undefined): readonly Display[] {
  const displays: Display[] = [];
  for (const found of find(platform)) {
    const glyphs = font();
    if (glyphs === undefined) return [];
    const display = start(found, glyphs);
    if (typeof display === 'string') {
      platform.log('error', `bochs-display: left out PCI ${found.name}: ${display}`);
    } else displays.push(display);
  }
  return displays;
}
