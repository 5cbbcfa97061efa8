/** The capability list of a PCI function (PCI Local Bus 3.0, section 6.7). */
import type { PciFunctionAccess } from '@runtimejs/platform/platform.ts';
import { configuration, status } from './registers.ts';

/** One entry of the list. */
export interface Capability {
  /** One of capabilityKind, or another. */
  readonly kind: number;
  /** Where it begins in configuration space. */
  readonly offset: number;
}

/** Behind the header, in the 256 bytes that a list may lie in. */
const firstOffset = 0x40;
const endOfSpace = 0x100;

/**
 * Walks the list. It comes from the device, so it may point anywhere: the walk ends at the first
 * entry seen before or outside of the space, and keeps what came before.
 */
export function readCapabilities(access: PciFunctionAccess): readonly Capability[] {
  const found: Capability[] = [];
  if ((access.read(configuration.status, 2) & status.capabilities) === 0) return found;
  const seen = new Set<number>();
  // The low two bits of every pointer are reserved and have to be masked.
  let offset = access.read(configuration.capabilities, 1) & ~3;
  while (offset >= firstOffset && offset < endOfSpace && !seen.has(offset)) {
    seen.add(offset);
    const kind = access.read(offset, 1);
    if (kind === 0xff) break; // nothing answers there
    found.push({ kind, offset });
    offset = access.read(offset + 1, 1) & ~3;
  }
  return found;
}
