// The app runs in ring 0, where POPF loads the interrupt flag, too.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';

test('remainders of floating-point numbers leave interrupts on', async (t) => {
  const result = await bootApp({ name: 'remainders', entry: 'apps/remainders.ts' });
  expectEnd(t, result, 0, [/400 rows, /]);
  t.notRegex(result.output, /turned interrupts off/);
});
