/** What a program in a bare isolate has before anything else: a console, and stack traces that name TypeScript. */
import { type Console, createConsole } from './console.ts';
import type { SystemBindings } from './generated/bindings.d.ts';
import { createPrepareStackTrace } from './stack-trace.ts';

/** The globals of a bare isolate that this module reads or sets. */
interface IsolateGlobals {
  readonly runtime: SystemBindings;
  console: unknown;
  Error: { prepareStackTrace?: unknown };
}

let isPrepared = false;

/**
 * Sets the console and stack traces up, and gives the bindings, which the host provides as `runtime`. Only the first
 * call sets anything: a bare app has a console of its own when its system starts.
 * @param script whose stack traces are meant, where several scripts run in one isolate
 */
export function prepareIsolate(script?: string): SystemBindings {
  const globals = globalThis as unknown as IsolateGlobals;
  const { runtime } = globals;
  if (isPrepared) return runtime;
  isPrepared = true;
  globals.Error.prepareStackTrace = createPrepareStackTrace(
    () => runtime.isolate.sourceMap(),
    script,
  );
  const console: Console = createConsole((atLevel, text) => runtime.log.write(atLevel, text));
  globals.console = console;
  return runtime;
}
