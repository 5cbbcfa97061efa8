/** What virtio drivers need to be placed in isolates of their own. */
import { PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform, VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import { VirtioDevice } from './device.ts';
import { findVirtioFunctions, mmioDevices } from './find.ts';
import { mmioName, openMmioTransport } from './mmio.ts';
import { openPciTransport } from './pci.ts';
import type { VirtioTransport } from './transport.ts';

/** Where a virtio device is. */
export type VirtioPlace = PciFunction | VirtioMmioDevice;

/**
 * The devices of a type that can have isolates of their own, PCI first. What cannot be used is named in the log and
 * left out.
 * @param name of the driver, for the log
 */
export function findPlaceable(platform: Platform, type: number, name: string): VirtioPlace[] {
  const slots = mmioDevices(platform).filter((device) => {
    const opened = openMmioTransport(device, type);
    if (typeof opened === 'string') {
      platform.log('error', `${name}: left out the device at ${mmioName(device)}: ${opened}`);
    }
    return opened !== null && typeof opened !== 'string';
  });
  return [...findVirtioFunctions(platform, type), ...slots];
}

/**
 * Opens a device.
 * @param type of it
 * @returns why it cannot be used, otherwise
 */
export function openPlace(place: VirtioPlace, type: number): VirtioTransport | string {
  if (place instanceof PciFunction) return openPciTransport(place);
  return openMmioTransport(place, type) ?? 'it is of another type now';
}

/**
 * Resets a device that nobody drives.
 * @param type of it
 * @returns what went wrong
 */
export function resetPlace(
  platform: Platform,
  place: VirtioPlace,
  type: number,
): string | undefined {
  const transport = openPlace(place, type);
  if (typeof transport === 'string') return transport;
  const isSilent = new VirtioDevice(platform, transport, transport.name).stop();
  return isSilent ? undefined : 'it does not finish its reset';
}
