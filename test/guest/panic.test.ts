// A panic ends the machine with one report. The host causes one: a non-maskable interrupt, which the
// kernel has no use for, is how an operator asks a machine that hangs where it is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { bootApp } from './support/endings.ts';
import { tail } from './support/guest.ts';
import { Monitor } from './support/monitor.ts';

test('a kernel panic is one clear report with registers and a backtrace', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'runtime-panic-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const monitor = new Monitor(folder, 'monitor');
  t.teardown(() => monitor.close());
  let asked: Promise<unknown> | undefined;
  let output = '';
  const result = await bootApp(
    { name: 'waiting', entry: 'apps/waiting.ts' },
    {
      extraArguments: monitor.arguments,
      onOutput: (text) => {
        output += text;
        if (/waiting\r?\n/.test(output)) asked ??= monitor.run('inject-nmi');
      },
    },
  );
  await asked;
  t.false(result.timedOut, `the machine hangs:\n${tail(result)}`);
  t.is(result.code, 255);
  t.is(result.reason, 'panic');
  t.regex(result.output, /\[runtime\] kernel panic: non-maskable interrupt/);
  t.regex(result.output, /\[runtime\] +rip [0-9a-f]{16}/);
  t.regex(result.output, /\[runtime\] +#0 +0x[0-9a-f]{16}/);
  t.is(result.output.match(/kernel panic/g)?.length, 1);
});
