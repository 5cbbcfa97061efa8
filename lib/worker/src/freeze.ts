/**
 * Comes after all that a bare app runs on and before the app's own modules: this is where a warm image's process is
 * frozen, because what the app makes, such as keys, must not be the same on all machines.
 */
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';

(globalThis as unknown as { readonly runtime: SystemBindings }).runtime.isolate.becomeFrozen();
