// Random numbers: what they look like, who may not share them, and what happens without a source.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type BootOptions, startMachine } from '../../lib/cli/src/machine.ts';
import { printed } from './support/console.ts';
import { bootApp } from './support/endings.ts';
import { guestInitrd } from './support/guest.ts';
import { Monitor } from './support/monitor.ts';

const app = { name: 'entropy', entry: 'apps/entropy.ts' } as const;
/** How long a machine may take until it has printed enough, in milliseconds. */
const patience = 300_000;
/** RUNTIMEJS_TEST_LONG=1: 100 MB. */
const blocks = process.env.RUNTIMEJS_TEST_LONG === '1' ? 40_000 : 1000;

test.serial(`${blocks} blocks pass the tests of FIPS 140-2, but for the odd one`, async (t) => {
  const { output, code } = await bootApp(app, { append: `-- blocks ${blocks}` });
  t.is(code, 0, output);
  const failures = JSON.parse(/^\{.*\}\r?$/m.exec(output)![0]) as Record<string, number>;
  t.log(JSON.stringify(failures));
  const total = Object.values(failures).reduce((sum, count) => sum + count, 0);
  // A perfect source fails about 8 blocks in 10,000.
  t.true(total <= 4 + blocks / 500, output);
});

test.serial('two boots share nothing', async (t) => {
  const seen = new Set<string>();
  for (let boot = 0; boot < 2; boot++) {
    const { output } = await bootApp(app, { append: '-- once' });
    seen.add(/random ([0-9a-f]{32})/.exec(output)?.[1] ?? output);
  }
  t.is(seen.size, 2);
});

test.serial('without RDRAND and RDSEED boot says that it has jitter only', async (t) => {
  const { output, code } = await bootApp(app, {
    append: '-- once',
    extraArguments: ['-cpu', 'max,-rdrand,-rdseed'],
  });
  t.is(code, 0, output);
  t.regex(output, /neither RDSEED nor RDRAND: random numbers are seeded from timing jitter alone/);
  t.regex(output, /random [0-9a-f]{32}/);
});

/** What a line has: the kernel's, OpenSSL's, and two kinds that Node keeps in advance. */
const line = /random \d+ ([0-9a-f]{32}) ([0-9a-f]{32}) ([0-9a-f-]{36}) (\d+)/g;

for (const [name, devices, cpu, kinds] of [
  ['a generation id', ['-device', 'vmgenid,guid=auto'], 'max,-rdrand,-rdseed', 4],
  ['RDRAND', [], 'max', 2], // nothing tells when what is kept has to be forgotten
] as const) {
  test.serial(`two machines from one saved state share nothing: ${name}`, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'entropy-'));
    const state = path.join(folder, 'state');
    const initrd = await guestInitrd(app.name, app.entry);
    const options: BootOptions = {
      initrd,
      append: 'log=debug -- stream 4000',
      memoryMegabytes: 256,
      timeoutMilliseconds: patience,
    };
    const fixed = ['-cpu', cpu, ...devices];

    const monitor = new Monitor(folder, 'first');
    const first = await startMachine({
      ...options,
      extraArguments: [...fixed, ...monitor.arguments],
    });
    // Not in what comes in one piece: a line may come in two.
    await printed(first, /random 5 .*\n/);
    await save(monitor, state);
    first.kill();
    const before = await first.end;
    monitor.close();
    if (devices.length > 0) t.regex(before.output, /tells when this machine is resumed/);

    const outputs: string[][] = [];
    for (let life = 0; life < 2; life++) {
      const resumed = await startMachine({
        ...options,
        extraArguments: [...fixed, '-incoming', `exec:cat ${state}`],
      });
      await printed(resumed, /(random \d+ [^\n]*\n){20}/);
      resumed.kill();
      const { output } = await resumed.end;
      // The first may have been on its way to the console when the state was saved.
      const lines = [...output.matchAll(line)].slice(1);
      outputs.push(lines.flatMap(([, ...values]) => values.slice(0, kinds)));
    }
    rmSync(folder, { recursive: true });
    const [one = [], two = []] = outputs;
    t.true(one.length > 10 * kinds && two.length > 10 * kinds, `${one.length}, ${two.length}`);
    t.deepEqual(
      one.filter((value) => two.includes(value)),
      [],
    );
  });
}

async function save(monitor: Monitor, file: string): Promise<void> {
  // Not stopped before: what was saved running goes on by itself. A machine that dirties its memory faster
  // than QEMU's default bandwidth saves it would never be done.
  await monitor.run('migrate-set-parameters', {
    'max-bandwidth': 2 ** 40,
    'downtime-limit': 60_000,
  });
  await monitor.run('migrate', { uri: `exec:cat > ${file}` });
  for (;;) {
    const { status } = (await monitor.run('query-migrate')) as { status: string };
    if (status === 'completed') return;
    if (status === 'failed') throw new Error('QEMU cannot save the state');
    await new Promise((done) => setTimeout(done, 100));
  }
}
