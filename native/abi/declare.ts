/**
 * The vocabulary in which kernel.abi.ts and bindings.abi.ts are written: plain data with types, so
 * that each emitter is a function from declaration to text. Nothing here knows C++, V8 or
 * TypeScript syntax.
 */

/**
 * How a 64-bit value is shown to JavaScript: `number` loses precision above 2^53, `bigint` never
 * does.
 */
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
export function constant(
  name: string,
  type: 'u32' | 'u64',
  value: number | bigint,
  doc: string,
): Constant {
  return { name, type, value, doc };
}

/**
 * Where each field of a structure lies, and how large the whole is: C's rules for naturally aligned
 * scalars.
 */
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

/** What a function fills in for a binding that gives memory to JavaScript. */
export const memoryRange: Structure = structure(
  'RuntimeMemoryRange',
  'Memory that the kernel lets the system isolate use.',
  [field('address', 'u64', 'Where it begins.'), field('size', 'u64', 'Bytes.')],
);

/**
 * A kind of isolate that bindings are made for. `system`: the bare isolates that have the machine's devices;
 * `bare`: those that they start, which have nothing but channels; `app`: Node's, by the addon; `node`: Node's, by the
 * shim, for what starts isolates and speaks to them.
 */
export type IsolateKind = 'system' | 'bare' | 'app' | 'node';

/** What JavaScript passes, and how it reaches C. */
export type ArgumentType =
  /** A number, checked to be an integer between two bounds. */
  | {
      readonly kind: 'integer';
      readonly type: 'u32' | 'i32';
      readonly least: number;
      readonly most: number;
    }
  /** A number between two bounds, as a double; for functions of the host. */
  | { readonly kind: 'number'; readonly least: number; readonly most: number }
  /** A string; C gets UTF-8 and its length. */
  | { readonly kind: 'text' }
  /** A Uint8Array that C writes; C gets its address and length. */
  | { readonly kind: 'bytes' }
  /** A Uint8Array that C reads; C gets its address and length. */
  | { readonly kind: 'source' }
  /** A function, for the host to call later; `type` is its TypeScript type. */
  | { readonly kind: 'callback'; readonly type: string }
  /** Anything, for the host. */
  | { readonly kind: 'any' }
  /** A BigUint64Array whose first element C reads and updates. */
  | { readonly kind: 'cursor' }
  /** An object whose properties are set from a structure that C fills. */
  | { readonly kind: 'fill'; readonly structure: Structure };

/** An argument of a binding. */
export interface Argument {
  readonly name: string;
  readonly type: ArgumentType;
  readonly doc: string;
}

/** What a binding gives back to JavaScript. */
export type Result =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'never' }
  /** The object that the `fill` argument named. */
  | { readonly kind: 'filled' }
  | { readonly kind: 'scalar'; readonly type: Scalar; readonly shown: Shown; readonly doc: string }
  /**
   * C returns an i32, and a negative one is an error number of Linux: it is thrown as an Error that
   * names function and error, with the error's name in `code`. Otherwise JavaScript gets what
   * `gives` says: the number, the object that the `fill` argument named, or nothing.
   */
  | {
      readonly kind: 'checked';
      readonly gives: 'number' | 'filled' | 'nothing';
      readonly doc?: string;
    }
  /**
   * As `checked`; C also gets a RuntimeMemoryRange to fill, and JavaScript an ArrayBuffer over that
   * memory, which nobody frees.
   */
  | { readonly kind: 'memory'; readonly doc: string }
  /** A JavaScript value that the host makes; `type` is its TypeScript type. */
  | { readonly kind: 'value'; readonly type: string; readonly doc: string };

/** A function that JavaScript may call. */
export interface Binding {
  readonly name: string;
  readonly doc: string;
  readonly isolates: readonly IsolateKind[];
  /**
   * Who answers: a function of the kernel interface, or a method of the isolate's host
   * (native/shim).
   */
  readonly calls: { readonly kernel: string } | { readonly host: string };
  readonly arguments: readonly Argument[];
  readonly returns: Result;
  /**
   * Optimised code of a bare isolate calls C directly (V8's fast API calls): for functions of
   * numbers and memory that are called for each packet or message. Numbers are converted as by Number()
   * before they are checked, because optimised code does not tell null and booleans from numbers.
   */
  readonly fast?: boolean;
}

/** Bindings that belong together: one object in JavaScript. */
export interface BindingGroup {
  readonly name: string;
  readonly doc: string;
  readonly bindings: readonly Binding[];
}

/** An argument of a binding. */
export function argument(name: string, type: ArgumentType, doc: string): Argument {
  return { name, type, doc };
}

/** A binding. */
export function binding(description: Binding): Binding {
  return description;
}

/** A group of bindings. */
export function bindingGroup(
  name: string,
  doc: string,
  bindings: readonly Binding[],
): BindingGroup {
  return { name, doc, bindings };
}

