/** Supervisors, in virtual time. */
import test from 'ava';
import type { Ending, Life, Timing } from '../../lib/isolate/src/life.ts';
import { Supervisor, type SupervisorPolicy } from '../../lib/isolate/src/supervisor.ts';

/** Time that passes when a test says so. */
class VirtualTime implements Timing {
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

  /** Lets time pass, and runs what is due on its way. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}

/** Something that lives until the test, or its supervisor, ends it. */
class FakeLife implements Life {
  readonly name: string;
  readonly world: World;
  #listeners: ((ending: Ending) => void)[] = [];

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
  }

  onEnded(listener: (ending: Ending) => void): void {
    this.#listeners.push(listener);
  }

  stop(reason: string): void {
    this.world.log.push(`stop ${this.name}`);
    if (this.world.stopsAtOnce) this.end({ how: 'killed', report: reason });
  }

  setShare(part: number): void {
    this.world.parts.push(part);
  }

  end(ending: Ending): void {
    this.world.lives.delete(this.name);
    for (const listener of this.#listeners.splice(0)) listener(ending);
  }
}

/** A supervisor with what it starts. */
class World {
  readonly time = new VirtualTime();
  readonly log: string[] = [];
  readonly lives = new Map<string, FakeLife>();
  /** Of their share of the processor: what lives have begun with, and were given. */
  readonly parts: number[] = [];
  readonly supervisor: Supervisor;
  /** Names of what cannot be started. */
  readonly broken = new Set<string>();
  stopsAtOnce = true;

  constructor(names: readonly string[], policy: SupervisorPolicy = {}) {
    const specifications = names.map((name) => ({
      name,
      start: (part: number) => {
        this.parts.push(Number(part.toFixed(4)));
        this.log.push(`start ${name} at ${this.time.now()}`);
        if (this.broken.has(name)) throw new Error(`no ${name}`);
        const life = new FakeLife(name, this);
        this.lives.set(name, life);
        return life;
      },
    }));
    this.supervisor = new Supervisor(specifications, policy, this.time);
  }

  fail(name: string, report = 'Error: no\n    at main.ts:1:1'): void {
    this.lives.get(name)?.end({ how: 'failed', report });
  }

