import test from 'ava';
import { bootMachine, parseStatus } from '../../lib/cli/src/machine.ts';
import { machineArguments } from '../../lib/cli/src/machine-arguments.ts';

/** The values that follow an option in QEMU's arguments. */
function valuesOf(parameters: readonly string[], option: string): string[] {
  return parameters.flatMap((word, index) =>
    word === option ? [parameters[index + 1] ?? ''] : [],
  );
}

test('the default machine', (t) => {
  const parameters = machineArguments({ runtime: 'r', initrd: 'i' }, 'tcg', '/tmp/status');
  t.deepEqual(valuesOf(parameters, '-accel'), ['tcg,thread=multi']);
  t.deepEqual(valuesOf(parameters, '-cpu'), ['max']);
  t.deepEqual(valuesOf(parameters, '-smp'), ['1,maxcpus=2']);
  t.deepEqual(valuesOf(parameters, '-m'), ['512']);
  t.deepEqual(valuesOf(parameters, '-kernel'), ['r']);
  t.deepEqual(valuesOf(parameters, '-initrd'), ['i']);
  t.deepEqual(valuesOf(parameters, '-append'), []);
  t.deepEqual(valuesOf(parameters, '-chardev'), ['file,id=status,path=/tmp/status']);
  t.deepEqual(valuesOf(parameters, '-device'), ['isa-debugcon,iobase=0xe9,chardev=status']);
  t.false(parameters.includes('-S'));
});

test('a base that is shared is persistent memory beside the RAM', (t) => {
  const apart = { kernel: 'k', base: 'b,1', baseSize: 120 << 20 };
  const parameters = machineArguments({ runtime: 'r', initrd: 'i' }, 'tcg', '/tmp/status', apart);
  t.deepEqual(valuesOf(parameters, '-machine'), ['pc,nvdimm=on']);
  t.deepEqual(valuesOf(parameters, '-m'), ['512,slots=1,maxmem=1656M']);
  t.deepEqual(valuesOf(parameters, '-kernel'), ['k']);
  t.deepEqual(valuesOf(parameters, '-object'), [
    'memory-backend-file,id=base,share=on,readonly=on,mem-path=b,,1,size=125829120',
  ]);
  t.true(valuesOf(parameters, '-device').includes('nvdimm,memdev=base,unarmed=on'));
});

test('options reach QEMU', (t) => {
  const parameters = machineArguments(
    {
      runtime: 'r',
      initrd: null,
      memoryMegabytes: 96,
      append: 'log=debug -- "two words"',
      gdb: true,
      extraArguments: ['-machine', 'q35'],
    },
    'kvm',
    '/tmp/a,b',
  );
  t.deepEqual(valuesOf(parameters, '-accel'), ['kvm']);
  t.deepEqual(valuesOf(parameters, '-cpu'), ['host']);
  t.deepEqual(valuesOf(parameters, '-m'), ['96']);
  t.deepEqual(valuesOf(parameters, '-initrd'), []);
  t.deepEqual(valuesOf(parameters, '-append'), ['log=debug -- "two words"']);
  t.deepEqual(valuesOf(parameters, '-chardev'), ['file,id=status,path=/tmp/a,,b']);
  t.deepEqual(valuesOf(parameters, '-gdb'), ['tcp:localhost:1234']);
  t.true(parameters.includes('-S'));
  t.deepEqual(parameters.slice(-2), ['-machine', 'q35']);
});

test("the kernel's report", (t) => {
  const reason = 'signal 6 (SIGABRT)';
  t.deepEqual(parseStatus(`{"code":134,"reason":"${reason}"}\n`), { code: 134, reason });
  t.deepEqual(parseStatus('{"code":0}\n'), { code: 0, reason: undefined });
  t.deepEqual(parseStatus('noise\n{"code":3,"reason":"exit"}\nnoise'), { code: 3, reason: 'exit' });
  t.is(parseStatus(''), undefined);
  t.is(parseStatus('{"code":"three"}\n'), undefined);
  t.is(parseStatus('null\n7\n[]\n'), undefined);
  t.is(parseStatus('{"code":1,"rea'), undefined);
});

test('a missing image is named, with what to do', async (t) => {
  await t.throwsAsync(bootMachine({ runtime: '/nowhere/runtime' }), {
    message: '/nowhere/runtime is not there. Run `npm run build` first.',
  });
});
