// What is wrong with a machine's input is said in a sentence, with what to do, and the code is not 0.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CpioWriter } from '../../lib/base/src/cpio.ts';
import type { BootOptions, BootResult } from '../../lib/cli/src/machine.ts';
import { boot, guestFolder, guestInitrd, tail } from './support/guest.ts';

const hello = () => guestInitrd('hello', 'apps/hello.ts');

/** Checks that a machine refused: by itself, saying why in a line of the kernel's own, without a panic. */
function expectRefusal(t: ExecutionContext, result: BootResult, pattern: RegExp): void {
  if (result.timedOut || !pattern.test(result.output)) t.log(tail(result));
  t.false(result.timedOut, 'the machine hangs');
  t.not(result.code, 0);
  t.not(result.code, 255, 'the machine died instead of refusing');
  t.regex(result.output, pattern);
  t.notRegex(result.output, /kernel panic|hello from/);
}

async function refused(
  t: ExecutionContext,
  initrd: string | null,
  pattern: RegExp,
  options: BootOptions = {},
): Promise<void> {
  expectRefusal(t, await boot(initrd, options), pattern);
}

/** Writes a damaged copy of the hello app's initrd. */
async function damaged(name: string, damage: (bytes: Buffer) => Buffer): Promise<string> {
  const file = path.join(guestFolder, 'damaged', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, damage(readFileSync(await hello())));
  return file;
}

test.serial('a machine with all it needs starts', async (t) => {
  const result = await boot(await hello());
  t.is(result.code, 0, tail(result));
  t.regex(result.output, /hello from v26/);
});

test.serial('no initrd', async (t) => refused(t, null, /\[runtime\] .*no initrd.*-initrd/));

test.serial('an initrd that was cut short', async (t) => {
  const trailer = readFileSync(await hello()).indexOf('TRAILER!!!');
  for (const kept of [50, 200, trailer >> 1, trailer - 10, trailer]) {
    const file = await damaged(`cut-${kept}`, (bytes) => bytes.subarray(0, kept));
    await refused(t, file, /\[runtime\] .*initrd.*(cut short|ends)/s);
  }
});

test.serial('an initrd that is no archive', async (t) => {
  await refused(
    t,
    await damaged('text', () => Buffer.from('just some text\n'.repeat(100))),
    /magic 070701/,
  );
  await refused(t, await damaged('zeroes', () => Buffer.alloc(10_000)), /magic 070701/);
});

test.serial('a compressed initrd', async (t) => {
  const { gzipSync } = await import('node:zlib');
  await refused(t, await damaged('gzip', (bytes) => gzipSync(bytes)), /compressed/);
});

test.serial('an initrd with a damaged header', async (t) => {
  const file = await damaged('header', (bytes) => {
    const second = bytes.indexOf('070701', 6);
    bytes.write('XXXXXX', second);
    return bytes;
  });
  await refused(t, file, /magic 070701|initrd/);
  const digits = await damaged('digits', (bytes) => {
    bytes.write('zz', 60);
    return bytes;
  });
  await refused(t, digits, /hexadecimal|initrd/);
});

test.serial('an initrd without an app', async (t) => {
  const file = path.join(guestFolder, 'damaged', 'empty');
  mkdirSync(path.dirname(file), { recursive: true });
  const archive = await CpioWriter.create(file);
  await archive.addFile('/etc/something', 'else');
  await archive.finish();
  await refused(t, file, /\[runtime\] .*no app.*\/app\/main\.mjs/);
});

test.serial('too little memory', async (t) => {
  for (const memoryMegabytes of [64, 128]) {
    const result = await boot(await hello(), { memoryMegabytes });
    expectRefusal(t, result, /\[runtime\] .*memory.*-m \d+/);
    const needed = Number(/-m (\d+)/.exec(result.output)?.[1]);
    const enough = await boot(await hello(), { memoryMegabytes: needed });
    t.is(enough.code, 0, `the message asks for ${needed} MiB; with it:\n${tail(enough)}`);
  }
});

for (const { processor, missing } of [
  { processor: 'qemu64,-sse2', missing: 'SSE2' },
  { processor: 'qemu64,-nx', missing: 'NX' },
  // What the kernel itself uses while it starts, before it could say anything.
  { processor: 'qemu64,-cmov', missing: 'CMOV' },
  { processor: 'Opteron_G1-v1', missing: 'LAHF and SAHF in 64-bit mode' },
  { processor: 'max,-sse,-sse2', missing: 'SSE' },
  { processor: 'max,-fxsr', missing: 'FXSR' },
  { processor: 'max,-pge', missing: 'PGE' },
  { processor: 'max,-apic', missing: 'APIC' },
  { processor: 'max,-syscall', missing: 'SYSCALL' },
  // QEMU can take single features away from under later ones; libraries then die of SIGILL.
  { processor: 'max,-ssse3', missing: 'SSSE3' },
  { processor: 'max,-sse4.1', missing: 'SSE4\\.1' },
]) {
  test.serial(`a processor without a needed feature: ${processor}`, async (t) => {
    const pattern = new RegExp(`\\[runtime\\] .*CPU.*\\b${missing}\\b.*-cpu`);
    await refused(t, await hello(), pattern, { extraArguments: ['-cpu', processor] });
  });
}

test.serial('a processor without 64-bit mode', async (t) => {
  await refused(t, await hello(), /64-bit|long mode/i, { extraArguments: ['-cpu', 'pentium3'] });
});

for (const processor of ['qemu64', 'core2duo-v1', 'Conroe-v1', 'Nehalem-v1', 'Haswell-v4']) {
  test.serial(`the processor model ${processor}`, async (t) => {
    const result = await boot(await hello(), { extraArguments: ['-cpu', processor] });
    t.is(result.code, 0, tail(result));
    t.regex(result.output, /hello from v26/);
  });
}

test.serial('unknown kernel options', async (t) => {
  for (const [append, word] of [
    ['quiet', 'quiet'],
    ['log=loud', 'log=loud'],
    ['trace=everything', 'trace=everything'],
    ['env.', 'env\\.'],
    ['log=info cons=ttyS0', 'cons=ttyS0'],
    ['terminal=wide', 'terminal=wide'],
    ['"never closed', 'quot|clos|"'],
  ] as const) {
    await refused(t, await hello(), new RegExp(`\\[runtime\\] .*(${word})`), { append });
  }
});
