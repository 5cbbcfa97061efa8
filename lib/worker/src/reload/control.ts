/** What `runtime dev` talks to: a server of its own, in images for development only. */
import { Response } from '@runtimejs/web/response.ts';
import type { WorkerApp } from '../handler.ts';
import type { ReloadResult } from './reloader.ts';

/**
 * Makes the app of that server: `POST /reload` with a script runs it in place of the app.
 * @param token what a request has to know
 * @param reload replaces the app
 */
export default function createControl(
  token: string,
  reload: (script: string) => Promise<ReloadResult>,
): WorkerApp {
  return {
    async fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${token}`) {
        return new Response(null, { status: 403 });
      }
      if (request.method !== 'POST' || !request.url.endsWith('/reload')) {
        return new Response(null, { status: 404 });
      }
      return new Response(JSON.stringify(await reload(await request.text())), {
        headers: { 'content-type': 'application/json' },
      });
    },
  };
}
