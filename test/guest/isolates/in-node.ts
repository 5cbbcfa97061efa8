/**
 * What an app in Node and its Workers do with isolates. Each check says what came of it; a line "isolates: THREAD JSON"
 * tells all of them.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { Ending } from '@runtimejs/isolate/life.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import { move } from '@runtimejs/rpc/codec/move.ts';
import type { Calculator } from './app/calculator.ts';

const calculator = {
  name: 'calculator',
  entry: new URL('./app/calculator.ts', import.meta.url),
};
const misbehave = new URL('./app/misbehave.ts', import.meta.url);
const echo = new URL('./app/echo.ts', import.meta.url);
const patient = new URL('./app/patient.ts', import.meta.url);

const ended = (isolate: Isolate): Promise<Ending> =>
  new Promise((resolve) => isolate.onEnded(resolve));

const failure = (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
  promise.then(
    () => new Error('It did not fail.'),
    (error: Error) => error,
  );

/** Starts what misbehaves, and waits for its end. */
async function fate(
  argument: string,
  limits: { readonly turnLimit?: number; readonly heapLimit?: number },
): Promise<string> {
  const { how, report } = await ended(
    isolates().spawn({ name: argument, entry: misbehave, argument, ...limits }),
  );
  return `${how}: ${report.split('\n')[0]}`;
}

/** Waits for a message of an isolate. */
function heard({ channel }: Isolate): Promise<void> {
  return new Promise((resolve) => {
    channel.start({
      readable() {
        while (channel.receive() !== undefined) resolve();
      },
      writable() {},
      closed() {},
    });
  });
}

/** Has a turn last four times its limit, for which others leave it next to nothing of the processor. */
async function beingOutdone(): Promise<string> {
  const turnLimit = 500;
  const isolate = isolates().spawn({ name: 'patient', entry: patient, turnLimit });
  const end = ended(isolate);
  await heard(isolate);
  const others = Array.from({ length: 4 }, () =>
    isolates().spawn({ name: 'other', entry: misbehave, argument: 'loop' }),
  );
  isolate.setCpuShare(0.02);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  isolate.channel.send(new Uint8Array(1), [flag.buffer]);
  const until = setInterval(() => {
    if (isolate.usage().busy > 4 * turnLimit) Atomics.store(flag, 0, 1);
    // It may end in peace then.
    if (flag[0] === 1) for (const other of others) other.kill();
  }, 20);
  const { how, report } = await end;
  clearInterval(until);
  for (const other of others) other.kill();
  return `${how}: ${report.split('\n')[0]}`;
}

/** Sends something to an isolate that sends it back. */
function exchange(
  { channel }: Isolate,
  bytes: Uint8Array,
  attachments: readonly object[],
): Promise<[number, readonly object[]]> {
  return new Promise((resolve) => {
    channel.start({
      readable() {
        const message = channel.receive();
        if (message === undefined) return;
        resolve([message.bytes.length, message.attachments]);
        channel.receive();
      },
      writable() {},
      closed() {},
    });
    channel.send(bytes, attachments);
  });
}

const checks: Readonly<Record<string, () => Promise<unknown>>> = {
  async calls() {
    const isolate = isolates().spawn(calculator);
    const { remote } = connect<Calculator>(isolate.channel);
    const doubled = await remote.map([1, 2, 3], (value) => value * 2);
    const refused = await failure(remote.divide(1, 0));
    const pending = failure(remote.never());
    const names = isolates()
      .list()
      .map(({ name }) => name);
    isolate.kill('enough');
    return [doubled, refused.message, names, (await pending).code, (await ended(isolate)).how];
  },

  async buffers() {
    const isolate = isolates().spawn({ name: 'echo', entry: echo });
    const sent = Uint8Array.from({ length: 1 << 20 }, (_, at) => at);
    const { buffer } = sent;
    const pooled = Buffer.from('in the pool').buffer;
    let refusal: unknown;
    try {
      isolate.channel.send(new Uint8Array(1), [pooled]);
    } catch (error) {
      refusal = error instanceof TypeError;
    }
    const [length, back] = await exchange(isolate, Uint8Array.of(1, 2), [buffer]);
    const came = new Uint8Array(back[0] as ArrayBuffer);
    const isSame = came.length === 1 << 20 && came.every((byte, at) => byte === (at & 0xff));
    isolate.kill();
    return [length, isSame, buffer.byteLength, refusal, pooled.byteLength > 0];
  },

  exception: () => fate('exception', {}),
  loop: () => fate('loop', { turnLimit: 300 }),
  outdone: beingOutdone,
  heap: () => fate('heap', { heapLimit: 16 << 20 }),

  async restarts() {
    const supervisor = isolates().spawn({
      name: 'again',
      entry: misbehave,
      argument: 'exception',
      restart: { firstPause: 1, longestPause: 1, mostRestarts: 2 },
    });
    while (supervisor.status().state === 'running') {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { state, children } = supervisor.status();
    return [state, children[0]?.restarts];
  },

  async moved() {
    const isolate = isolates().spawn(calculator);
    const { remote } = connect<Calculator>(isolate.channel);
    const bytes = new Uint8Array(100);
    const refused = await failure(remote.divide(move(bytes) as unknown as number, 0));
    isolate.kill();
    return [bytes.length, refused.name];
  },

  async missing() {
    const error = await failure(
      Promise.resolve().then(() => isolates().spawn({ name: 'none', entry: '/isolates/none.js' })),
    );
    return error.code;
  },
};

/** Runs all checks, and says what came of them. */
export async function check(thread: string): Promise<void> {
  const found: Record<string, unknown> = {};
  for (const [name, run] of Object.entries(checks)) {
    found[name] = await run().catch((error: Error) => String(error.stack));
  }
  console.log(`isolates: ${thread} ${JSON.stringify(found)}`);
}

/** Starts two that end with who has started them: one waits, one computes for ever. */
export function leaveRunning(): readonly Isolate[] {
  return [
    isolates().spawn({ name: 'waits', entry: echo, turnLimit: 60_000 }),
    isolates().spawn({ name: 'computes', entry: misbehave, argument: 'loop' }),
  ];
}

/** Starts one that ends by itself, for which the event loop goes on. */
export function waitForOne(): void {
  const isolate = isolates().spawn({ name: 'kept', entry: misbehave, argument: 'exception' });
  isolate.onEnded(({ how }) => console.log(`isolates: the one that was kept ${how}`));
  isolate.unref();
  isolate.ref();
}