/** The groups that a kind of isolate gets, or several kinds together, with only their bindings in them. */
export function groupsFor(
  kinds: IsolateKind | readonly IsolateKind[],
  groups: readonly BindingGroup[],
): readonly BindingGroup[] {
  return groups
    .map((group) => ({
      ...group,
      bindings: group.bindings.filter(({ isolates }) =>
        isolates.some((kind) => kinds.includes(kind)),
      ),
    }))
    .filter(({ bindings }) => bindings.length > 0);
}

/** The C parameters that an argument becomes. */
function parameterTypes({ type }: Argument): readonly ParameterType[] {
  switch (type.kind) {
    case 'integer':
      return [type.type];
    case 'number':
    case 'callback':
    case 'any':
      throw new Error('Kernel functions take neither doubles nor functions nor objects.');
    case 'text':
    case 'source':
      return ['bytes-in', 'size'];
    case 'bytes':
      return ['bytes-out', 'size'];
    case 'cursor':
      return ['u64-in-out'];
    case 'fill':
      return [type.structure];
  }
}

/** What the function that a binding calls returns. */
function returnedType(returns: Result): KernelFunction['returns'] {
  switch (returns.kind) {
    case 'scalar':
      return returns.type;
    case 'checked':
    case 'memory':
      return 'i32';
    case 'never':
      return 'never';
    default:
      return 'nothing';
  }
}

const fastKinds: readonly Argument['type']['kind'][] = ['integer', 'number', 'source', 'bytes'];

/** Why a binding cannot be called directly by optimised code, undefined when it can. */
function whyNotFast({ isolates, arguments: passed, returns }: Binding): string | undefined {
  if (isolates.includes('app')) return 'is for bare isolates only';
  if (passed.some(({ type }) => !fastKinds.includes(type.kind)))
    return 'can take nothing but numbers and memory';
  const isNumber =
    returns.kind === 'nothing' ||
    (returns.kind === 'scalar' && returns.shown === 'number') ||
    (returns.kind === 'checked' && returns.gives !== 'filled');
  return isNumber ? undefined : 'can return nothing but a number';
}

/**
 * Throws an error that names the first binding that does not fit the kernel function which it
 * calls, or that cannot be fast.
 */
export function checkBindings(groups: readonly BindingGroup[], kernel: KernelInterface): void {
  for (const group of groups) {
    for (const declared of group.bindings) {
      const { name, calls, arguments: passed, returns } = declared;
      const refuse = (why: string): never => {
        throw new Error(`Binding ${group.name}.${name} ${why}.`);
      };
      const obstacle = declared.fast ? whyNotFast(declared) : undefined;
      if (obstacle !== undefined) refuse(`is fast, which ${obstacle}`);
      if (!('kernel' in calls)) continue;
      const called =
        kernel.functions.find((candidate) => candidate.name === calls.kernel) ??
        refuse(`calls ${calls.kernel}, which the kernel interface does not have`);
      const given = [
        ...passed.flatMap(parameterTypes),
        ...(returns.kind === 'memory' ? [memoryRange] : []),
      ];
      const wanted = called.parameters.map(({ type }) => type);
      if (given.length !== wanted.length || given.some((type, index) => type !== wanted[index])) {
        refuse(`passes other arguments than ${calls.kernel} takes`);
      }
      const result = returnedType(returns);
      if (result !== called.returns)
        refuse(`returns ${result}, ${calls.kernel} returns ${called.returns}`);
    }
  }
}

/** A field of memory that several sides share: an unsigned number, or so many bytes. */
export interface SharedField {
  readonly name: string;
  readonly type: 'u16' | 'u32' | number;
  readonly doc: string;
}

/** A structure in memory that kernel and TypeScript share, of a fixed size. */
export interface SharedLayout {
  readonly name: string;
  readonly doc: string;
  readonly size: number;
  readonly fields: readonly SharedField[];
}

/** A field of shared memory. */
export function shared(name: string, type: SharedField['type'], doc: string): SharedField {
  return { name, type, doc };
}

/** A structure in shared memory; `size` bytes, the last of them unused. */
export function sharedLayout(
  name: string,
  doc: string,
  size: number,
  fields: readonly SharedField[],
): SharedLayout {
  return { name, doc, size, fields };
}

/** Where the fields of a shared structure lie. Throws when they do not fit or are not aligned. */
export function sharedOffsets({ name, size, fields }: SharedLayout): readonly number[] {
  let offset = 0;
  const offsets = fields.map((field) => {
    const bytes = field.type === 'u16' ? 2 : field.type === 'u32' ? 4 : field.type;
    if (offset % Math.min(bytes, 4) !== 0) throw new Error(`${name}.${field.name} is not aligned.`);
    const at = offset;
    offset += bytes;
    return at;
  });
  if (offset > size) throw new Error(`${name} needs ${offset} bytes and has ${size}.`);
  return offsets;
}
