/** Devices that the platform describes itself, over the kernel's bindings. */
import type {
  Interrupt,
  PixelLayout,
  PlatformDevice,
  RegisterMemory,
  RegisterPorts,
} from '@runtimejs/platform/platform.ts';
import type { DeviceBindings } from './generated/bindings.d.ts';
import type { InterruptTable } from './interrupts.ts';
import { describeMmioDevice } from './mmio-device.ts';
import { registerMemory } from './pci-function.ts';

/** RUNTIME_PLATFORM_DEVICE_* in native/abi/service.abi.ts. */
const platformKind = {
  virtioMmio: 1,
  textScreen: 2,
  keyboardController: 3,
  framebuffer: 4,
} as const;

/** The bindings behind it: of the system isolate, or of one that was given a device. */
type PlatformBindings = Pick<
  DeviceBindings,
  | 'platformAt'
  | 'mapPlatform'
  | 'openPlatformInterrupt'
  | 'platformPorts'
  | 'readPlatformPort'
  | 'writePlatformPort'
  | 'framebuffer'
>;

/** Describes a device. @returns undefined when it is of a kind that this version does not know */
export function describePlatformDevice(
  kernel: PlatformBindings,
  interrupts: InterruptTable,
  index: number,
): PlatformDevice | undefined {
  const { kind } = kernel.platformAt(index, { kind: 0, size: 0 });
  const memory = (): RegisterMemory => registerMemory(kernel.mapPlatform(index));
  const openInterrupt = (): Interrupt => interrupts.open(kernel.openPlatformInterrupt(index), 0, 0);
  switch (kind) {
    case platformKind.virtioMmio:
      return describeMmioDevice(kernel, interrupts, index);
    case platformKind.textScreen:
      return {
        kind: 'text-screen',
        number: index,
        memory: memory(),
        ports: platformPorts(kernel, index),
      };
    case platformKind.keyboardController:
      return {
        kind: 'keyboard-controller',
        number: index,
        ports: platformPorts(kernel, index),
        openInterrupt,
      };
    case platformKind.framebuffer:
      return {
        kind: 'framebuffer',
        number: index,
        memory: memory(),
        layout: pixelLayout(kernel, index),
      };
    default:
      return undefined;
  }
}

/** Ports of a legacy device: bytes, numbered from 0. */
function platformPorts(kernel: PlatformBindings, index: number): RegisterPorts {
  const checkWidth = (width: number): void => {
    if (width !== 1) throw new Error('The ports of a legacy device are one byte wide.');
  };
  return {
    size: kernel.platformPorts(index),
    read: (port, width) => {
      checkWidth(width);
      return kernel.readPlatformPort(index, port) & 0xff;
    },
    write: (port, width, value) => {
      checkWidth(width);
      kernel.writePlatformPort(index, port, value);
    },
  };
}

function pixelLayout(kernel: PlatformBindings, index: number): PixelLayout {
  const told = kernel.framebuffer(index, {
    width: 0,
    height: 0,
    pitch: 0,
    bitsPerPixel: 0,
    redPosition: 0,
    redSize: 0,
    greenPosition: 0,
    greenSize: 0,
    bluePosition: 0,
    blueSize: 0,
  });
  const { width, height, pitch, bitsPerPixel } = told;
  return {
    width,
    height,
    pitch,
    bitsPerPixel,
    red: { position: told.redPosition, size: told.redSize },
    green: { position: told.greenPosition, size: told.greenSize },
    blue: { position: told.bluePosition, size: told.blueSize },
  };
}
