// System calls as native code makes them: every check has the same result on Linux and on our kernel.
import test from 'ava';
import { boot, guestInitrd, runOnHost, tail } from './support/guest.ts';
import { buildNativeAddon } from './support/native.ts';

/** The groups of native/calls.cc. */
const groups = [
  ...['futexes', 'locks', 'time', 'process', 'mappings', 'files'],
  ...['signals', 'interruption', 'threads', 'readiness', 'vectors', 'faults'],
];

test.before(() => buildNativeAddon('native'));

/** The lines that native/calls.cc printed. */
const linesOf = (output: string): string[] =>
  output.split('\n').filter((line) => line.startsWith('call '));

for (const group of groups) {
  test.serial(`system calls answer as on Linux: ${group}`, async (t) => {
    const initrd = await guestInitrd('calls', 'apps/calls.ts');
    const host = await runOnHost(initrd, [group]);
    const expected = linesOf(host.output);
    t.is(expected.at(-1), `call ${group}: end: reached`, `it does not pass here\n${host.errors}`);
    const guest = await boot(initrd, { append: `-- ${group}` });
    const actual = linesOf(guest.output);
    if (guest.code !== 0 || actual.length !== expected.length) t.log(tail(guest));
    t.deepEqual(actual, expected);
    t.is(guest.code, 0);
  });
}
