import test from 'ava';
import {
  decodeSymbols,
  encodeSymbols,
  kernelSymbols,
  SymbolError,
} from '../../lib/base/src/symbols.ts';
import { makeKernel, temporaryFolder } from './tools-fixtures.ts';

test('symbols are sorted by address and one name is kept for each', (t) => {
  const encoded = encodeSymbols([
    { address: 0x2000, name: 'second()' },
    { address: 0x1000, name: 'first()' },
    { address: 0x2000, name: 'alias()' },
    { address: 0x3000, name: 'first()' },
  ]);
  t.deepEqual(decodeSymbols(encoded), [
    { address: 0x1000, name: 'first()' },
    { address: 0x2000, name: 'second()' },
    { address: 0x3000, name: 'first()' },
  ]);
});

test('the layout is the one the kernel reads', (t) => {
  const encoded = encodeSymbols([{ address: 0x1234, name: 'f' }]);
  t.is(
    encoded.toString('hex'),
    [
      Buffer.from('RTSYMS01').toString('hex'),
      '01000000', // count
      '18000000', // the strings start at 24
      '34120000',
      '00000000',
      '6600', // "f" and its NUL
    ].join(''),
  );
});

test("a kernel's functions, demangled", async (t) => {
  const kernel = await makeKernel(await temporaryFolder(t));
  t.deepEqual(decodeSymbols(await kernelSymbols(kernel)), [
    { address: 1, name: 'memory::Frames::allocate(unsigned long)' },
    { address: 2, name: 'helper' },
  ]);
});

test('a stripped kernel is refused', async (t) => {
  const kernel = await makeKernel(await temporaryFolder(t), { stripped: true });
  await t.throwsAsync(kernelSymbols(kernel), {
    instanceOf: SymbolError,
    message: /has no symbol table/,
  });
});

test('damaged tables are refused', (t) => {
  const encoded = encodeSymbols([{ address: 1, name: 'f' }]);
  const refuse = (bytes: Uint8Array) =>
    t.throws(() => decodeSymbols(bytes), { instanceOf: SymbolError });
  refuse(new Uint8Array(4));
  refuse(Buffer.from('RTSYMS99'.repeat(4)));
  refuse(encoded.subarray(0, 20));
  refuse(encoded.subarray(0, encoded.length - 1));
});
