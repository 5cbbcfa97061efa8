/** What `runtime dev` talks to: a server of its own, in images for development only. */
import { Response } from '@runtimejs/web/response.ts';
import type { WorkerApp } from '../handler.ts';
import type { ReloadResult } from './reloader.ts';

const reloadPattern = /\/reload\/[\w-]+$/;

/**
 * Makes the app of that server: `POST /reload/ID` with a script runs it in place of the app, once for each ID, however
 * often it is asked.
 * @param token what a request has to know
 * @param reload replaces the app
 */
export default function createControl(
  token: string,
  reload: (script: string) => Promise<ReloadResult>,
): WorkerApp {
  let last = '';
  let result: Promise<ReloadResult> | undefined;
  return {
    async fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${token}`) {
        return new Response(null, { status: 403 });
      }
      const [id] = reloadPattern.exec(request.url) ?? [];
      if (request.method !== 'POST' || id === undefined) {
        return new Response(null, { status: 404 });
      }
      const script = await request.text();
      if (id !== last) {
        last = id;
        result = reload(script);
      }
      return new Response(JSON.stringify(await result), {
        headers: { 'content-type': 'application/json' },
      });
    },
  };
}
