/** What virtio drivers need to be placed in isolates of their own. */
import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { VirtioDevice } from './device.ts';
import { findMmioDevices, findVirtioFunctions } from './find.ts';
import { openPciTransport } from './pci.ts';

/**
 * The devices of a type that can have isolates of their own: those on PCI. Others are named in the log.
 * @param name of the driver, for the log
 */
export function findPlaceable(platform: Platform, type: number, name: string): PciFunction[] {
  for (const { name: place } of findMmioDevices(platform, type)) {
    platform.log(
      'error',
      `${name}: left out the device at ${place}: only devices on PCI can have an isolate of their own. ` +
        "Leave out placement: 'own', or use a machine with PCI.",
    );
  }
  return findVirtioFunctions(platform, type);
}

/**
 * Resets a device that nobody drives.
 * @returns what went wrong
 */
export function resetFunction(platform: Platform, device: PciFunction): string | undefined {
  const transport = openPciTransport(device);
  if (typeof transport === 'string') return transport;
  const isSilent = new VirtioDevice(platform, transport, device.name).stop();
  return isSilent ? undefined : 'it does not finish its reset';
}
