// The benchmark itself, from its command line to its page: a short run of some parts beside the host, which needs no
// other system to be built.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import type { Report } from '../bench/report/report.ts';
import { guestFolder } from './support/guest.ts';
import { whyNoNamespace } from './support/namespace.ts';
import { testWhenPossible } from './support/skip.ts';

const limit = 540_000;
const namespaceTest = testWhenPossible(test, whyNoNamespace());

namespaceTest('a short benchmark measures what it says, and makes a page of it', async (t) => {
  t.timeout(limit + 10_000);
  const json = path.join(guestFolder, 'bench.json');
  const html = path.join(guestFolder, 'bench.html');
  const words = ['boot', 'network', 'files', '--quick', '--no-build', '--peers', 'host'];
  const short = ['--rounds', '1', '--warm-up', '5', '--seconds', '3', '--megabytes', '2'];
  const result = await execa(
    nodeBinary,
    [inRepository('test/bench/bench.ts'), ...words, ...short, '--json', json, '--html', html],
    { reject: false, all: true, timeout: limit, killSignal: 'SIGKILL' },
  );
  t.is(result.exitCode, 0, result.all);
  const report = JSON.parse(await readFile(json, 'utf8')) as Report;
  t.deepEqual(report.failures, []);
  t.deepEqual(
    [...new Set(report.rows.map(({ measure }) => measure.part))],
    [...['boot', 'network', 'files']],
  );
  for (const { measure, systems } of report.rows) {
    const isCount = measure.unit === 'per window'; // of what went wrong
    t.true(isCount || (systems.ours?.median ?? 0) > 0, measure.title);
    t.is(systems.host === undefined, measure.title === 'size of the image', measure.title);
  }
  t.regex(await readFile(html, 'utf8'), /start to first HTTP 200/);
  t.regex(result.stdout, /UDP echo, 64 under way +datagrams\/s/);
});
