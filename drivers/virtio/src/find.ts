/** Finds the virtio devices of a machine, whatever bus they are on. */
import { findFunctions } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { openMmioTransport } from './mmio.ts';
import { openPciTransport, virtioType, virtioVendor } from './pci.ts';
import type { VirtioTransport } from './transport.ts';

/**
 * Opens every device of a type (deviceType), in order of address, PCI first. A device that cannot
 * be used is named in the log and left out.
 */
export function findVirtioDevices(platform: Platform, type: number): VirtioTransport[] {
  const found: VirtioTransport[] = [];
  for (const pciFunction of findFunctions(platform, { vendor: virtioVendor })) {
    if (virtioType(pciFunction) !== type) continue;
    const opened = openPciTransport(pciFunction);
    if (typeof opened === 'string') {
      platform.log('error', `virtio: left out the device at PCI ${pciFunction.name}: ${opened}`);
    } else {
      found.push(opened);
    }
  }
  for (const [index, device] of platform.platformDevices().entries()) {
    if (device.kind !== 'virtio-mmio') continue;
    const opened = openMmioTransport(device, index, type);
    if (opened === null) continue;
    if (typeof opened === 'string') {
      platform.log('error', `virtio: left out the device at MMIO slot ${index}: ${opened}`);
    } else {
      found.push(opened);
    }
  }
  return found;
}
