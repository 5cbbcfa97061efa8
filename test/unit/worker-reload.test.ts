/** The replacement of a bare app, with time and versions passed in. */
import test from 'ava';
import type { Exchange, OutgoingResponse } from '../../lib/http/src/connection/types.ts';
import { Reloader, type ReloadHost, type Version } from '../../lib/worker/src/reload/reloader.ts';
import type { LoadedApp } from '../../lib/worker/src/reload/types.ts';

/** Time that passes when it is told to. */
class FakeTime implements Pick<ReloadHost, 'now' | 'after'> {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  async pass(milliseconds: number): Promise<void> {
    await settle();
    this.#now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
    await settle();
  }
}

/** Lets all promises that can be settled settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Scene {
  readonly time: FakeTime;
  readonly reloader: Reloader;
  /** Names of the versions that have ended. */
  readonly retired: string[];
  /** Requests that each version got. */
  readonly requests: Record<string, Exchange[]>;
  /** Sends a request. */
  send(): SentRequest;
}

interface SentRequest {
  readonly responses: OutgoingResponse[];
  abort(): void;
}

/** @param apps what each version has, by its name, which is its script; the first one is `one` */
function stage(apps: Record<string, Partial<LoadedApp>>): Scene {
  const time = new FakeTime();
  const retired: string[] = [];
  const requests: Record<string, Exchange[]> = {};
  const load = (script: string): Version => {
    const parts = apps[script];
    if (parts === undefined) throw new SyntaxError(`there is no ${script}`);
    const own: Exchange[] = [];
    requests[script] = own;
    const handle = (exchange: Exchange): void => void own.push(exchange);
    return { app: { port: 80, handle, ...parts }, retire: () => void retired.push(script) };
  };
  const host: ReloadHost = {
    load,
    now: () => time.now(),
    after: (milliseconds, run) => time.after(milliseconds, run),
  };
  const reloader = new Reloader(host, 'one');
  const send = (): SentRequest => {
    const responses: OutgoingResponse[] = [];
    const exchange = {
      body: null,
      onAbort: undefined,
      respond: (response: OutgoingResponse) => void responses.push(response),
    } as unknown as Exchange;
    reloader.handle(exchange);
    return { responses, abort: () => exchange.onAbort?.(new Error('gone')) };
  };
  return { time, reloader, retired, requests, send };
}

const plain: OutgoingResponse = { status: 200, reason: '', fields: [], body: 'done' };

test('requests under way stay with their version, which ends after them', async (t) => {
  const { reloader, send, requests, retired, time } = stage({ one: {}, two: {} });
  send();
  t.like(await reloader.reload('two'), { outcome: 'reloaded', underWay: 1 });
  send();
  t.is(requests.one?.length, 1);
  t.is(requests.two?.length, 1);
  await time.pass(1000);
  t.deepEqual(retired, []);
  requests.one?.[0]?.respond(plain);
  await time.pass(0);
  t.deepEqual(retired, ['one']);
});

test('content that comes in pieces keeps a version, and so long only', async (t) => {
  const { reloader, send, requests, retired, time } = stage({ one: {}, two: {}, three: {} });
  const { responses } = send();
  let next: (piece: Uint8Array | null) => void = () => {};
  const body = { length: undefined, pull: (then: typeof next) => (next = then), cancel() {} };
  requests.one?.[0]?.respond({ ...plain, body });
  await reloader.reload('two');
  const out = responses[0]?.body as typeof body;
  out.pull(() => {});
  next(new Uint8Array(1));
  await time.pass(100);
  t.deepEqual(retired, []);
  out.pull(() => {});
  next(null);
  await time.pass(0);
  t.deepEqual(retired, ['one']);
  send();
  await reloader.reload('three');
  await time.pass(20_000);
  t.deepEqual(retired, ['one', 'two'], 'a request without an end does not keep it for good');
});

test('a version that cannot be loaded changes nothing', async (t) => {
  const { reloader, send, requests } = stage({ one: {} });
  const result = await reloader.reload('two');
  t.is(result.outcome, 'failed');
  if (result.outcome === 'failed') t.regex(result.reason, /^SyntaxError: there is no two\n/);
  send();
  t.is(requests.one?.length, 1);
});

test('another port needs another start', async (t) => {
  const { reloader, retired } = stage({ one: {}, two: { port: 81 } });
  t.deepEqual(await reloader.reload('two'), {
    outcome: 'impossible',
    reason: 'The app was on port 80, and is on port 81 now.',
  });
  t.deepEqual(retired, ['two']);
});

test('requests wait while a state is handed over, and those whose clients go are forgotten', async (t) => {
  const taken: unknown[] = [];
  const { reloader, send, requests, time } = stage({
    one: { handOver: () => Promise.resolve('state') },
    two: { takeOver: (state) => taken.push(state) },
  });
  send();
  const reload = reloader.reload('two');
  send();
  send().abort();
  await time.pass(100);
  t.deepEqual([taken.length, requests.one?.length, requests.two?.length], [0, 1, 0]);
  t.is((await reloader.reload('two')).outcome, 'busy');
  requests.one?.[0]?.respond(plain);
  t.like(await reload, { outcome: 'reloaded', hasHandedOver: true, underWay: 0 });
  t.deepEqual(taken, ['state']);
  t.deepEqual([requests.one?.length, requests.two?.length], [1, 1]);
});

test('a request without an end does not keep a state from being handed over', async (t) => {
  const { reloader, send, time } = stage({ one: { handOver: () => 1 }, two: { takeOver() {} } });
  send();
  const reload = reloader.reload('two');
  await time.pass(2000);
  t.like(await reload, { outcome: 'reloaded', hasHandedOver: true, underWay: 1 });
});

test('a handOver() that never ends is given up, and not tried again', async (t) => {
  const { reloader, send, requests, retired, time } = stage({
    one: { handOver: () => new Promise(() => {}) },
    two: { takeOver() {} },
  });
  const reload = reloader.reload('two');
  await settle();
  send();
  await time.pass(5000);
  t.deepEqual(await reload, { outcome: 'failed', reason: 'handOver() has not ended after 5 s.' });
  t.is(requests.one?.length, 1, 'the old version has the requests that came meanwhile');
  t.deepEqual(retired, ['two']);
  t.like(await reloader.reload('two'), { outcome: 'reloaded', hasHandedOver: false });
});
