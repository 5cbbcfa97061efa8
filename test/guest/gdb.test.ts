// `npm start -- --gdb` and `npm run gdb`: every part of a machine has names in the debugger.
import test from 'ava';
import { execa } from 'execa';
import { gdbSession } from '../../lib/cli/src/gdb.ts';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { guestInitrd } from './support/guest.ts';

const limit = 300_000;

test.serial('gdb knows kernel, Node, shim and libraries', async (t) => {
  const machine = await startMachine({
    initrd: await guestInitrd('hello', 'apps/hello.ts'),
    append: 'layout=fixed',
    gdb: true,
    timeoutMilliseconds: limit,
  });
  const { parameters, environment } = gdbSession();
  const commands = [
    'runtime-start',
    'info symbol $pc',
    'info symbol __libc_start_main',
    'hbreak system_call_dispatch',
    'continue',
    'backtrace 1',
    'delete',
    "info symbol 'node::Start'",
    'kill',
  ];
  const { stdout, stderr } = await execa(
    'gdb',
    ['-batch', ...parameters, ...commands.flatMap((command) => ['-ex', command])],
    { reject: false, env: environment, stdin: 'ignore', timeout: limit },
  );
  machine.kill();
  const { output } = await machine.end;
  const all = `${stdout}\n${stderr}\n${output}`;
  t.regex(stdout, /shim\.so at 0x[0-9a-f]+: symbols of .*build\/native\/shim\/shim\.so/, all);
  t.regex(stdout, /libc\.so\.6 at 0x[0-9a-f]+: symbols/, all);
  t.regex(stdout, /^_start in section \.text/m, all);
  t.regex(stdout, /^__libc_start_main.* in section .*shim\.so/m, all);
  t.regex(stdout, /^#0 .*system_call_dispatch \(frame=0x[0-9a-f]+\) at .*:\d+/m, all);
  t.regex(stdout, /^node::Start.* in section \.text/m, all);
});
