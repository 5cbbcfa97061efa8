/** Values to bytes. See tags.ts for the format. */
import { defaultValueLimits, UnsendableError, type ValueLimits } from './limits.ts';
import { isMoving } from './move.ts';
import { errorKinds, refusedKey, tag, viewKinds } from './tags.ts';
import { ByteWriter } from './writer.ts';

/** What an encoder asks about values that are not data. */
export interface EncoderHost {
  /**
   * What stands for a function, or for an object that is neither data nor an attachment. Called once for each
   * of them. Undefined: it cannot be sent.
   */
  reference(value: object): { readonly kind: number; readonly id: number } | undefined;
  /** Whether an object travels as an attachment, as it is. */
  carries(value: object): boolean;
  /** Whether stacks of errors are sent. */
  readonly sendsStacks: boolean;
  /** Most attachments. */
  readonly mostAttachments: number;
}

/** For data alone: functions, and objects that are not data, are refused. */
export const dataOnly: EncoderHost = {
  reference: () => undefined,
  carries: () => false,
  sendsStacks: true,
  mostAttachments: 64,
};

/** Arrays longer than this are looked at before they are written element by element. */
const longArray = 4096;
const samples = 64;

/** Makes one message after the other; begin() starts the next. */
export class Encoder extends ByteWriter {
  /** ArrayBuffers here are still the sender's: whoever sends the message moves them. */
  readonly attachments: object[] = [];
  readonly #limits: ValueLimits;
  readonly #host: EncoderHost;
  readonly #seen = new Map<object, number>();
  readonly #path: (string | number)[] = [];
  #depth = 0;
  #isBusy = false;

  constructor(host: EncoderHost = dataOnly, limits: ValueLimits = defaultValueLimits) {
    super(limits.bytes);
    this.#host = host;
    this.#limits = limits;
  }

  /** Whether value() is being called: a getter of the value may lead here again. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Begins a message: what was encoded before is forgotten. */
  begin(): void {
    this.clear();
    if (this.#seen.size > 0) this.#seen.clear();
    if (this.attachments.length > 0) this.attachments.length = 0;
  }

  /**
   * Adds a value to the message. Values of one message may share objects.
   * @param name what errors call it, such as `result`; a number is that of an argument
   * @throws UnsendableError that says which part cannot be sent, and why
   */
  value(value: unknown, name: string | number = ''): void {
    this.#isBusy = true;
    this.#path[0] = name;
    this.#depth = 0;
    try {
      this.#write(value);
    } catch (error) {
      if (error instanceof UnsendableError) throw error;
      throw this.#refuse(`reading it failed: ${String(error)}`, { cause: error });
    } finally {
      this.#isBusy = false;
    }
  }

  protected override overflow(): never {
    throw this.#refuse(`its encoding is longer than ${this.#limits.bytes} bytes`);
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.string(value);
        return;
      case 'number':
        this.number(value);
        return;
      case 'boolean':
        this.byte(value ? tag.true : tag.false);
        return;
      case 'undefined':
        this.byte(tag.undefined);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'symbol':
        throw this.#refuse('a symbol means nothing on the other side');
      case 'function':
        this.#object(value);
        return;
      default:
        if (value === null) this.byte(tag.null);
        else this.#object(value as object);
    }
  }

