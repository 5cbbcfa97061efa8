/** What `runtime dev` talks to: a server of its own, in images for development only. */
import type { ReloadOutcome } from '@runtimejs/system/reload/types.ts';
import { Response } from '@runtimejs/web/response.ts';
import type { WorkerApp } from '../handler.ts';
import type { ReloadResult } from './reloader.ts';

const reloadPattern = /\/reload\/[\w-]+$/;
const scriptPattern = /\/isolates\/[\w.-]+\.js$/;

/** What is replaced. */
export interface Replacers {
  /** Runs a script in place of the app. */
  app(script: string): Promise<ReloadResult>;
  /** Runs scripts in place of services that have isolates of their own. */
  services(scripts: ReadonlyMap<string, Uint8Array>): Promise<ReloadOutcome>;
}

/**
 * Makes the app of that server. `PUT /isolates/NAME.js` brings scripts of services. `POST /reload/ID` puts them in the
 * place of those that run, and then the script that comes with it in place of the app, unless that is empty; once for
 * each ID, however often it is asked.
 * @param token what a request has to know
 */
export default function createControl(token: string, replacers: Replacers): WorkerApp {
  let last = '';
  let result: Promise<ReloadResult> | undefined;
  /** For the next reload. */
  let scripts = new Map<string, Uint8Array>();
  return {
    async fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${token}`) {
        return new Response(null, { status: 403 });
      }
      const [path] = scriptPattern.exec(request.url) ?? [];
      if (request.method === 'PUT' && path !== undefined) {
        scripts.set(path, new Uint8Array(await request.arrayBuffer()));
        return new Response(null, { status: 204 });
      }
      const [id] = reloadPattern.exec(request.url) ?? [];
      if (request.method !== 'POST' || id === undefined) {
        return new Response(null, { status: 404 });
      }
      const script = await request.text();
      if (id !== last) {
        last = id;
        result = replaceAll(replacers, scripts, script);
        scripts = new Map();
      }
      return new Response(JSON.stringify(await result), {
        headers: { 'content-type': 'application/json' },
      });
    },
  };
}

async function replaceAll(
  { app, services }: Replacers,
  scripts: ReadonlyMap<string, Uint8Array>,
  script: string,
): Promise<ReloadResult> {
  if (scripts.size === 0) return app(script);
  const outcome = await services(scripts);
  switch (outcome.outcome) {
    case 'reloaded': {
      const { parts, milliseconds } = outcome;
      const replaced =
        script === '' ? { ...outcome, underWay: 0, milliseconds } : await app(script);
      return replaced.outcome === 'reloaded' ? { ...replaced, parts } : replaced;
    }
    case 'failed':
    case 'busy':
    case 'impossible':
      return outcome;
    default:
      return { outcome: 'impossible', reason: 'The machine has no such services.' };
  }
}
