/** Runs a bare app: the last thing in its bundle. */
import * as e1000 from '@runtimejs/e1000/driver.ts';
import { system } from '@runtimejs/system/compose.ts';
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
import * as virtioRng from '@runtimejs/virtio-rng/driver.ts';
import { createHandler, type WorkerApp } from './handler.ts';
import { serve } from './network.ts';

/** The port that a server has unless the app, or the variable PORT, says otherwise. */
const defaultPort = 8080;

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
  const port = checkPort(env.PORT ?? app.port ?? defaultPort);
  system({
    drivers: [virtioRng],
    services: [
      serve({
        port,
        drivers: [virtioNet, e1000],
        handle: createHandler(app, env, (text) => console.error(text)),
        listening: (lines) =>
          console.log(
            [`Listening on port ${port}:`, ...lines.map((line) => `  ${line}`)].join('\n'),
          ),
      }),
    ],
  });
}

function checkApp(exported: unknown): WorkerApp & { readonly port?: unknown } {
  if (typeof exported === 'object' && exported !== null && 'fetch' in exported) {
    if (typeof exported.fetch === 'function') return exported as WorkerApp;
  }
  throw new TypeError(
    'The default export of a bare app must be an object with a function fetch: ' +
      "export default { fetch(request) { return new Response('Hello'); } }",
  );
}

function checkPort(value: unknown): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new RangeError(`The port is ${String(value)}, and must be a whole number from 1 to 65535.`);
}
