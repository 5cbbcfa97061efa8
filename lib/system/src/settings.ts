/** Options of the kernel command line that services read. */
import type { SystemBindings } from './generated/bindings.d.ts';

const longestValue = 4096;

/** Reads an option, undefined when it was not given. */
export function readSetting(
  bindings: SystemBindings,
  name: 'console' | 'terminal' | 'keyboard' | 'screen' | 'shell' | 'reload',
): string | undefined {
  const bytes = new Uint8Array(longestValue);
  const length = bindings.settings.read(name, bytes);
  if (length < 0) return undefined;
  // The command line is ASCII, or bytes that no option of a service allows.
  return String.fromCharCode(...bytes.subarray(0, length));
}
