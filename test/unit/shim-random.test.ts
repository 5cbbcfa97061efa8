/**
 * The app's random numbers come from the kernel, and none that were kept in advance survive when the machine goes on
 * from a saved state.
 */
import test from 'ava';
import { runOnFakeKernel } from './shim-fixtures.ts';

/** Each call of getrandom(2) gives bytes that are all its number. */
const counted = { FAKE_KERNEL_RANDOM: 'counted' };

test('what OpenSSL gives out was taken from the kernel at that moment', async (t) => {
  const script = `
    import { createHmac, generateKeyPairSync, randomBytes, randomFillSync, webcrypto } from 'node:crypto';
    const calls = () => randomBytes(1)[0];
    const first = calls();
    console.log(randomBytes(40).every((byte) => byte === (first + 1) % 256));
    console.log(randomFillSync(new Uint8Array(3)).every((byte) => byte === (first + 2) % 256));
    console.log(webcrypto.getRandomValues(new Uint8Array(3)).every((byte) => byte === (first + 3) % 256));
    const { privateKey } = generateKeyPairSync('x25519');
    console.log(calls() !== (first + 4) % 256 && privateKey.type);`;
  const { stdout, stderr } = await runOnFakeKernel(['a.mjs'], {
    files: { 'a.mjs': script },
    environment: counted,
  });
  t.is(stdout, 'true\ntrue\ntrue\nprivate\n', stderr);
});

const afterResumption = `
  import { writeFileSync } from 'node:fs';
  import * as crypto from 'node:crypto';
  const kinds = {
    randomInt: () => crypto.randomInt(2 ** 47),
    'randomInt, callback': () => new Promise((done) => crypto.randomInt(2 ** 47, (_, n) => done(n))),
    randomUUID: () => crypto.randomUUID(),
    randomUUIDv7: () => crypto.randomUUIDv7().slice(-12),
    'global randomUUID': () => globalThis.crypto.randomUUID(),
  };
  const known = {};
  for (const [name, take] of Object.entries(kinds)) known[name] = [await take(), await take()];
  writeFileSync('generation', 'another life of it');
  for (const [name, take] of Object.entries(kinds)) {
    const next = await take();
    console.log(name, known[name][0] === known[name][1], known[name].includes(next));
  }
  console.log(crypto.randomInt.name, crypto.randomInt.length, crypto.randomUUID.name, crypto.randomUUID.length);`;

for (const [title, isResumed] of [
  ['a machine that goes on from a saved state gives none that it kept', true],
  ['without a generation id they are kept as ever', false],
] as const) {
  test(title, async (t) => {
    const files = { 'a.mjs': afterResumption, generation: 'the first life of it' };
    const environment = isResumed ? { ...counted, FAKE_KERNEL_GENERATION: 'generation' } : counted;
    const { stdout, stderr } = await runOnFakeKernel(['a.mjs'], { files, environment });
    // The same bytes each, as they are from one call of the kernel; and then others.
    const lines = [
      `randomInt true ${!isResumed}`,
      `randomInt, callback true ${!isResumed}`,
      `randomUUID true ${!isResumed}`,
      `randomUUIDv7 true ${!isResumed}`,
      `global randomUUID true ${!isResumed}`,
      'randomInt 3 randomUUID 1',
      '',
    ];
    t.is(stdout, lines.join('\n'), stderr);
  });
}

test('in Workers, too', async (t) => {
  const script = `
    import { writeFileSync } from 'node:fs';
    import { randomUUID } from 'node:crypto';
    import { isMainThread, Worker } from 'node:worker_threads';
    if (isMainThread) {
      new Worker(new URL(import.meta.url));
    } else {
      const before = [randomUUID(), randomUUID()];
      writeFileSync('generation', 'another life of it');
      console.log(before[0] === before[1], before.includes(randomUUID()));
    }`;
  const { stdout, stderr } = await runOnFakeKernel(['a.mjs'], {
    files: { 'a.mjs': script, generation: 'the first life of it' },
    environment: { ...counted, FAKE_KERNEL_GENERATION: 'generation' },
  });
  t.is(stdout, 'true false\n', stderr);
});
