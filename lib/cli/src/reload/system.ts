// Replaces drivers and services in a running machine: a server in its system isolate (lib/system/src/reload/control.ts)
// takes their new scripts.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describePlaces } from '@runtimejs/isolate/report.ts';
import type { ReloadOutcome, ReloadStatus } from '@runtimejs/system/reload/types.ts';
import { sourceMapOf } from '@runtimejs/system/source-map.ts';
import { type ReloadServer, request, retried } from './requests.ts';

/** How long one request may take, in ms: the machine waits for drivers and services that hand over or start. */
const requestPatience = 120_000;
/** A status that is not there yet is asked for again: see `retried`. */
const statusPatience = 10_000;
/** How long a machine may need to start its system isolate anew, twice when the new version fails, in ms. */
const restartPatience = 120_000;
/**
 * The first and the longest attempt to reach a machine that starts anew, in ms: what is sent while there is no stack is
 * lost, and QEMU's user network takes seconds until it sends it again.
 */
const firstAttempt = 500;
const longestAttempt = 4000;
const interval = 100;

/**
 * Puts scripts in the place of those that the machine runs.
 * @param scripts by their paths in the image: `/system/main.js`, `/isolates/*.js`
 * @returns what became of it; undefined when the machine has no such server
 */
export async function reloadSystem(
  control: ReloadServer,
  scripts: ReadonlyMap<string, Uint8Array>,
): Promise<ReloadOutcome | undefined> {
  try {
    const status = await retried(control, 'GET', '/status', statusPatience);
    if (!status.ok) return undefined;
    const { life } = (await status.json()) as ReloadStatus;
    for (const [path, script] of scripts) {
      const { ok } = await retried(control, 'PUT', path, requestPatience, script);
      if (!ok) return undefined;
    }
    // Sent again it is the same one.
    const reload = `/reload/${randomUUID()}`;
    const answer = await retried(control, 'POST', reload, requestPatience);
    if (!answer.ok) return undefined;
    const outcome = (await answer.json()) as ReloadOutcome;
    // An answer that got lost is asked for again, of the next life, which knows of nothing to be done.
    const isRestarting = outcome.outcome === 'restarting' || outcome.outcome === 'unknown';
    return isRestarting ? describe(await restarted(control, life), scripts) : outcome;
  } catch {
    return { outcome: 'impossible', reason: 'The machine did not answer.' };
  }
}

/** A script that fails at import has not set up yet that its stack traces name TypeScript. */
function describe(outcome: ReloadOutcome, scripts: ReadonlyMap<string, Uint8Array>): ReloadOutcome {
  if (outcome.outcome !== 'failed') return outcome;
  let { reason } = outcome;
  for (const [path, script] of scripts) {
    reason = describePlaces(reason, path, sourceMapOf(Buffer.from(script).toString()));
  }
  return { ...outcome, reason };
}

/** Waits for the next life of the system isolate. */
async function restarted(control: ReloadServer, life: string): Promise<ReloadOutcome> {
  const end = performance.now() + restartPatience;
  let attempt = firstAttempt;
  while (performance.now() < end) {
    try {
      const answer = await request(control, 'GET', '/status', attempt);
      const status = (await answer.json()) as ReloadStatus;
      if (status.life !== life && status.last !== null) return status.last;
    } catch {
      // It is not there yet.
    }
    attempt = Math.min(2 * attempt, longestAttempt);
    await sleep(interval);
  }
  return {
    outcome: 'impossible',
    reason: `The system isolate is not back after ${restartPatience / 1000} s.`,
  };
}
