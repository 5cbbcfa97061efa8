// Symbols, demangling, backtraces.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { kernel } from './addon.ts';

const symbolFile = (symbols: [offset: number, name: string][]) => {
  const header = Buffer.alloc(16 + symbols.length * 8);
  header.write('RTSYMS01');
  header.writeUInt32LE(symbols.length, 8);
  header.writeUInt32LE(header.length, 12);
  let strings = '';
  symbols.forEach(([offset, name], i) => {
    header.writeUInt32LE(offset, 16 + i * 8);
    header.writeUInt32LE(strings.length, 20 + i * 8);
    strings += `${name}\0`;
  });
  return Buffer.concat([header, Buffer.from(strings)]);
};

test('kernel symbols are found by binary search', (t) => {
  const file = symbolFile([
    [0x100, 'first'],
    [0x180, 'runtime::second(int)'],
    [0x1000, 'third'],
  ]);
  t.is(kernel.kernelSymbol(file, 0xffn), undefined);
  t.deepEqual(kernel.kernelSymbol(file, 0x100n), { name: 'first', offset: 0n });
  t.deepEqual(kernel.kernelSymbol(file, 0x17fn), { name: 'first', offset: 0x7fn });
  t.deepEqual(kernel.kernelSymbol(file, 0x180n), { name: 'runtime::second(int)', offset: 0n });
  t.deepEqual(kernel.kernelSymbol(file, 0x5000n), { name: 'third', offset: 0x4000n });
  t.is(kernel.kernelSymbol(symbolFile([]), 5n), undefined);
});

test('a damaged symbol file is refused or finds nothing, whatever is wrong', (t) => {
  const file = symbolFile([
    [0x100, 'first'],
    [0x200, 'second'],
  ]);
  for (let end = 0; end < file.length; ++end) {
    const found = kernel.kernelSymbol(file.subarray(0, end), 0x250n);
    t.false(typeof found === 'object', `cut at ${end}`);
  }
  const magic = Buffer.from(file);
  magic[7] = 0x32;
  t.is(kernel.kernelSymbol(magic, 0x100n), false);
  for (const [at, value] of [
    [8, 0xffffffff],
    [8, 3],
    [12, 0],
    [12, 0xffffffff],
  ] as const) {
    const damaged = Buffer.from(file);
    damaged.writeUInt32LE(value, at);
    t.is(kernel.kernelSymbol(damaged, 0x100n), false, `${value} at ${at}`);
  }
  const name = Buffer.from(file);
  name.writeUInt32LE(0xfffffff0, 20);
  t.is(kernel.kernelSymbol(name, 0x100n), undefined);
});

/** Every Debian has it, as the base needs it; nm and c++filt come with the linker. */
const library = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';

test('exported functions of a real library are found', (t) => {
  const image = readFileSync(library);
  const listing = execFileSync('nm', ['-D', '-S', '--defined-only', library]).toString();
  let checked = 0;
  for (const line of listing.split('\n')) {
    const match = /^(\w+) (\w+) T (\w+)/.exec(line);
    if (!match) continue;
    const start = BigInt(`0x${match[1]}`);
    const size = BigInt(`0x${match[2]}`);
    const first = kernel.elfSymbol(image, start);
    const last = kernel.elfSymbol(image, start + size - 1n);
    t.is(first?.offset, 0n);
    t.is(last?.offset, size - 1n);
    t.is(first?.name, last?.name);
    ++checked;
  }
  t.true(checked > 50);
  t.is(kernel.elfSymbol(image, 0n), undefined);
  t.is(kernel.elfSymbol(image, 1n << 40n), undefined);
});

test('damaged images are refused without reading outside them', (t) => {
  const image = readFileSync(library);
  const address = 0x3000n;
  for (const size of [0, 10, 63, 64, 100, 1000, 4096, 20000]) {
    t.is(kernel.elfSymbol(image.subarray(0, size), address), undefined);
  }
  // Every byte of the headers and a sample of the dynamic tables takes wild values.
  for (let at = 0; at < 0x1000; at += 1) {
    const damaged = Buffer.from(image);
    damaged[at] = 0xff;
    kernel.elfSymbol(damaged, address);
  }
  t.pass();
});

