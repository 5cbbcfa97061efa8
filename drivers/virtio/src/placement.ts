/** What virtio drivers need to be placed in isolates of their own. */
import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { VirtioDevice } from './device.ts';
import { openPciTransport } from './pci.ts';

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
