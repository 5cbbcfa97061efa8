/** The driver for Intel 8254x network cards, as a composition imports it. */

import type { Memory } from '@runtimejs/net/memory.ts';
import { findFunctions, type PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { type E1000Device, probe } from './device.ts';

const intel = 0x8086;
/** The copper cards that hypervisors emulate: QEMU's `e1000` is the first. */
const cards: Readonly<Record<number, string>> = {
  4110: '82540EM',
  4111: '82545EM',
};

/** The cards of the machine, in order of address; none is touched. */
export function findCards(platform: Platform): PciFunction[] {
  return findFunctions(platform, { vendor: intel, devices: Object.keys(cards).map(Number) });
}

/**
 * Starts every such card of the machine. A card that cannot be used is named in the log, and the
 * others go on.
 * @param memory what the platform's DMA memory is part of
 * @returns the cards, in order of address
 */
export function attach(platform: Platform, _memory: Memory): readonly E1000Device[] {
  const devices: E1000Device[] = [];
  for (const pciFunction of findCards(platform)) {
    const model = cards[pciFunction.device];
    const name = `e1000-${devices.length}`;
    const device = probe(platform, pciFunction, name);
    if (typeof device === 'string') {
      platform.log('error', `e1000: left out the ${model} at PCI ${pciFunction.name}: ${device}`);
    } else {
      platform.log('info', `${name}: ${model} at PCI ${pciFunction.name}, MTU ${device.mtu}`);
      devices.push(device);
    }
  }
  return devices;
}
