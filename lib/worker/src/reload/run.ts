/** Runs a bare app under development: the last thing in the bundle of what it runs on. */

import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { Reload } from '@runtimejs/system/reload/reload.ts';
import type { ReplaceablePart } from '@runtimejs/system/reload/types.ts';
import { timer } from '@runtimejs/system/reload/within.ts';
import { compose } from '../compose.ts';
import { createHandler } from '../handler.ts';
import type { AppParts } from '../services.ts';
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
 * @param given services beside the app, if any
 * @throws what the app's modules throw
 */
export function runReloadable(control: typeof createControl, given?: AppParts): void {
  const globals = globalThis as unknown as { readonly console: Console; runtime: SystemBindings };
  const { console, runtime } = globals;
  const { [controlVariable]: told, ...environment } = runtime.app.environment();
  const script = runtime.app.script();
  if (script === undefined) throw new Error('The image has no app.');
  const versions = new Versions(runtime, environment, given?.endpoints ?? []);
  globals.runtime = versions.ownBindings();
  const reloader = new Reloader(
    {
      load: (text) => versions.load(text),
      now: () => runtime.clock.now() / 1000,
      after: timer,
    },
    script,
  );
  const app = { port: reloader.port, handle: reloader.handle.bind(reloader) };
  const replaceable: ReplaceablePart[] = [];
  const parts = {
    configuration: given?.configuration ?? [],
    services: [
      ...(given?.services ?? []),
      {
        name: 'app',
        start: ({ switchboard, parts }: SystemContext) => {
          versions.connect(switchboard);
          replaceable.push(...parts); // of the services before
          return () => Number.POSITIVE_INFINITY;
        },
      },
    ],
  };
  const [port, token] = told?.split(':') ?? [];
  if (port === undefined || token === undefined) {
    compose(app, [], parts);
    return;
  }
  const reload = new Reload({
    bindings: runtime.reload,
    services: [],
    parts: replaceable,
    life: '',
    now: () => runtime.clock.now(),
    after: timer,
  });
  const served = control(token, {
    app: (text) => reloader.reload(text),
    services: (scripts) => reload.run(scripts),
  });
  const handle = createHandler(served, {}, (text) => console.error(text));
  compose(app, [{ port: Number(port), handle, limits: { body: largestScript } }], parts);
}
