/** Runs a bare app under development: the last thing in the bundle of what it runs on. */
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { compose } from '../compose.ts';
import { createHandler } from '../handler.ts';
import type createControl from './control.ts';
import { Reloader } from './reloader.ts';
import { Versions } from './versions.ts';

/** Where `runtime dev` reaches the machine: port and token. The app does not see it. */
const controlVariable = 'RUNTIMEJS_RELOAD';
/** Most bytes of a script. */
const largestScript = 64 * 1024 * 1024;

/**
 * Loads the app and serves it; and the control server, when the machine was told its port and token.
 * @param control makes that
 * @throws what the app's modules throw
 */
export function runReloadable(control: typeof createControl): void {
  const { console, runtime, setTimeout, clearTimeout } = globalThis as unknown as {
    readonly console: Console;
    readonly runtime: SystemBindings;
    setTimeout(run: () => void, milliseconds: number): unknown;
    clearTimeout(timer: unknown): void;
  };
  const { [controlVariable]: told, ...environment } = runtime.app.environment();
  const script = runtime.app.script();
  if (script === undefined) throw new Error('The image has no app.');
  const versions = new Versions(runtime, environment);
  const reloader = new Reloader(
    {
      load: (text) => versions.load(text),
      now: () => runtime.clock.now() / 1000,
      after: (milliseconds, run) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
    },
    script,
  );
  const app = { port: reloader.port, handle: reloader.handle.bind(reloader) };
  const [port, token] = told?.split(':') ?? [];
  if (port === undefined || token === undefined) {
    compose(app);
    return;
  }
  const served = control(token, (text) => reloader.reload(text));
  const handle = createHandler(served, {}, (text) => console.error(text));
  compose(app, [{ port: Number(port), handle, limits: { body: largestScript } }]);
}
