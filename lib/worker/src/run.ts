/** Runs a bare app: the last thing in its bundle. */
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { compose } from './compose.ts';
import { createHandler } from './handler.ts';
import { checkApp, choosePort } from './program.ts';
import type { ConnectedApp } from './services.ts';

/**
 * Serves an app.
 * @param exported the default export of the app's entry module: fetch, and perhaps the port
 * @param connected services beside it, if any
 * @throws TypeError that says what is wrong with it
 */
export function run(exported: unknown, connected?: ConnectedApp): void {
  const { console, runtime } = globalThis as unknown as {
    console: Console;
    runtime: SystemBindings;
  };
  const env = runtime.app.environment();
  const app = checkApp(exported);
  const handle = createHandler(app, env, (text) => console.error(text), connected?.context);
  compose({ port: choosePort(app, env), handle }, [], connected?.parts);
}
