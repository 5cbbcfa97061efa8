// What an app asks the kernel for through @runtimejs/kernel, and the two ways to end the machine.
import test from 'ava';
import { bootApp } from './support/endings.ts';

const app = { name: 'machine', entry: 'apps/machine.ts' } as const;

test.serial('powerOff ends the machine at once, with its code', async (t) => {
  const result = await bootApp(app);
  t.is(result.code, 42, result.output);
  t.is(result.reason, 'power off');
  t.notRegex(result.output, /must not run/);
});

test.serial('reboot restarts the machine, and the host sees that it was meant', async (t) => {
  const result = await bootApp(app, { append: '-- reboot' });
  t.false(result.timedOut, 'QEMU was told to end at a reset, and the machine hangs');
  t.is(result.code, 0, result.output);
  t.is(result.reason, 'reboot');
});

test.serial('the figures fit the machine', async (t) => {
  const { output } = await bootApp(app, { memoryMegabytes: 300 });
  const { memory, cpu } = JSON.parse(/^\{.*\}$/m.exec(output)![0]) as {
    memory: Record<string, number>;
    cpu: Record<string, number>;
  };
  t.true(memory.total! > 298 * 2 ** 20 && memory.total! <= 300 * 2 ** 20, JSON.stringify(memory));
  const known = memory.free! + memory.image! + memory.application! + memory.kernelHeap!;
  t.true(known > memory.total! * 0.95 && known <= memory.total!, JSON.stringify(memory));
  t.is(cpu.cpus, 1);
  t.true(cpu.threads! >= 2 && cpu.systemCalls! > 100 && cpu.interrupts! > 0, JSON.stringify(cpu));
  t.regex(output, /time goes on\r?\nthe log has it/);
});
