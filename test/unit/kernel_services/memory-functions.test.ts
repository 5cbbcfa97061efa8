// The kernel's memcpy, memmove, memset, memcmp and strlen against the C library's.
import test from 'ava';
import { kernel } from './addon.ts';

const sizes = [
  ...Array.from({ length: 80 }, (_, i) => i),
  127,
  128,
  129,
  254,
  255,
  256,
  257,
  263,
  264,
  265,
  511,
  512,
  513,
  700,
  8191,
  8192,
  8193,
  9000,
];

test('memmove and memcpy move every size between every alignment', (t) => {
  for (const size of sizes) {
    for (const from of [16, 17, 20, 23]) {
      for (const to of [12000, 12001, 12007]) {
        if (!kernel.checkMove(size, from, to)) t.fail(`${size} bytes from ${from} to ${to}`);
        if (!kernel.checkMove(size, to, from)) t.fail(`${size} bytes from ${to} to ${from}`);
      }
    }
  }
  t.pass();
});

test('memmove is right for every small overlap in both directions', (t) => {
  for (const size of sizes) {
    for (let distance = 0; distance <= 40; ++distance) {
      if (!kernel.checkMove(size, 100, 100 + distance)) t.fail(`${size} bytes up by ${distance}`);
      if (!kernel.checkMove(size, 140, 140 - distance)) t.fail(`${size} bytes down by ${distance}`);
    }
  }
  t.pass();
});

test('memset sets every size at every alignment and nothing else', (t) => {
  for (const size of sizes) {
    for (let offset = 0; offset < 9; ++offset) {
      if (!kernel.checkSet(size, offset)) t.fail(`${size} bytes at ${offset}`);
    }
  }
  t.pass();
});

test('memcmp orders by the first different byte, as unsigned', (t) => {
  for (const size of [1, 7, 8, 9, 16, 40]) {
    for (let at = 0; at < size; ++at) {
      const a = new Uint8Array(size).fill(0x80);
      const b = new Uint8Array(size).fill(0x80);
      b[at] = 0x7f;
      for (let i = at + 1; i < size; ++i) b[i] = 0xff;
      t.is(kernel.compare(a, b), 1);
      t.is(kernel.compare(b, a), -1);
      t.is(kernel.compare(a, a), 0);
    }
  }
});

test('strlen counts bytes', (t) => {
  for (const length of [0, 1, 7, 8, 100]) t.is(kernel.lengthOf('x'.repeat(length)), length);
});
