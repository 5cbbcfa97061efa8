/**
 * What an app in Node, and each of its Workers, calls of services.
 *
 * ```ts
 * import { endpoint } from '@runtimejs/isolate/endpoint.ts';
 * import type { Users } from './users.ts';
 *
 * const users = endpoint<Users>('users');
 * console.log(await users.find('ada'));
 * ```
 */
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import { AppLink } from './app-link.ts';
import { isolates } from './isolates.ts';
import { findStarter } from './starter.ts';

let link: AppLink | undefined;

/**
 * Something that a service offers to the app, by RPC: calls give promises, wherever the service runs. A reference outlives
 * the service: calls that are under way when that one ends fail with the code `peer-gone`, later ones wait for its
 * next life, for 30 s. What calls have given, such as streams, ends with the life that gave it. The event loop goes on
 * while calls are under way, and as long as a stream is open.
 *
 * Calls are rejected with a RangeError when `endpoints` of runtime.config.ts does not name it.
 * @param name of the service in the config
 * @throws Error with the code ERR_NOT_RUNTIME where there is no Runtime.JS; TypeError where it is no app in Node
 */
export function endpoint<Interface>(name: string): Remote<Interface> {
  if ('runtime' in globalThis) {
    throw new TypeError(
      `endpoint(${JSON.stringify(name)}): this one is for apps in Node. A bare app gets endpoint() with each request, ` +
        'a service with its start().',
    );
  }
  link ??= openLink(name);
  return link.endpoint(name);
}

function openLink(name: string): AppLink {
  try {
    const own = isolates();
    const { after } = findStarter(globalThis);
    return new AppLink({
      dial: () => own.channels.call(),
      after,
      idleAfter: (milliseconds, run) => after(milliseconds, run, true),
      hold: () => own.hold(),
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_NOT_RUNTIME') throw error;
    throw Object.assign(
      new Error(
        `The service ${name} cannot be called here: services run beside an app on Runtime.JS, and this is plain Node. ` +
          'Boot the image, or give the code something else with the same interface.',
      ),
      { code: 'ERR_NOT_RUNTIME' },
    );
  }
}
