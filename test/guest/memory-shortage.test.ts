// Machines with little memory: what V8 and malloc(3) hold back is given back in time.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';

const garbage = { name: 'garbage', entry: 'apps/garbage.ts' } as const;

for (const memoryMegabytes of [184, 192, 200]) {
  test.serial(
    `an app whose garbage does not fit into ${memoryMegabytes} MiB goes on`,
    async (t) => {
      const result = await bootApp(garbage, { memoryMegabytes });
      expectEnd(t, result, 0, [/^120000 objects are left\r?$/m]);
    },
  );
}
