/** Runs a bare app: the last thing in its bundle. */
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { compose } from './compose.ts';
import { createHandler } from './handler.ts';
import { checkApp, choosePort } from './program.ts';

/**
 * Serves an app.
 * @param exported the default export of the app's entry module: fetch, and perhaps the port
 * @throws TypeError that says what is wrong with it
 */
export function run(exported: unknown): void {
  const { console, runtime } = globalThis as unknown as {
    console: Console;
    runtime: SystemBindings;
  };
  const env = runtime.app.environment();
  const app = checkApp(exported);
  compose({
    port: choosePort(app, env),
    handle: createHandler(app, env, (text) => console.error(text)),
  });
}
