/** Finds the virtio devices of a machine, whatever bus they are on. */
import { findFunctions, type PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform, VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import { mmioName, openMmioTransport } from './mmio.ts';
import { openPciTransport, virtioType, virtioVendor } from './pci.ts';
import type { VirtioTransport } from './transport.ts';

/**
 * Opens every device of a type (deviceType), in order of address, PCI first. A device that cannot
 * be used is named in the log and left out.
 */
export function findVirtioDevices(platform: Platform, type: number): VirtioTransport[] {
  const found: VirtioTransport[] = [];
  for (const pciFunction of findVirtioFunctions(platform, type)) {
    const opened = openPciTransport(pciFunction);
    if (typeof opened === 'string') {
      platform.log('error', `virtio: left out the device at PCI ${pciFunction.name}: ${opened}`);
    } else {
      found.push(opened);
    }
  }
  return [...found, ...findMmioDevices(platform, type)];
}

/** Opens the devices of a type that are on MMIO. One that cannot be used is named in the log and left out. */
export function findMmioDevices(platform: Platform, type: number): VirtioTransport[] {
  const found: VirtioTransport[] = [];
  for (const device of mmioDevices(platform)) {
    const opened = openMmioTransport(device, type);
    if (opened === null) continue;
    if (typeof opened === 'string') {
      platform.log('error', `virtio: left out the device at ${mmioName(device)}: ${opened}`);
    } else {
      found.push(opened);
    }
  }
  return found;
}

/** The slots of virtio over MMIO, in their order. */
export function mmioDevices(platform: Platform): VirtioMmioDevice[] {
  return platform.platformDevices().filter((device) => device.kind === 'virtio-mmio');
}

/** The PCI functions that are virtio devices of a type, in order of address; none is touched. */
export function findVirtioFunctions(platform: Platform, type: number): PciFunction[] {
  return findFunctions(platform, { vendor: virtioVendor }).filter(
    (each) => virtioType(each) === type,
  );
}
