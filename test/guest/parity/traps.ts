import { type WasmMemory, wasmApi } from './webassembly.ts';

/**
 * A WebAssembly module whose functions trap, one for each kind:
 *
 *     (module
 *       (memory (export "memory") 1)
 *       (table 1 funcref)
 *       (type $t (func (param i32)))
 *       (func (export "load") (param i32) (result i32) local.get 0 i32.load)
 *       (func (export "store") (param i32) local.get 0 i32.const 1 i32.store)
 *       (func (export "unreachable") unreachable)
 *       (func (export "divide") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
 *       (func (export "truncate") (param f64) (result i32) local.get 0 i32.trunc_f64_s)
 *       (func $deep (export "deep") (param i32) (result i32)
 *         local.get 0 i32.const 1 i32.add call $deep i32.const 1 i32.add)
 *       (func (export "indirect") (param i32) i32.const 0 local.get 0 call_indirect (type $t))
 *       (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))
 */
export interface TrapExports {
  readonly memory: WasmMemory;
  load(address: number): number;
  store(address: number): void;
  unreachable(): void;
  divide(dividend: number, divisor: number): number;
  truncate(value: number): number;
  deep(depth: number): number;
  indirect(index: number): void;
  grow(pages: number): number;
}

const typeNumbers = { i32: 0x7f, f64: 0x7c } as const;
type ValueType = keyof typeof typeNumbers;

interface FunctionDeclaration {
  readonly name: keyof TrapExports;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly body: readonly number[];
}

const functions: readonly FunctionDeclaration[] = [
  { name: 'load', parameters: ['i32'], results: ['i32'], body: [0x20, 0, 0x28, 2, 0] },
  { name: 'store', parameters: ['i32'], results: [], body: [0x20, 0, 0x41, 1, 0x36, 2, 0] },
  { name: 'unreachable', parameters: [], results: [], body: [0x00] },
  { name: 'divide', parameters: ['i32', 'i32'], results: ['i32'], body: [0x20, 0, 0x20, 1, 0x6d] },
  { name: 'truncate', parameters: ['f64'], results: ['i32'], body: [0x20, 0, 0xaa] },
  {
    name: 'deep',
    parameters: ['i32'],
    results: ['i32'],
    body: [0x20, 0, 0x41, 1, 0x6a, 0x10, 5, 0x41, 1, 0x6a],
  },
  { name: 'indirect', parameters: ['i32'], results: [], body: [0x41, 0, 0x20, 0, 0x11, 1, 0] },
  { name: 'grow', parameters: ['i32'], results: ['i32'], body: [0x20, 0, 0x40, 0] },
];

/** A section or vector in the binary format; every length here is below 128, so one byte of LEB128. */
function sized(content: readonly number[]): number[] {
  if (content.length < 128) return [content.length, ...content];
  return [(content.length & 0x7f) | 0x80, content.length >> 7, ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [items.length, ...items.flat()];
}

/** Assembles the module above; section numbers are those of the WebAssembly specification, 5.5. */
export function trapModule(): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, results }) => [
    0x60,
    ...vector(parameters.map((type) => [typeNumbers[type]])),
    ...vector(results.map((type) => [typeNumbers[type]])),
  ]);
  const exports = functions.map(({ name }, index) => [...sized([...Buffer.from(name)]), 0, index]);
  const code = functions.map(({ body }) => sized([0, ...body, 0x0b]));
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, ...sized(vector(types))],
    ...[3, ...sized(vector(functions.map((_, index) => [index])))],
    ...[4, ...sized(vector([[0x70, 0, 1]]))],
    ...[5, ...sized(vector([[0, 1]]))],
    ...[7, ...sized(vector([[...sized([...Buffer.from('memory')]), 2, 0], ...exports]))],
    ...[10, ...sized(vector(code))],
  ]);
}

/** Compiles and instantiates the module, synchronously. */
export function instantiateTraps(): TrapExports {
  const instance = new wasmApi.Instance(new wasmApi.Module(trapModule()));
  return instance.exports as unknown as TrapExports;
}

/** One call for each kind of trap. */
export function trapCalls(wasm: TrapExports): Record<string, () => unknown> {
  return {
    'load behind the memory': () => wasm.load(65_536),
    'load far behind': () => wasm.load(-8),
    'load across the end': () => wasm.load(65_533),
    'store behind the memory': () => wasm.store(1 << 30),
    unreachable: () => wasm.unreachable(),
    'divide by zero': () => wasm.divide(1, 0),
    'divide overflow': () => wasm.divide(-(2 ** 31), -1),
    'truncate not a number': () => wasm.truncate(Number.NaN),
    'truncate too much': () => wasm.truncate(1e20),
    'empty table slot': () => wasm.indirect(0),
    'table index out of bounds': () => wasm.indirect(77),
    'stack overflow': () => wasm.deep(0),
  };
}

/** Takes every trap again and again; what is counted by message must be the same in every round. */
export function trapRounds(rounds: number): Record<string, number> {
  const wasm = instantiateTraps();
  const counts: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const call of Object.values(trapCalls(wasm))) {
      try {
        call();
      } catch (error) {
        const text = `${(error as Error).name}: ${(error as Error).message}`;
        counts[text] = (counts[text] ?? 0) + 1;
      }
    }
    if (wasm.load(0) !== 0 || wasm.divide(7, 2) !== 3) throw new Error('wrong result after a trap');
  }
  return counts;
}
