// ChaCha20 against RFC 8439, and the random pool's rules.
import test from 'ava';
import { kernel } from './addon.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const seed = (text: string) => Buffer.from(text);

test('the ChaCha20 block function gives the result of RFC 8439, section 2.3.2', (t) => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  const nonce = hex('000000090000004a00000000');
  t.deepEqual(
    Buffer.from(kernel.chaCha20Block(key, 1, nonce)),
    hex(`10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e
         d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e`),
  );
});

test('the ChaCha20 block function gives the vectors of RFC 8439, appendix A.1', (t) => {
  t.deepEqual(
    Buffer.from(kernel.chaCha20Block(new Uint8Array(32), 0, new Uint8Array(12))),
    hex(`76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7
         da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586`),
  );
});

test('the pool gives the same output for the same seeds, and other output for others', (t) => {
  const [first] = kernel.randomOutputs([seed('a')], [64]);
  t.deepEqual(kernel.randomOutputs([seed('a')], [64])[0], first);
  t.notDeepEqual(kernel.randomOutputs([seed('b')], [64])[0], first);
  t.notDeepEqual(kernel.randomOutputs([seed('a'), seed('b')], [64])[0], first);
});

test('every byte of a seed counts, also zeroes at its end and where it is split', (t) => {
  const outputs = new Set<string>();
  const seeds = [
    [],
    [new Uint8Array(1)],
    [new Uint8Array(2)],
    [new Uint8Array(31)],
    [new Uint8Array(32)],
    [new Uint8Array(62)],
    [new Uint8Array(1), new Uint8Array(1)],
    [seed('ab')],
    [seed('a'), seed('b')],
    [seed('x'.repeat(100))],
    [seed(`${'x'.repeat(99)}y`)],
  ];
  for (const list of seeds) {
    outputs.add(Buffer.from(kernel.randomOutputs(list, [16])[0] ?? []).toString('hex'));
  }
  t.is(outputs.size, seeds.length);
});

test('outputs never repeat, whatever their size', (t) => {
  const sizes = [0, 1, 31, 32, 33, 64, 95, 96, 97, 1000];
  const outputs = kernel.randomOutputs([seed('seed')], sizes);
  t.deepEqual(
    outputs.map((output) => output.length),
    sizes,
  );
  const blocks = new Set<string>();
  let count = 0;
  for (const output of outputs) {
    for (let i = 0; i + 16 <= output.length; i += 16) {
      blocks.add(Buffer.from(output.subarray(i, i + 16)).toString('hex'));
      ++count;
    }
  }
  t.is(blocks.size, count);
});

test('the bits of the output are balanced', (t) => {
  const [output] = kernel.randomOutputs([seed('balance')], [65536]);
  let ones = 0;
  for (const byte of output ?? []) ones += byte.toString(2).replaceAll('0', '').length;
  // 524288 fair bits have a standard deviation of 362: five of them on either side.
  t.true(Math.abs(ones - 262144) < 1810, `${ones} ones`);
});
