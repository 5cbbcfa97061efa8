// The same bundle, the same Node binary: on this Linux and on our kernel. Every case is compared.
import test from 'ava';
import { reportPrefix } from './parity/collector.ts';
import { groups } from './parity/groups.ts';
import { boot, guestInitrd, runOnHost, tail } from './support/guest.ts';

/** Lines of the report by case, and what came before the first case. */
type Report = ReadonlyMap<string, readonly string[]>;

/**
 * Splits a report at its `run` lines.
 *
 * @param output everything that was printed; lines of the kernel's own are left out
 */
function parseReport(output: string): Report {
  const report = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.split('\n')) {
    if (!line.startsWith(reportPrefix)) continue;
    const text = line.slice(reportPrefix.length);
    if (text.startsWith('run ')) {
      lines = [];
      report.set(text.slice('run '.length), lines);
    } else {
      lines.push(text);
    }
  }
  return report;
}

for (const group of groups) {
  // Once for the group: its cases share the virtual machine.
  const results = Promise.withResolvers<{ host: Report; guest: Report; end: string }>();
  results.promise.catch(() => {}); // Each case reports it.
  let started = false;

  const run = async () => {
    const initrd = await guestInitrd('parity', 'parity/main.ts');
    const host = await runOnHost(initrd, [group.name]);
    // A snapshot of a heap with this app's source map in it makes the process as large as 1,050 MiB, on Linux, too;
    // without the map it takes 400 MiB.
    const guest = await boot(initrd, { append: `-- ${group.name}`, memoryMegabytes: 1280 });
    return { host: parseReport(host.output), guest: parseReport(guest.output), end: tail(guest) };
  };

  for (const name of Object.keys(group.cases)) {
    test.serial(`${group.name}: ${name}`, async (t) => {
      if (!started) {
        started = true;
        run().then(results.resolve, results.reject);
      }
      const { host, guest, end } = await results.promise;
      const expected = host.get(name);
      t.is(expected?.at(-1), `ok ${name}`, 'the case does not pass on Linux');
      const actual = guest.get(name);
      if (actual === undefined) t.log(end);
      t.truthy(actual, 'the machine ended before this case');
      if (actual?.at(-1)?.includes(name) === false) t.log(end);
      t.deepEqual(actual, expected);
    });
  }
}
