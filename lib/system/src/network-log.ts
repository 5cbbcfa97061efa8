/** Tells in the log which addresses interfaces have. */
import { formatAddress } from '@runtimejs/net/address-text.ts';
import type { LogLevel } from '@runtimejs/net/environment.ts';
import type { Stack } from '@runtimejs/net/stack.ts';

/** Writes a line for each address that interfaces other than loopback get or lose. */
export function logAddresses(stack: Stack, log: (level: LogLevel, text: string) => void): void {
  stack.observe({
    addressAdded: (on, { address, prefixLength, origin }) => {
      if (on.isLoopback || origin === 'link-local') return;
      log('info', `${on.name}: ${formatAddress(address)}/${prefixLength} (${origin})`);
    },
    addressRemoved: (on, { address }) => {
      if (!on.isLoopback) log('info', `${on.name}: ${formatAddress(address)} is gone`);
    },
    addressConflict: (on, address) => {
      log('warn', `${on.name}: another machine uses ${formatAddress(address)}, too`);
    },
  });
}