test('names are demangled in their common forms', (t) => {
  const names: [mangled: string, readable: string][] = [
    ['_Z3foov', 'foo'],
    ['_ZL3foov', 'foo'],
    ['_ZN2v87Isolate7DisposeEv', 'v8::Isolate::Dispose'],
    ['_ZNK2v85Value8IsNumberEv', 'v8::Value::IsNumber'],
    ['_ZNKR1A1fEv', 'A::f'],
    ['_ZN2v87IsolateC1Ev', 'v8::Isolate::Isolate'],
    ['_ZN2v87IsolateC2ERKS0_', 'v8::Isolate::Isolate'],
    ['_ZN2v87IsolateD0Ev', 'v8::Isolate::~Isolate'],
    ['_ZN1AIiEC1Ev', 'A<...>::A'],
    ['_ZN1AplERKS_', 'A::operator+'],
    ['_ZN1AclEv', 'A::operator()'],
    ['_ZN1AnwEm', 'A::operator new'],
    ['_ZdlPvm', 'operator delete'],
    ['_ZN1AcvbEv', 'A::operator (conversion)'],
    ['_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_', 'std::move<...>'],
    ['_ZNSt6vectorIiSaIiEE9push_backERKi', 'std::vector<...>::push_back'],
    ['_ZNKSs6lengthEv', 'std::string::length'],
    ['_ZNSsC1EPKcRKSaIcE', 'std::string::basic_string'],
    [
      '_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEED1Ev',
      'std::__cxx11::basic_string<...>::~basic_string',
    ],
    ['_ZN4node12_GLOBAL__N_14helpEv', 'node::(anonymous namespace)::help'],
    [
      '_ZN2v88internal8ZoneListIPNS0_11AstNodeTypeEE3AddERKS3_PNS0_4ZoneE',
      'v8::internal::ZoneList<...>::Add',
    ],
    ['_ZN1AILi5ELb1EE1fEv', 'A<...>::f'],
    ['_ZN1AIJidEE1fEv', 'A<...>::f'],
    ['_ZN1AIFivEE1fEv', 'A<...>::f'],
    ['_ZN1AIM1BFivEE1fEv', 'A<...>::f'],
    ['_ZN1AIA10_iE1fEv', 'A<...>::f'],
    ['_ZZN4node5StartEvENKUlvE_clEv', 'node::Start::{lambda}::operator()'],
    ['_ZZ4mainE5local', 'main::local'],
    ['_ZZN1A1fEiENUliE0_4_FUNEi', 'A::f::{lambda}::_FUN'],
    ['_ZN1A1fB5cxx11Ev', 'A::f'],
    ['_ZThn16_N1A1fEv', 'non-virtual thunk to A::f'],
    ['_ZTv0_n24_N1A1fEv', 'virtual thunk to A::f'],
    ['_ZN1A1fEv.isra.0', 'A::f'],
    ['_ZN1A1fEv.cold', 'A::f'],
  ];
  for (const [mangled, readable] of names) t.is(kernel.demangle(mangled), readable, mangled);
});

test('what is not understood is printed as it is', (t) => {
  const names = [
    'main',
    'uv_run',
    '',
    '_Z',
    '_ZN',
    '_ZTV1A',
    '_ZN1AIXsrT_E1fEv',
    '_Z999foo',
    '_ZN3fooE!',
    `_ZN${'N'.repeat(500)}`,
    `_Z1f${'P'.repeat(500)}i`,
    '_Z99999999999999999999a',
  ];
  for (const name of names) t.is(kernel.demangle(name), name);
});

test('a demangled name is cut at the capacity', (t) => {
  t.is(kernel.demangle('_ZN2v87Isolate7DisposeEv', 10), 'v8::Isola');
  t.is(kernel.demangle('_ZN2v87Isolate7DisposeEv', 1), '');
});

test('names of a C++ library agree with c++filt', (t) => {
  const cpp = '/lib/x86_64-linux-gnu/libstdc++.so.6';
  const listing = execFileSync('nm', ['-D', '--defined-only', cpp], { maxBuffer: 1 << 26 });
  const names = [...listing.toString().matchAll(/ [TW] (_Z\w+)/g)].map((match) => match[1] ?? '');
  const readable = execFileSync('c++filt', ['-p'], {
    input: names.join('\n'),
    maxBuffer: 1 << 26,
  });
  /** Template arguments as <...>, without return types and other decoration. */
  const simplify = (name: string) => {
    let result = '';
    let depth = 0;
    const text = name.replace(
      /operator(<<=?|>>=?|<=>|<=?|>=?|->\*?)/g,
      (_, op: string) => `operator${op.replaceAll('<', '\u0001').replaceAll('>', '\u0002')}`,
    );
    for (const c of text) {
      if (c === '<' && depth++ === 0) result += '<...>';
      else if (c === '>') --depth;
      else if (depth === 0) result += c;
    }
    return result.replaceAll('\u0001', '<').replaceAll('\u0002', '>').replaceAll('[abi:cxx11]', '');
  };
  const agrees = (own: string, wanted: string) => {
    // c++filt writes abbreviations out, conversion operators with their type, and puts the return
    // type of function templates in front.
    const full = own
      .replaceAll('std::string', 'std::basic_string<...>')
      .replace(/std::(io|i|o)stream\b(?!_)/g, 'std::basic_$1stream<...>')
      .replace('operator (conversion)', 'operator ');
    return (
      wanted === full ||
      wanted.endsWith(` ${full}`) ||
      (full.endsWith('operator ') && wanted.includes(full))
    );
  };
  const expected = readable.toString().split('\n').map(simplify);
  let understood = 0;
  let different = 0;
  const examples: string[] = [];
  names.forEach((name, i) => {
    const own = kernel.demangle(name);
    if (own === name) return;
    ++understood;
    const wanted = expected[i] ?? '';
    if (!agrees(own, wanted)) {
      ++different;
      if (examples.length < 20) examples.push(`${name}: ${own} | ${wanted}`);
    }
  });
  t.true(understood > names.length * 0.9, `${understood} of ${names.length}`);
  t.true(different < names.length * 0.02, `${different} differ:\n${examples.join('\n')}`);
});

