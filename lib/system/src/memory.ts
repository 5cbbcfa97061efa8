/** The arena as the network stack's Memory: copies and checksums are the host's, in native code. */
import type { Memory } from '@runtimejs/net/memory.ts';
import type { SystemBindings } from './generated/bindings.d.ts';

/**
 * Attaches to the kernel's broker, if that has not been done yet, and gives the arena.
 * @throws when the kernel has no memory for it
 */
export function createMemory(bindings: SystemBindings): Memory {
  const buffer = bindings.broker.attach();
  const { copy, checksum } = bindings.arena;
  return {
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
    copy,
    checksum,
  };
}
