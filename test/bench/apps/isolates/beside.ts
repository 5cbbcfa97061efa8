// A bare app that serves while an isolate misbehaves, again and again. A benchmark asks it.
import { isolates, type SpawnOptions } from '@runtimejs/isolate/isolates.ts';
import type { Supervisor, SupervisorPolicy } from '@runtimejs/isolate/supervisor.ts';

const entry = new URL('../../../guest/isolates/app/misbehave.ts', import.meta.url);
const limits: Readonly<Record<string, Pick<SpawnOptions, 'turnLimit' | 'messageLimit'>>> = {
  loop: { turnLimit: 500 },
  flood: { messageLimit: 10_000 },
  full: { turnLimit: 500 },
};
/** As soon as it has ended, or as supervisors do; for good, either way. */
const policies: Readonly<Record<string, SupervisorPolicy>> = {
  storm: { firstPause: 1, longestPause: 1 },
  usual: {},
};
let supervisor: Supervisor | undefined;

/** Starts what misbehaves, in place of what did before; nothing for `none`. @returns restarts so far */
async function misbehave(kind: string, policy: string): Promise<number> {
  const restarts = supervisor?.status().children[0]?.restarts ?? 0;
  await supervisor?.stop('enough');
  supervisor =
    kind === 'none'
      ? undefined
      : isolates().spawn({
          name: kind,
          entry,
          argument: kind,
          heapLimit: 16 << 20,
          ...limits[kind],
          restart: {
            restart: 'always',
            mostRestarts: Number.POSITIVE_INFINITY,
            ...policies[policy],
          },
        });
  return restarts;
}

export default {
  fetch(request: Request): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/misbehave') return new Response('Hello from a bare app.\n');
    const kind = searchParams.get('kind') ?? 'none';
    const policy = searchParams.get('policy') ?? 'storm';
    return misbehave(kind, policy).then((count) => Response.json(count));
  },
};