test('frame pointers are followed to the outermost frame', (t) => {
  const memory: [bigint, bigint][] = [
    [0x8000n, 0x8100n],
    [0x8008n, 0x1111n],
    [0x8100n, 0x8200n],
    [0x8108n, 0x1222n],
    [0x8200n, 0n],
    [0x8208n, 0n],
  ];
  t.deepEqual(kernel.walkFrames(memory, 0x1000n, 0x8000n), [0x1000n, 0x1111n, 0x1222n]);
  t.deepEqual(kernel.walkFrames(memory, 0x1000n, 0n), [0x1000n]);
  t.deepEqual(kernel.walkFrames(memory, 0x1000n, 0x8001n), [0x1000n]);
  t.deepEqual(kernel.walkFrames(memory, 0x1000n, 0x9000n), [0x1000n]);
});

test('loops and endless chains of frames end', (t) => {
  const loop: [bigint, bigint][] = [
    [0x8000n, 0x8100n],
    [0x8008n, 0x1111n],
    [0x8100n, 0x8000n],
    [0x8108n, 0x1222n],
  ];
  t.deepEqual(kernel.walkFrames(loop, 0x1000n, 0x8000n), [0x1000n, 0x1111n, 0x1222n]);
  const self: [bigint, bigint][] = [
    [0x8000n, 0x8000n],
    [0x8008n, 0x1111n],
  ];
  t.deepEqual(kernel.walkFrames(self, 0x1000n, 0x8000n), [0x1000n, 0x1111n]);
  const long: [bigint, bigint][] = [];
  for (let i = 0n; i < 1000n; ++i) long.push([i * 16n, i * 16n + 16n], [i * 16n + 8n, 0x1500n]);
  t.is(kernel.walkFrames(long, 0x1000n, 16n).length, 64);
});

test('a backtrace names code and marks guesses', (t) => {
  const memory: [bigint, bigint][] = [
    [0x7ff0n, 0x5n],
    [0x7ff8n, 0x1301n],
    [0x8000n, 0x9999n],
    [0x8008n, 0x1401n],
  ];
  const text = kernel.reportBacktrace(memory, 0x1010n, 3n, 0x7ff0n);
  t.is(
    text,
    '  #0   0x0000000000001010  code+0x10\n' +
      '  #1  ?0x0000000000001301  code+0x300\n' +
      '  #2  ?0x0000000000001401  code+0x400\n',
  );
  t.regex(kernel.reportBacktrace([], 0x9010n, 0n, 0n), /#0 {3}0x0{12}9010 {2}\(unknown code\)/);
});

test('a good frame-pointer chain is shown without guesses', (t) => {
  const memory: [bigint, bigint][] = [];
  for (let i = 0n; i < 5n; ++i) {
    memory.push([0x8000n + i * 32n, 0x8020n + i * 32n], [0x8008n + i * 32n, 0x1100n + i]);
  }
  const text = kernel.reportBacktrace(memory, 0x1010n, 0x8000n, 0x8000n);
  t.false(text.includes('?'));
  t.is(text.trim().split('\n').length, 6);
});

test('registers and memory figures are readable', (t) => {
  const registers = kernel.reportRegisters();
  t.regex(registers, /^ {2}rip ffff800000001234 {2}rsp 0{16} /);
  t.regex(registers, /rax 000000000000000a/);
  t.regex(registers, /r15 000000000000000f/);
  t.is(registers.trim().split('\n').length, 5);
  t.is(
    kernel.reportMemory(),
    '  memory: total 512.0 MiB, free 1.5 MiB, image 1048576.0 MiB, app 0.0 MiB, ' +
      'kernel heap 0.0 MiB, /tmp 0.1 MiB\n',
  );
});
