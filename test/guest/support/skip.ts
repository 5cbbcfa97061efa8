// Tests that cannot run everywhere are skipped with their reason, and count as skipped.
import type { Implementation, TestFn } from 'ava';

/**
 * Gives ava's test function, or one that skips everything and says why.
 * @param test ava's
 * @param reason why the tests cannot run here; undefined when they can
 */
export function testWhenPossible(test: TestFn, reason: string | undefined): TestFn {
  if (reason === undefined) return test;
  const skip = (title: string, implementation: Implementation<[]>) =>
    test.skip(`${title} (${reason})`, implementation);
  const nothing = Object.assign(() => {}, { always: () => {} });
  return Object.assign(skip, {
    serial: skip,
    before: nothing,
    after: nothing,
  }) as unknown as TestFn;
}
