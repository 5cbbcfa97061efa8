/** What an app under development may call of services: its channels are taken in by its own realm. */
import { isolates } from '@runtimejs/isolate/isolates.ts';
import { timer } from '@runtimejs/system/reload/within.ts';
import { Endpoints } from '@runtimejs/system/service/endpoint.ts';
import type { AppContext } from '../services.ts';
import type { ReloadGlobals } from './types.ts';

/** Gives this version of the app what it may call: see offer(). */
export function parts(): AppContext {
  const { runtimejsReload } = globalThis as unknown as ReloadGlobals;
  const { names, listen } = runtimejsReload.endpoints;
  const given = new Endpoints('the app', names, timer);
  listen((name, channel) => given.connected(name, isolates().channels.adopt(channel)));
  return { endpoint: (name) => given.get(name) };
}
