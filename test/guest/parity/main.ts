// Runs the groups named on the command line, or all of them. Exit code 1 when a case failed.
import { runGroup } from './collector.ts';
import { groups } from './groups.ts';

const wanted = process.argv.slice(2);
let failed = 0;
for (const group of groups) {
  if (wanted.length === 0 || wanted.includes(group.name)) failed += await runGroup(group);
}
process.exitCode = failed === 0 ? 0 : 1;