  #object(value: object): void {
    const earlier = this.#seen.get(value);
    if (earlier !== undefined) {
      this.byte(tag.again);
      this.unsigned(earlier);
      return;
    }
    const number = this.#seen.size;
    if (number >= this.#limits.objects) {
      throw this.#refuse(`it consists of more than ${this.#limits.objects} objects`);
    }
    this.#seen.set(value, number);
    this.#depth += 1;
    if (this.#depth > this.#limits.depth) {
      throw this.#refuse(`objects lie in each other more than ${this.#limits.depth} deep`);
    }
    this.#contents(value);
    this.#depth -= 1;
  }

  #contents(value: object): void {
    if (typeof value === 'function') {
      this.#reference(value);
      return;
    }
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype || prototype === null) {
      if (Symbol.asyncIterator in value) this.#reference(value);
      else this.#properties(tag.object, value, Object.keys(value));
    } else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Error) this.#error(value);
    else if (ArrayBuffer.isView(value)) this.#view(value);
    else if (value instanceof ArrayBuffer) this.#buffer(value);
    else if (value instanceof Map) this.#map(value);
    else if (value instanceof Set) this.#set(value);
    else if (value instanceof Date) {
      this.byte(tag.date);
      this.double(Date.prototype.getTime.call(value));
    } else if (value instanceof RegExp) {
      this.byte(tag.regExp);
      this.string(value.source);
      this.string(value.flags);
    } else if (value instanceof SharedArrayBuffer || this.#host.carries(value)) {
      this.#attachment(value);
    } else if (
      value instanceof Number ||
      value instanceof String ||
      value instanceof Boolean ||
      value instanceof BigInt
    ) {
      this.byte(tag.boxed);
      this.#write(value.valueOf());
    } else this.#reference(value);
  }

  #reference(value: object): void {
    const found = this.#host.reference(value);
    if (found === undefined) throw this.#refuse(whyNot(value));
    this.byte(tag.reference);
    this.byte(found.kind);
    this.unsigned(found.id);
  }

  #bigint(value: bigint): void {
    const digits = (value < 0n ? -value : value).toString(16);
    this.byte(tag.bigint);
    this.byte(value < 0n ? 1 : 0);
    this.unsigned(digits.length);
    this.latin1(digits);
  }

  #properties(kind: number, value: object, keys: readonly string[]): void {
    if (kind === tag.object) this.byte(kind);
    this.unsigned(keys.length);
    const depth = this.#depth;
    for (const key of keys) {
      this.#path[depth] = key;
      if (key === refusedKey) throw this.#refuse('a property of this name would be a trap');
      this.string(key);
      const content = (value as Record<string, unknown>)[key];
      if (typeof content === 'function' && key === 'then') {
        throw this.#refuse('the object would be taken for a promise');
      }
      this.#write(content);
    }
    this.#path.length = depth;
  }

  #array(value: readonly unknown[]): void {
    const { length } = value;
    if (length > longArray && isSparse(value)) {
      this.#sparseArray(value);
      return;
    }
    this.byte(tag.array);
    this.unsigned(length);
    const depth = this.#depth;
    for (let index = 0; index < length; index += 1) {
      const element = value[index];
      this.#path[depth] = index;
      if (element === undefined && !(index in value)) this.byte(tag.hole);
      else this.#write(element);
    }
    this.#path.length = depth;
  }

  #sparseArray(value: readonly unknown[]): void {
    const indices = Object.keys(value).map(Number).filter(Number.isInteger);
    this.byte(tag.sparseArray);
    this.unsigned(value.length);
    this.unsigned(indices.length);
    const depth = this.#depth;
    for (const index of indices) {
      this.#path[depth] = index;
      this.unsigned(index);
      this.#write(value[index]);
    }
    this.#path.length = depth;
  }

  #map(value: Map<unknown, unknown>): void {
    const entries = [...Map.prototype.entries.call(value)];
    this.byte(tag.map);
    this.unsigned(entries.length);
    const depth = this.#depth;
    for (const [key, content] of entries) {
      this.#path[depth] = `(a key)`;
      this.#write(key);
      this.#path[depth] = typeof key === 'object' ? '(a value)' : String(key);
      this.#write(content);
    }
    this.#path.length = depth;
  }

  #set(value: Set<unknown>): void {
    const entries = [...Set.prototype.values.call(value)];
    this.byte(tag.set);
    this.unsigned(entries.length);
    const depth = this.#depth;
    this.#path[depth] = '(an element)';
    for (const entry of entries) this.#write(entry);
    this.#path.length = depth;
  }

  #error(value: Error): void {
    const { name, message, stack } = value;
    let kind = errorKinds.findIndex((Kind) => Kind.name === name);
    if (kind < 0) kind = errorKinds.findLastIndex((Kind) => value instanceof Kind);
    this.byte(tag.error);
    this.byte(Math.max(kind, 0));
    this.string(String(name));
    this.string(String(message));
    if (this.#host.sendsStacks && typeof stack === 'string') this.string(stack);
    else this.byte(tag.undefined);
    const keys = Object.keys(value).filter((key) => !ownKeysOfErrors.includes(key));
    if (Object.hasOwn(value, 'cause') && !keys.includes('cause')) keys.push('cause');
    if (value instanceof AggregateError && !keys.includes('errors')) keys.push('errors');
    this.#properties(tag.error, value, keys);
  }

  #buffer(value: ArrayBuffer): void {
    if (value.detached) throw this.#refuse('this buffer has been moved away already');
    if (isMoving(value)) {
      this.#attachment(value);
      return;
    }
    this.byte(tag.buffer);
    this.unsigned(value.byteLength);
    this.copy(new Uint8Array(value));
  }

  #view(value: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = value;
    if (buffer instanceof ArrayBuffer && buffer.detached) {
      throw this.#refuse('its buffer has been moved away already');
    }
    const kind = kindOfView(value) ?? this.#unknownView();
    const width = 'BYTES_PER_ELEMENT' in value ? (value.BYTES_PER_ELEMENT as number) : 1;
    this.byte(tag.view);
    this.byte(kind);
    // Of a view that is copied only what it shows goes along: the rest of its buffer is none of the peer's business.
    const isWhole =
      !(buffer instanceof ArrayBuffer) || isMoving(buffer) || byteLength === buffer.byteLength;
    this.unsigned(isWhole ? byteOffset : 0);
    this.unsigned(byteLength / width);
    if (isWhole) this.#object(buffer);
    else {
      this.#seen.set({}, this.#seen.size);
      this.byte(tag.buffer);
      this.unsigned(byteLength);
      this.copy(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }

  #unknownView(): never {
    throw this.#refuse('it is a view of a kind that this version does not know');
  }

  #attachment(value: object): void {
    if (this.attachments.length >= this.#host.mostAttachments) {
      throw this.#refuse(`more than ${this.#host.mostAttachments} attachments are in one message`);
    }
    this.byte(tag.attachment);
    this.unsigned(this.attachments.length);
    this.attachments.push(value);
  }

  #refuse(why: string, options?: ErrorOptions): UnsendableError {
    const [first = ''] = this.#path;
    let path = typeof first === 'number' ? `arguments[${first}]` : first;
    for (const part of this.#path.slice(1, this.#depth + 1)) {
      path += typeof part === 'number' ? `[${part}]` : part.startsWith('(') ? part : `.${part}`;
    }
    return new UnsendableError(path, why, options);
  }
}

const numbersOfViews = new Map<string, number>(viewKinds.map(({ name }, number) => [name, number]));
/** Says of what kind a typed array is, whatever its class and its own properties say, and nothing of other objects. */
const nameOfTypedArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as () => string | undefined;

/** @returns its number in viewKinds */
function kindOfView(value: ArrayBufferView): number | undefined {
  return numbersOfViews.get(Reflect.apply(nameOfTypedArray, value, []) ?? DataView.name);
}

const ownKeysOfErrors = ['name', 'message', 'stack'];

/** Whether most elements are missing, judged by a few. */
function isSparse(value: readonly unknown[]): boolean {
  let missing = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    if (!(Math.floor((value.length * sample) / samples) in value)) missing += 1;
  }
  return missing > samples / 2;
}

function whyNot(value: object): string {
  if (typeof value === 'function') return 'functions go only through remote calls';
  if (value instanceof Promise) return 'it is a promise: await it first';
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    return 'what it holds weakly cannot be told';
  }
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  const what =
    typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'no plain object';
  return `it is ${what}: pass remote(value, ['method', ...]) as a reference to it, or a plain object as a copy`;
}
