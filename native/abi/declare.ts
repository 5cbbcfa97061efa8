/**
 * The vocabulary in which kernel.abi.ts and bindings.abi.ts are written: plain data with types, so that each emitter
 * is a function from declaration to text. Nothing here knows C++, V8 or TypeScript syntax.
 */

/** How a 64-bit value is shown to JavaScript: `number` loses precision above 2^53, `bigint` never does. */
export type Shown = 'number' | 'bigint';

/** A value passed in a register or held in a structure's field. */
export type Scalar = 'u32' | 'i32' | 'u64' | 'size';

/** Sizes in bytes of the scalars on x86-64 (System V ABI, figure 3.1); alignment equals size. */
export const scalarSize: Readonly<Record<Scalar, number>> = { u32: 4, i32: 4, u64: 8, size: 8 };

/** A field of a shared structure. */
export interface Field {
  readonly name: string;
  readonly type: Scalar;
  readonly shown: Shown;
  readonly doc: string;
}

/** A structure that both sides of the interface read and write, laid out as C lays it out. */
export interface Structure {
  readonly name: string;
  readonly doc: string;
  readonly fields: readonly Field[];
}

/** Type of a kernel function's parameter. */
export type ParameterType =
  | Scalar
  /** `const char*`: bytes that the function reads. */
  | 'bytes-in'
  /** `char*`: bytes that the function writes. */
  | 'bytes-out'
  /** `uint64_t*`: read, then updated. */
  | 'u64-in-out'
  /** Pointer to a structure that the function fills. */
  | Structure;

/** A parameter of a kernel function. */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly doc: string;
}

/** A function that the kernel offers to the shim and the addon. */
export interface KernelFunction {
  readonly name: string;
  readonly doc: string;
  readonly parameters: readonly Parameter[];
  readonly returns: Scalar | 'nothing' | 'never';
  /** What the result is, with its unit. */
  readonly returnsDoc?: string;
}

/** A named number that both sides agree on. */
export interface Constant {
  readonly name: string;
  readonly value: number | bigint;
  readonly type: 'u32' | 'u64';
  readonly doc: string;
}

/** Everything in kernel_interface.h. */
export interface KernelInterface {
  readonly name: string;
  readonly version: number;
  readonly doc: string;
  readonly constants: readonly Constant[];
  readonly structures: readonly Structure[];
  readonly functions: readonly KernelFunction[];
}

/** A field. Byte and event counts are shown as `number`; pass `bigint` for nanoseconds. */
export function field(name: string, type: Scalar, doc: string, shown: Shown = 'number'): Field {
  return { name, type, doc, shown };
}

/** A shared structure. */
export function structure(name: string, doc: string, fields: readonly Field[]): Structure {
  return { name, doc, fields };
}

/** A parameter of a kernel function. */
export function parameter(name: string, type: ParameterType, doc: string): Parameter {
  return { name, type, doc };
}

/** A kernel function. */
export function kernelFunction(description: KernelFunction): KernelFunction {
  return description;
}

/** A shared number. */
export function constant(name: string, type: 'u32' | 'u64', value: number | bigint, doc: string): Constant {
  return { name, type, value, doc };
}

/** Where each field of a structure lies, and how large the whole is: C's rules for naturally aligned scalars. */
export function layout(of: Structure): { offsets: readonly number[]; size: number } {
  let offset = 0;
  let alignment = 1;
  const offsets = of.fields.map(({ type }) => {
    const size = scalarSize[type];
    alignment = Math.max(alignment, size);
    offset = Math.ceil(offset / size) * size;
    const at = offset;
    offset += size;
    return at;
  });
  return { offsets, size: Math.ceil(offset / alignment) * alignment };
}
