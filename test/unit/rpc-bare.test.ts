/**
 * Remote calls between two contexts of V8 that have the language and nothing else: no Node, no DOM, no timers. What a
 * bare isolate has is more than that.
 */
import path from 'node:path';
import { type Context, createContext, runInContext } from 'node:vm';
import test from 'ava';
import { build } from 'esbuild';
import { ringMemory } from '../../lib/rpc/src/channels/ring.ts';
import type { RingChannel } from '../../lib/rpc/src/channels/ring-channel.ts';

const source = (file: string): string => path.resolve('lib/rpc/src', file);

const program = `
  import { connect } from '${source('calls/connection.ts')}';
  import { remote } from '${source('calls/reference.ts')}';
  import { RingChannel } from '${source('channels/ring-channel.ts')}';
  import { makeAborter } from '${source('calls/signals.ts')}';
  export { connect, makeAborter, remote, RingChannel };
`;

/** What a test does with the packages in a context; all of it is of that context's own making. */
interface Packages {
  readonly RingChannel: typeof RingChannel;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'rpc',
    platform: 'neutral',
  });
  return outputFiles[0]?.text ?? '';
}

/** A context without anything, in which one side of a connection lives. */
function makeSide(code: string): Context {
  const context = createContext(Object.create(null), { microtaskMode: 'afterEvaluate' });
  runInContext(code, context);
  return context;
}

test('calls, callbacks, streams, signals and errors without anything of Node', async (t) => {
  const code = await bundle();
  const [one, other] = [makeSide(code), makeSide(code)];
  const [there, back] = [ringMemory(8192), ringMemory(8192)];
  const due: (() => void)[] = [];
  const ends: { wake(): void }[] = [];
  const later = (context: Context) => (run: () => void) => {
    // Entered from outside, as a turn of the loop is: the context's microtasks run after it.
    due.push(() => runInContext('(run) => run()', context)(run));
  };
  for (const [index, context] of [one, other].entries()) {
    const { RingChannel: Ring } = runInContext('rpc', context) as Packages;
    const host = {
      ringBell: () => later([one, other][1 - index] as Context)(() => ends[1 - index]?.wake()),
      later: later(context),
      pushAttachments: () => {},
      takeAttachments: () => [],
      hasAttachments: false,
      carries: () => false,
      ended: () => {},
    };
    const [outgoing, incoming] = index === 0 ? [there, back] : [back, there];
    const end = new Ring(outgoing, incoming, host);
    ends.push(end);
    Object.assign(context, {
      channel: end,
      host: { later: later(context), setTimeout: () => 0, clearTimeout: () => {} },
    });
  }
  runInContext(
    `rpc.connect(channel, { host, serve: {
      add: (one, other) => one + other,
      visit: async (values, visitor) => { for (const value of values) await visitor(value); },
      numbers: async function* () { yield 1; yield 2; yield 3; },
      fail: () => { throw new RangeError('out of range'); },
      wait: (signal) => new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    } });`,
    other,
  );
  runInContext(
    `globalThis.results = [];
    (async () => {
      const { remote } = rpc.connect(channel, { host });
      results.push(await remote.add(20, 22));
      const visited = [];
      await remote.visit([1, 2], (value) => visited.push(value));
      results.push(visited.join());
      for await (const number of await remote.numbers()) results.push(number);
      await remote.fail().catch((error) => results.push(error instanceof RangeError, error.message));
      const control = rpc.makeAborter();
      const waiting = remote.wait(control.signal);
      control.abort('enough');
      await waiting.catch((reason) => results.push(reason));
      results.push('end');
    })().catch((error) => results.push('end', String(error && error.stack)));`,
    one,
  );
  const results = (): unknown[] => [...(runInContext('results', one) as unknown[])];
  for (let turns = 0; !results().includes('end') && turns < 10_000; turns += 1) {
    due.shift()?.();
    if (due.length === 0) runInContext('0', turns % 2 === 0 ? one : other);
  }
  t.deepEqual(results(), [42, '1,2', 1, 2, 3, true, 'out of range', 'enough', 'end']);
  t.deepEqual(
    ['process', 'setTimeout', 'AbortController', 'structuredClone', 'queueMicrotask'].filter(
      (name) => runInContext(`typeof ${name}`, one) !== 'undefined',
    ),
    [],
  );
});
