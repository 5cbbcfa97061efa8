// Replaces drivers and services in a running machine: a server in its system isolate (lib/system/src/reload/control.ts)
// takes their new scripts.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describePlaces } from '@runtimejs/isolate/report.ts';
import type { ReloadOutcome, ReloadStatus } from '@runtimejs/system/reload/types.ts';
import { sourceMapOf } from '@runtimejs/system/source-map.ts';

/** Where that server is. */
export interface SystemControl {
  /** Port of this host that leads there. */
  readonly port: number;
  readonly token: string;
}

/** How long one request may take, in ms: the machine waits for drivers and services that hand over or start. */
const requestPatience = 120_000;
/** A status that is not there yet is asked for again: see `retried`. */
const statusPatience = 10_000;
/** So often is a request sent. */
const mostAttempts = 6;
/** Answers to a request that did not arrive whole: Bad Request, Request Timeout. */
const damaged: readonly number[] = [400, 408];
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
  control: SystemControl,
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

/**
 * Sends a request, and again when it did not arrive whole: QEMU's user network forgets the bytes that it holds for the
 * guest when the guest's SYN-ACK comes twice, as it does on a busy host.
 */
async function retried(...parameters: Parameters<typeof request>): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await request(...parameters);
      if (!damaged.includes(answer.status) || attempt === mostAttempts) return answer;
    } catch (error) {
      if (attempt === mostAttempts) throw error;
    }
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
async function restarted(control: SystemControl, life: string): Promise<ReloadOutcome> {
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

function request(
  { port, token }: SystemControl,
  method: string,
  path: string,
  patience: number,
  body?: Uint8Array,
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, connection: 'close' },
    signal: AbortSignal.timeout(patience),
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
}