  /** What was done since this was asked last. */
  takeLog(): string[] {
    return this.log.splice(0);
  }
}

const stateOf = (world: World, name: string) =>
  world.supervisor.status().children.find((child) => child.name === name)?.state;

test('one for one: what has failed starts again, the others are left alone', (t) => {
  const world = new World(['a', 'b']);
  world.supervisor.start();
  t.deepEqual(world.takeLog(), ['start a at 0', 'start b at 0']);
  world.time.pass(50);
  world.fail('a');
  t.is(stateOf(world, 'a'), 'pausing');
  world.time.pass(99);
  t.deepEqual(world.takeLog(), []);
  world.time.pass(1);
  t.deepEqual(world.takeLog(), ['start a at 150']);
  t.like(world.supervisor.status(), {
    state: 'running',
    children: [
      { name: 'a', state: 'running', restarts: 1, lastEnding: { how: 'failed' } },
      { name: 'b', state: 'running', restarts: 0, lastEnding: undefined },
    ],
  });
});

test('pauses double up to the longest, and a stable life ends the row', (t) => {
  const world = new World(['a'], { longestPause: 300, mostRestarts: 100 });
  world.supervisor.start();
  const pauses = [100, 200, 300, 300];
  for (const pause of pauses) {
    world.takeLog();
    world.fail('a');
    world.time.pass(pause - 1);
    t.deepEqual(world.takeLog(), []);
    world.time.pass(1);
    t.is(world.takeLog().length, 1);
  }
  world.time.pass(10_000);
  world.fail('a');
  world.time.pass(100);
  t.is(world.takeLog().length, 1);
});

test('what fails in a row has less and less of its share, and earns it back by a stable life', (t) => {
  const world = new World(['a'], { mostRestarts: 100 });
  world.supervisor.start();
  for (let failures = 0; failures < 3; failures++) {
    world.fail('a');
    world.time.pass(1000);
  }
  t.deepEqual(world.parts.splice(0), [1, 0.25, 0.0625, 0.0156]);
  world.time.pass(9000);
  t.deepEqual(world.parts.splice(0), []);
  world.time.pass(1000);
  t.deepEqual(world.parts.splice(0), [1], 'it has lasted');
  world.time.pass(100_000);
  world.fail('a');
  world.time.pass(100);
  t.deepEqual(world.parts.splice(0), [0.25], 'a new row begins');
  world.fail('a');
  world.time.pass(9999);
  t.deepEqual(
    world.parts.splice(0),
    [0.0625],
    'the life before does not give the next one its share',
  );
});

test('shares can be left alone', (t) => {
  const world = new World(['a'], { mostRestarts: 100, shareAfterFailure: 1 });
  world.supervisor.start();
  for (let failures = 0; failures < 3; failures++) {
    world.fail('a');
    world.time.pass(1000);
  }
  world.time.pass(100_000);
  t.deepEqual(world.parts, [1, 1, 1, 1]);
});

test('all for one: the others are stopped, and all start in their order', (t) => {
  const world = new World(['a', 'b', 'c'], { strategy: 'all-for-one' });
  world.stopsAtOnce = false;
  world.supervisor.start();
  world.takeLog();
  world.fail('b');
  t.deepEqual(world.takeLog(), ['stop c', 'stop a']);
  world.lives.get('c')?.end({ how: 'killed', report: '' });
  world.time.pass(1000);
  t.deepEqual(world.takeLog(), []); // a has not ended
  world.lives.get('a')?.end({ how: 'killed', report: '' });
  world.time.pass(100);
  t.deepEqual(world.takeLog(), ['start a at 1100', 'start b at 1100', 'start c at 1100']);
  t.deepEqual(
    world.supervisor.status().children.map(({ restarts }) => restarts),
    [1, 1, 1],
  );
});

test('all for one: a child that cannot be started takes the others along, until nothing is of use', (t) => {
  const world = new World(['a', 'b'], { strategy: 'all-for-one', mostRestarts: 3 });
  world.supervisor.start();
  world.broken.add('b');
  world.fail('a');
  world.time.pass(60_000);
  t.like(world.supervisor.status(), {
    state: 'gave-up',
    reason: 'b has ended (failed: it cannot be started: Error: no b), after 3 restarts within 60 s',
  });
  t.is(world.lives.size, 0);
});

/** Fails as soon as it lives, until the supervisor gives up. */
function failUntilGivenUp(world: World): number {
  for (let ends = 1; ends < 100; ends++) {
    world.fail('a', 'Error: again\n    at main.ts:1:1');
    if (world.supervisor.status().state === 'gave-up') return ends;
    world.time.pass(30_000);
  }
  throw new Error('it never gives up');
}

test('it gives up with a reason when there are too many restarts within the window', (t) => {
  const world = new World(['a', 'b'], { restartWindow: 600_000, mostRestarts: 3 });
  world.supervisor.start();
  t.is(failUntilGivenUp(world), 4);
  const { reason, events } = world.supervisor.status();
  t.is(reason, 'a has ended (failed: Error: again), after 3 restarts within 600 s');
  t.is(world.lives.size, 0, 'the others are stopped, too');
  t.deepEqual(
    events.map(({ kind }) => kind).filter((kind) => kind === 'gave-up'),
    ['gave-up'],
  );
  world.takeLog();
  world.time.pass(1_000_000);
  t.deepEqual(world.takeLog(), []);
  world.supervisor.start();
  t.is(world.lives.size, 2, 'it can be started again');
});

test('restarts that are long ago do not count', (t) => {
  const world = new World(['a'], { mostRestarts: 1 });
  world.supervisor.start();
  for (let round = 0; round < 10; round++) {
    world.fail('a');
    world.time.pass(60_000);
  }
  t.is(world.supervisor.status().state, 'running');
});

test('which ends are followed by a restart', (t) => {
  for (const [restart, finished, failed] of [
    ['always', 2, 2],
    ['on-failure', 1, 2],
    ['never', 1, 1],
  ] as const) {
    for (const [how, starts] of [
      ['finished', finished],
      ['failed', failed],
      ['limit', failed],
      ['killed', failed],
    ] as const) {
      const world = new World(['a'], { restart });
      world.supervisor.start();
      world.lives.get('a')?.end({ how, report: '' });
      world.time.pass(100);
      t.is(world.log.length, starts, `${restart}, ${how}`);
    }
  }
});

test('stop() ends all, the last first, also what pauses, and tells when they have ended', async (t) => {
  const world = new World(['a', 'b', 'c']);
  world.stopsAtOnce = false;
  world.supervisor.start();
  world.fail('c');
  world.takeLog();
  let isOver = false;
  const stopped = world.supervisor.stop('the machine ends').then(() => {
    isOver = true;
  });
  t.deepEqual(world.takeLog(), ['stop b', 'stop a']);
  world.lives.get('b')?.end({ how: 'killed', report: '' });
  await Promise.resolve();
  t.false(isOver);
  world.lives.get('a')?.end({ how: 'killed', report: '' });
  await stopped;
  world.time.pass(100_000);
  t.deepEqual(world.takeLog(), []);
  t.like(world.supervisor.status(), { state: 'stopped', reason: 'the machine ends' });
});

test('it can be asked what happened', (t) => {
  const told: string[] = [];
  const world = new World(['a'], { onEvent: ({ kind, at }) => told.push(`${kind} ${at}`) });
  world.supervisor.start();
  world.time.pass(5);
  world.fail('a');
  world.time.pass(100);
  const expected = ['started 0', 'ended 5', 'pausing 5', 'started 105'];
  t.deepEqual(told, expected);
  t.deepEqual(
    world.supervisor.status().events.map(({ kind, at }) => `${kind} ${at}`),
    expected,
  );
  const [, ended] = world.supervisor.status().events;
  t.like(ended, { kind: 'ended', child: 'a', ending: { how: 'failed' } });
});

test('two children of one name are refused', (t) => {
  t.throws(() => new World(['a', 'a']), { message: /same name/ });
});
