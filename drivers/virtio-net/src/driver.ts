/** The driver for virtio network cards, as a composition imports it. */
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import { findVirtioDevices } from '@runtimejs/virtio/find.ts';
import { probe, type VirtioNetworkDevice } from './device.ts';

/**
 * Starts every virtio network card of the machine, on PCI and MMIO. A card that cannot be used is
 * named in the log, and the others go on.
 * @param memory what the platform's DMA memory is part of
 * @returns the cards, in order of address
 */
export function attach(platform: Platform, memory: Memory): readonly VirtioNetworkDevice[] {
  const devices: VirtioNetworkDevice[] = [];
  for (const transport of findVirtioDevices(platform, deviceType.network)) {
    const name = `virtio-net${devices.length}`;
    const device = probe(platform, memory, transport, name);
    if (typeof device === 'string') {
      platform.log('error', `virtio-net: left out the card at ${transport.name}: ${device}`);
    } else {
      const offloads = device.offloads.segmentation4 > 0 ? ', checksum and TCP offload' : '';
      platform.log('info', `${name}: at ${transport.name}, MTU ${device.mtu}${offloads}`);
      devices.push(device);
    }
  }
  return devices;
}
