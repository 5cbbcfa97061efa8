/** Flags of a BIND request. */
import { bindReuseAddress, bindReusePort, bindV6Only } from '../generated/shared-memory.ts';
import type { BindFlags } from '../tcp/types.ts';

/** The flags in value0 of a BIND request; other requests carry none. */
export function bindFlags(value: number): BindFlags {
  return {
    reuseAddress: (value & bindReuseAddress) !== 0,
    reusePort: (value & bindReusePort) !== 0,
    v6Only: (value & bindV6Only) !== 0,
  };
}
