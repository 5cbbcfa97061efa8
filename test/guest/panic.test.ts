// A panic ends the machine with one report. The host causes one: a non-maskable interrupt, which the
// kernel has no use for, is how an operator asks a machine that hangs where it is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { BootOptions, BootResult } from '../../lib/cli/src/machine.ts';
import { type App, bootApp } from './support/endings.ts';
import { tail } from './support/guest.ts';
import { Monitor } from './support/monitor.ts';
import { buildNativeAddon } from './support/native.ts';

/** Boots an app, and panics in the middle of it. @param isThere whether the machine has come that far */
async function panicIn(
  t: ExecutionContext,
  app: App,
  options: BootOptions,
  isThere: (output: string, monitor: Monitor) => Promise<boolean> | boolean,
): Promise<BootResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'runtime-panic-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const monitor = new Monitor(folder, 'monitor');
  t.teardown(() => monitor.close());
  let output = '';
  let hasEnded = false;
  const end = bootApp(app, {
    ...options,
    extraArguments: monitor.arguments,
    onOutput: (text) => {
      output += text;
    },
  }).finally(() => {
    hasEnded = true;
  });
  while (!hasEnded && !(await isThere(output, monitor))) await sleep(50);
  if (!hasEnded) await monitor.run('inject-nmi');
  const result = await end;
  t.false(result.timedOut, `the machine hangs:\n${tail(result)}`);
  t.is(result.code, 255);
  t.is(result.reason, 'panic');
  t.regex(result.output, /\[runtime\] kernel panic: non-maskable interrupt/);
  t.regex(result.output, /\[runtime\] +rip [0-9a-f]{16}/);
  t.regex(result.output, /\[runtime\] +#0 +0x[0-9a-f]{16}/);
  t.is(result.output.match(/panic/g)?.length, 1, tail(result));
  return result;
}

test.serial('a kernel panic is one clear report with registers and a backtrace', async (t) => {
  const app = { name: 'waiting', entry: 'apps/waiting.ts' } as const;
  await panicIn(t, app, {}, (output) => /waiting\r?\n/.test(output));
});

test.serial('a panic is reported when the frame pointer points nowhere', async (t) => {
  await buildNativeAddon('native');
  const app = { name: 'native', entry: 'apps/native.ts' } as const;
  const result = await panicIn(
    t,
    app,
    { append: '-- crash spinWithoutFrame' },
    async (output, monitor) => {
      if (!/going to/.test(output)) return false;
      const registers = { 'command-line': 'info registers' };
      return /RBP=0000123456789000/.test(
        String(await monitor.run('human-monitor-command', registers)),
      );
    },
  );
  t.regex(result.output, /rbp 0000123456789000/);
});
