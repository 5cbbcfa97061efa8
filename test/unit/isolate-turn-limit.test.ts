// Limits of turns: what counts is processor time, and who does not run at all is found, too.
import { TurnLimit } from '@runtimejs/isolate/turn-limit.ts';
import test from 'ava';

/** What each look at an isolate finds: [now, turn, cpu] in milliseconds. */
function looks(limit: number, figures: readonly (readonly [number, number, number])[]): unknown[] {
  const turns = new TurnLimit(limit);
  return figures.map(([now, turn, cpu]) => {
    const { excess, isLong } = turns.look({ now, turn, cpu });
    return excess ?? isLong;
  });
}

const overOneSecond = 'a turn of its event loop took more than 1000 ms of processor time';

test('a loop is found after its limit of processor time, and to be long before', (t) => {
  const found = looks(1000, [
    [1000, 0, 5],
    [1250, 1001, 254],
    [1500, 1001, 504],
    [1750, 1001, 754],
    [2000, 1001, 1004],
    [2250, 1001, 1254],
  ]);
  t.deepEqual(found, [false, false, true, true, true, overOneSecond]);
});

test('a turn for which others leave little of the processor is let be, and is not long for that', (t) => {
  const figures = Array.from({ length: 100 }, (_, at) => [250 * (at + 1), 1, 2 * at] as const);
  t.deepEqual(new Set(looks(1000, figures)), new Set([false]));
  t.deepEqual(looks(1000, [...figures, [25_250, 1, 1100]]).at(-1), overOneSecond);
});

test('processor time of turns before does not count, nor that of a row of short ones', (t) => {
  const rows = Array.from({ length: 50 }, (_, at) => {
    const now = 250 * (at + 1);
    return [now, now - 3, 250 * at] as const;
  });
  t.deepEqual(new Set(looks(1000, rows)), new Set([false]));
  // Of 250 ms, 200 may have been those of the turns before.
  t.deepEqual(
    looks(1000, [
      [250, 0, 0],
      [500, 450, 240],
      [750, 450, 490],
    ]),
    [false, false, true],
  );
});

test('who waits for ever within a turn is found by the clock', (t) => {
  const waiting = Array.from({ length: 42 }, (_, at) => [250 * (at + 1), 200, 30] as const);
  const found = looks(1000, waiting);
  const text = 'a turn of its event loop has not run for more than 10000 ms: it waits';
  t.is(found.indexOf(text), 41);
  const patient = Array.from({ length: 5 }, (_, at) => [15_000 * (at + 1), 200, 30] as const);
  t.deepEqual(looks(60_000, patient), [false, false, false, false, false]);
});

test('who sleeps between turns is not held to wait', (t) => {
  t.deepEqual(
    looks(1000, [
      [250, 0, 1],
      [60_000, 0, 1],
      [60_250, 60_240, 1],
      [60_500, 60_240, 1],
    ]),
    [false, false, false, false],
  );
});
