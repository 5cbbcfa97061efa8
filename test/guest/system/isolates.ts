/**
 * Runs in the system isolate beside an app in Node, and starts isolates. It reports in lines
 * "platform: NAME JSON"; the app (apps/platform.ts) ends the machine when the line named "end" comes.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { Ending } from '@runtimejs/isolate/life.ts';
import { system } from '@runtimejs/system/compose.ts';
import type { Console } from '@runtimejs/system/console.ts';

const misbehave = new URL('../isolates/app/misbehave.ts', import.meta.url);
const echo = new URL('../isolates/app/echo.ts', import.meta.url);

const report = (name: string, value: unknown): void => {
  (globalThis as unknown as { console: Console }).console.log(
    `platform: ${name} ${JSON.stringify(value)}`,
  );
};

const ended = (isolate: Isolate): Promise<Ending> =>
  new Promise((resolve) => isolate.onEnded(resolve));

/** Has an isolate send back what it gets. */
function exchange({ channel }: Isolate): Promise<number[]> {
  return new Promise((resolve) => {
    channel.start({
      readable() {
        const message = channel.receive();
        if (message === undefined) return;
        resolve([...message.bytes]);
        channel.receive();
      },
      writable() {},
      closed() {},
    });
    channel.send(Uint8Array.of(1, 2, 3));
  });
}

/** How much more of the processor an isolate has that wants it, than one with a quarter of its share. */
async function compareShares(): Promise<number> {
  const [whole, quarter] = [1, 0.25].map((cpuShare) =>
    isolates().spawn({ name: `share ${cpuShare}`, entry: misbehave, argument: 'loop', cpuShare }),
  ) as [Isolate, Isolate];
  const { setTimeout } = globalThis as unknown as {
    setTimeout(run: (value?: unknown) => void, milliseconds: number): unknown;
  };
  const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20));
  const cpuTime = (isolate: Isolate): number => isolate.usage().cpuTime;
  while (cpuTime(quarter) === 0 || cpuTime(whole) === 0) await pause();
  const before = [cpuTime(whole), cpuTime(quarter)] as const;
  while (cpuTime(whole) - before[0] < 2000) await pause();
  const ratio = (cpuTime(whole) - before[0]) / (cpuTime(quarter) - before[1]);
  for (const each of [whole, quarter]) each.kill();
  await Promise.all([ended(whole), ended(quarter)]);
  return ratio;
}

async function run(): Promise<void> {
  const echoing = isolates().spawn({ name: 'echo', entry: echo });
  report('answer', await exchange(echoing));
  const failing = isolates().spawn({ name: 'fails', entry: misbehave, argument: 'exception' });
  report('failure', await ended(failing));
  report(
    'running',
    isolates()
      .list()
      .map(({ name }) => name),
  );
  report('shares', await compareShares());
  report('end', null); // the app ends, and the isolate that echoes with it
}

system({
  services: [
    {
      name: 'isolates',
      start: () => {
        run().catch((error) => report('problem', String(error)));
        return () => Number.POSITIVE_INFINITY;
      },
    },
  ],
});
