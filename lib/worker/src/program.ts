/** What the entry module of a bare app exports. */
import type { WorkerApp } from './handler.ts';

/** The port that a server has unless the app, or the variable PORT, says otherwise. */
const defaultPort = 8080;

/** An app, checked. */
export interface CheckedApp extends WorkerApp {
  readonly port?: unknown;
  /** Gives the state that the next version of the app is to start with: see takeOver(). */
  handOver?(): unknown;
  /** Takes a copy of what the version before has handed over, before the first request. */
  takeOver?(state: unknown): unknown;
}

/**
 * Looks at a default export.
 * @throws TypeError that says what is wrong with it
 */
export function checkApp(exported: unknown): CheckedApp {
  if (typeof exported !== 'object' || exported === null || !isFunction(exported, 'fetch')) {
    throw new TypeError(
      'The default export of a bare app must be an object with a function fetch: ' +
        "export default { fetch(request) { return new Response('Hello'); } }",
    );
  }
  for (const name of ['handOver', 'takeOver']) {
    if (!(name in exported) || isFunction(exported, name)) continue;
    throw new TypeError(`${name}, of the default export of a bare app, must be a function.`);
  }
  return exported as CheckedApp;
}

function isFunction(object: object, name: string): boolean {
  return typeof (object as Record<string, unknown>)[name] === 'function';
}

/**
 * Finds the port that an app wants.
 * @throws RangeError when it is none
 */
export function choosePort(app: CheckedApp, env: { readonly PORT?: string }): number {
  const value = env.PORT ?? app.port ?? defaultPort;
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new RangeError(`The port is ${String(value)}, and must be a whole number from 1 to 65535.`);
}
