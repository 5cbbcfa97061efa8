/**
 * The system isolate's program: puts its parts together, and is the only module here that touches
 * globals.
 *
 * It runs in a bare V8 isolate on a thread of its own. There is no Node: nothing but ECMAScript,
 * timers, and the bindings that native/abi/bindings.abi.ts declares, which the host provides as the
 * global `runtime`. When an exception escapes, the host reports it and starts the isolate anew; the
 * app runs on.
 */
import { createConsole, level } from './console.ts';
import type { SystemBindings } from './generated/bindings.d.ts';
import { createPrepareStackTrace } from './stack-trace.ts';

const globals = globalThis as unknown as {
  readonly runtime: SystemBindings;
  console: unknown;
  Error: { prepareStackTrace?: unknown };
};
const { log, clock, isolate } = globals.runtime;

globals.Error.prepareStackTrace = createPrepareStackTrace(() => isolate.sourceMap());
const console = createConsole((atLevel, text) => log.write(atLevel, text));
globals.console = console;

const nanosecondsPerMicrosecond = 1000n;
const microseconds = Number((clock.monotonic() - isolate.startedAt()) / nanosecondsPerMicrosecond);
log.write(level.debug, `system isolate: started in ${(microseconds / 1000).toFixed(1)} ms`);
