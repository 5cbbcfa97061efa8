// Starts isolates that wait when it is asked, tells what each took, and how fast messages go there and back. A bare
// app.
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';

const { runtime } = globalThis as unknown as { readonly runtime: SystemBindings };
const idle = new URL('./idle.ts', import.meta.url);
const echo = new URL('./echo.ts', import.meta.url);
const environment = runtime.app.environment();
const count = Number(environment.COUNT ?? 200);
const roundTrips = Number(environment.ROUND_TRIPS ?? 2000);
const sizes = [1, 1024, 16 << 20];
/** A line tells of so many. */
const reported = 100;

function freeMemory(): number {
  return runtime.memory.statistics({
    total: 0,
    free: 0,
    image: 0,
    kernelHeap: 0,
    pageTables: 0,
    application: 0,
    tmpfs: 0,
    pageFaults: 0,
    copyOnWriteCopies: 0,
  }).free;
}

/** Starts one, and waits for its first message. @returns milliseconds */
function start(): Promise<number> {
  const begun = runtime.clock.now();
  const { channel } = isolates().spawn({ name: 'idle', entry: idle, heapLimit: 16 << 20 });
  return new Promise((resolve) => {
    channel.start({
      readable() {
        if (channel.receive() === undefined) return;
        channel.receive();
        resolve((runtime.clock.now() - begun) / 1000);
      },
      writable() {},
      closed: ({ reason }) => resolve(Promise.reject(new Error(reason)) as never),
    });
  });
}

/** Sends messages there and back, one after the other. @returns microseconds for each */
function roundTrip({ channel }: Isolate, size: number): Promise<number> {
  const isMoved = size > channel.longestMessage;
  const bytes = new Uint8Array(isMoved ? 1 : size);
  let left = roundTrips;
  const begun = runtime.clock.now();
  return new Promise((resolve) => {
    const send = (buffer?: object): void => {
      channel.send(bytes, buffer === undefined ? [] : [buffer]);
    };
    onMessage = (attachments) => {
      if (--left === 0) resolve((runtime.clock.now() - begun) / roundTrips);
      else send(attachments[0]);
    };
    send(isMoved ? new ArrayBuffer(size) : undefined);
  });
}

let onMessage: (attachments: readonly object[]) => void = () => {};

async function measure(): Promise<unknown> {
  await start(); // what is made once is made now
  const before = freeMemory();
  const starts: number[] = [];
  for (let at = 0; at < count; at++) {
    starts.push(await start());
    const started = at + 1;
    if (started % reported === 0) {
      const kibibytes = (before - freeMemory()) / started / 1024;
      console.log(`isolates: ${started} run, ${kibibytes.toFixed(0)} KiB each`);
    }
  }
  const bytes = (before - freeMemory()) / count;
  const other = isolates().spawn({ name: 'echo', entry: echo });
  other.channel.start({
    readable() {
      for (let got = other.channel.receive(); got !== undefined; got = other.channel.receive()) {
        onMessage(got.attachments);
      }
    },
    writable() {},
    closed() {},
  });
  const trips: number[] = [];
  for (const size of sizes) trips.push(await roundTrip(other, size));
  return { starts, bytes, trips };
}

/** Measures when it is asked, once the machine has come to rest; what it finds is on the console. */
export default {
  fetch(): Response {
    measure().then(
      (found) => console.log(`bench: ${JSON.stringify(found)}`),
      (error) => console.log(`bench: failed: ${error}`),
    );
    return new Response('It begins.\n', { status: 202 });
  },
};
