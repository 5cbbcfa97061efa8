/** Replacing parts of the system isolate: the order of things, and what happens when one fails. */
import test from 'ava';
import { Reload, type ReloadHost } from '../../lib/system/src/reload/reload.ts';
import { handOverServices, takeOverServices } from '../../lib/system/src/reload/services.ts';
import type { ReplaceablePart, State } from '../../lib/system/src/reload/types.ts';
import { type After, ReloadFailure } from '../../lib/system/src/reload/within.ts';

const never = (): Promise<never> => new Promise(() => {});

/** Timers that are due at once, once all that can go on has gone on. */
const impatient: After = (_milliseconds, run) => {
  const timer = setTimeout(run, 1);
  return () => clearTimeout(timer);
};

interface FakePart extends ReplaceablePart {
  handOver(): Promise<State | undefined>;
}

/** A host that writes down what happens. */
function host(overrides: Partial<ReloadHost> = {}): { host: ReloadHost; events: string[] } {
  const events: string[] = [];
  let now = 0;
  return {
    events,
    host: {
      bindings: {
        replace: (path) => events.push(`replace ${path}`),
        keep: () => events.push('keep'),
        revert: () => events.push('revert'),
        restart: (state) => events.push(`restart ${state}`),
      },
      services: [],
      parts: [],
      life: 'life',
      now: () => {
        now += 1000;
        return now;
      },
      after: impatient,
      ...overrides,
    },
  };
}

function part(name: string, events: string[], overrides: Partial<FakePart> = {}): FakePart {
  return {
    name,
    script: `/isolates/${name}.js`,
    handOver: async () => {
      events.push(`${name} hands over`);
      return { name };
    },
    replace: async (state) => {
      events.push(`${name} starts with ${JSON.stringify(state)}`);
    },
    restore: async () => {
      events.push(`${name} is back`);
    },
    ...overrides,
  };
}

const scripts = (...names: string[]) =>
  new Map(names.map((name) => [name, new Uint8Array(1)] as const));

test('a part hands over, its script is replaced, and it starts', async (t) => {
  const made = host();
  const parts = [part('net', made.events), part('rng', made.events)];
  const reload = new Reload({ ...made.host, parts });
  t.deepEqual(await reload.run(scripts('/isolates/net.js')), {
    outcome: 'reloaded',
    parts: ['net'],
    milliseconds: 1,
    hasHandedOver: true,
  });
  t.deepEqual(made.events, [
    'net hands over',
    'replace /isolates/net.js',
    'net starts with {"name":"net"}',
    'keep',
  ]);
});

test('when a part does not start, all that were touched are back', async (t) => {
  const made = host();
  const broken = { replace: async () => Promise.reject(new ReloadFailure('net does not start')) };
  const parts = [part('rng', made.events), part('net', made.events, broken)];
  const reload = new Reload({ ...made.host, parts });
  const outcome = await reload.run(scripts('/isolates/net.js', '/isolates/rng.js'));
  t.deepEqual(outcome, { outcome: 'failed', reason: 'net does not start' });
  t.deepEqual(made.events.slice(-3), ['revert', 'rng is back', 'net is back']);
  t.false(made.events.includes('keep'));
});

test('when a part cannot hand over, nothing is touched', async (t) => {
  const made = host();
  const broken = { handOver: async () => Promise.reject(new ReloadFailure('not now')) };
  const reload = new Reload({ ...made.host, parts: [part('net', made.events, broken)] });
  const outcome = await reload.run(scripts('/isolates/net.js'));
  t.deepEqual(outcome, { outcome: 'failed', reason: 'not now' });
  t.deepEqual(made.events, []);
});

test('a script that no part runs needs a boot', async (t) => {
  const made = host();
  const reload = new Reload({ ...made.host, parts: [part('net', made.events)] });
  const outcome = await reload.run(scripts('/isolates/net.js', '/isolates/other.js'));
  t.like(outcome, { outcome: 'impossible' });
  t.like(await reload.run(new Map()), { outcome: 'unknown' });
  t.deepEqual(made.events, []);
});

test('the system isolate starts anew with the states of its services, after they have stopped', async (t) => {
  const made = host();
  const { events } = made;
  const { promise, resolve } = Promise.withResolvers<void>();
  const reload = new Reload({
    ...made.host,
    bindings: {
      ...made.host.bindings,
      restart: (state) => {
        events.push(`restart ${state}`);
        resolve();
      },
    },
    services: [
      { name: 'clock', handOver: () => 7, stop: () => void events.push('clock stops') },
      { name: 'other' },
    ],
  });
  const sent = scripts('/system/main.js', '/isolates/net.js');
  t.deepEqual(await reload.run(sent), { outcome: 'restarting', life: 'life' });
  t.like(await reload.run(sent), { outcome: 'busy' });
  await promise;
  t.deepEqual(events, [
    'clock stops',
    'replace /system/main.js',
    'replace /isolates/net.js',
    'restart {"begunAt":1000,"states":{"clock":7}}',
  ]);
});

for (const [what, handOver, reason] of [
  [
    'throws',
    () => Promise.reject(new ReloadFailure('not now')),
    /^handOver\(\) of service clock failed: not now$/,
  ],
  ['never ends', never, /^handOver\(\) of service clock has not ended after 5 s\.$/],
  [
    'gives what is no JSON',
    () => 1n as unknown as State,
    /^handOver\(\) of service clock gave what is no JSON/,
  ],
] as const) {
  test(`a handOver() that ${what} leaves the system isolate as it is, and is not asked again`, async (t) => {
    const made = host({ services: [{ name: 'clock', handOver }] });
    const reload = new Reload(made.host);
    const outcome = await reload.run(scripts('/system/main.js'));
    t.is(outcome.outcome, 'failed');
    if (outcome.outcome === 'failed') t.regex(outcome.reason, reason);
    t.deepEqual(made.events, []);
    t.like(await reload.run(scripts('/system/main.js')), { outcome: 'restarting' });
  });
}

test('services take their own states over, and say so when they cannot', async (t) => {
  const taken: State[] = [];
  const services = [
    { name: 'clock', takeOver: (state: State) => void taken.push(state) },
    { name: 'new', takeOver: () => t.fail() },
    { name: 'toString', takeOver: () => t.fail() },
  ];
  t.true(
    await takeOverServices(services, { begunAt: 0, states: { clock: 7, gone: 8 } }, impatient),
  );
  t.deepEqual(taken, [7]);
  t.false(await takeOverServices([], { begunAt: 0, states: { clock: 7 } }, impatient));
  const slow = [{ name: 'clock', takeOver: never }];
  await t.throwsAsync(takeOverServices(slow, { begunAt: 0, states: { clock: 7 } }, impatient), {
    message: 'takeOver() of service clock has not ended after 5 s.',
  });
  t.deepEqual(await handOverServices(services, new Set(), impatient), {});
});
