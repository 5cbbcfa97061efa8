/** The first thing in the script of an app under development: its bindings become those of this version. */

import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import type { ReloadGlobals } from './types.ts';

const globals = globalThis as unknown as ReloadGlobals & { runtime: SystemBindings };
const { adapt, script } = globals.runtimejsReload;
globals.runtime = adapt(globals.runtime);
prepareIsolate(script);
