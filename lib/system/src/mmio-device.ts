/** A virtio device over MMIO over the kernel's bindings. */
import type { VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import type { DeviceBindings } from './generated/bindings.d.ts';
import type { InterruptTable } from './interrupts.ts';
import { registerMemory } from './pci-function.ts';

/** The bindings behind it: of the system isolate, or of one that was given a device. */
type MmioBindings = Pick<DeviceBindings, 'mapPlatform' | 'openPlatformInterrupt'>;

/** Maps a device. @param index of the device in the kernel's list */
export function describeMmioDevice(
  kernel: MmioBindings,
  interrupts: InterruptTable,
  index: number,
): VirtioMmioDevice {
  return {
    kind: 'virtio-mmio',
    number: index,
    registers: registerMemory(kernel.mapPlatform(index)),
    openInterrupt: () => interrupts.open(kernel.openPlatformInterrupt(index), 0, 0),
  };
}
