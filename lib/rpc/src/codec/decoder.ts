/** Bytes to values. The bytes may be hostile, and may change while they are read: each is read once. */
import { DecodeError, defaultValueLimits, type ValueLimits } from './limits.ts';
import { Names } from './names.ts';
import { errorKinds, refusedKey, tag, viewKinds } from './tags.ts';

/** What a decoder asks about values that are not data. */
export interface DecoderHost {
  /**
   * What a reference stands for. It throws a DecodeError by way of `refuse` when nobody can have sent that.
   */
  reference(kind: number, id: number, refuse: (why: string) => never): unknown;
}

/** For data alone. */
const dataOnly: DecoderHost = {
  reference: (_kind, _id, refuse) => refuse('a reference is not data'),
};

const nothing = new Uint8Array(0);
const none: readonly object[] = [];
/** A number's bytes: a view of the message's own memory would cost more to make than to copy them. */
const eight = new Uint8Array(8);
const eightView = new DataView(eight.buffer);
/** Elements that are passed to a function at once. */
const piece = 4096;
/** From this length on an array's missing elements take no memory: V8 then keeps a dictionary. */
const dictionaryLength = 4096;

/** Reads one message after the other; begin() starts the next. */
export class Decoder {
  readonly #limits: ValueLimits;
  readonly #host: DecoderHost;
  #bytes: Uint8Array = nothing;
  #at = 0;
  #end = 0;
  #attachments: readonly object[] = none;
  /** Values by number. Undefined: not whole yet, and nothing may name it. */
  #objects: (object | undefined)[] = [];
  #depth = 0;
  readonly #names = new Names();
  readonly #refuse = (why: string): never => {
    throw new DecodeError(this.#at, why);
  };

  constructor(host: DecoderHost = dataOnly, limits: ValueLimits = defaultValueLimits) {
    this.#host = host;
    this.#limits = limits;
  }

  /**
   * Begins with a message.
   * @param start where in the bytes it begins
   */
  begin(bytes: Uint8Array, attachments: readonly object[] = none, start = 0): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = bytes.length;
    this.#attachments = attachments;
    if (this.#objects.length > 0) this.#objects = [];
    this.#depth = 0;
  }

  /** Forgets the message, so that nothing of it is kept alive. */
  finish(): void {
    if (this.#attachments.length > 0) this.#attachments = none;
    if (this.#objects.length > 0) this.#objects = [];
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) this.#refuse('it ends too early');
    return this.#bytes[this.#at++] as number;
  }

  /** A whole number from 0 to 2^53 - 1. */
  unsigned(): number {
    let value = this.byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let factor = 0x80; factor <= 2 ** 49; factor *= 0x80) {
      const next = this.byte();
      value += (next & 0x7f) * factor;
      if (next < 0x80) {
        return value <= Number.MAX_SAFE_INTEGER ? value : this.#refuse('a number is too large');
      }
    }
    return this.#refuse('a number is too long');
  }

  /** A string's value. */
  string(): string {
    const kind = this.byte();
    if (kind === tag.latin1) return this.#latin1();
    if (kind === tag.utf16) return this.#utf16();
    return this.#refuse('a string is missing');
  }

  /** A string's value, quicker than string() when it was read before. */
  name(): string {
    if (this.#bytes[this.#at] !== tag.latin1) return this.string();
    this.#at += 1;
    const length = this.#count(1);
    const known = this.#names.find(this.#bytes, this.#at, length);
    if (known !== undefined) {
      this.#at += length;
      return known;
    }
    const text = this.#characters(length);
    this.#names.keep(text);
    return text;
  }

  /**
   * Reads a value.
   * @throws DecodeError when the bytes are none, or ask for too much
   */
  value(): unknown {
    const kind = this.byte();
    switch (kind) {
      case tag.undefined:
        return undefined;
      case tag.null:
        return null;
      case tag.false:
        return false;
      case tag.true:
        return true;
      case tag.integer: {
        const zigzag = this.unsigned();
        if (zigzag > 0xffff_ffff) this.#refuse('an integer is too large');
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
      case tag.double:
        return this.#double();
      case tag.bigint:
        return this.#bigint();
      case tag.latin1:
        return this.#latin1();
      case tag.utf16:
        return this.#utf16();
      case tag.again:
        return (
          this.#objects[this.unsigned()] ??
          this.#refuse('an earlier value is named that is not there')
        );
      default:
        return this.#object(kind);
    }
  }

  #object(kind: number): unknown {
    if (this.#objects.length >= this.#limits.objects) {
      this.#refuse(`it consists of more than ${this.#limits.objects} objects`);
    }
    this.#depth += 1;
    if (this.#depth > this.#limits.depth) {
      this.#refuse(`objects lie in each other more than ${this.#limits.depth} deep`);
    }
    const value = this.#contents(kind);
    this.#depth -= 1;
    return value;
  }

  #contents(kind: number): unknown {
    switch (kind) {
      case tag.object:
        return this.#properties(this.#keep({}));
      case tag.array:
        return this.#array();
      case tag.sparseArray:
        return this.#sparseArray();
      case tag.date:
        return this.#keep(new Date(this.#double()));
      case tag.regExp:
        return this.#regExp();
      case tag.map: {
        const map = this.#keep(new Map<unknown, unknown>());
        for (let left = this.#count(2); left > 0; left -= 1) map.set(this.value(), this.value());
        return map;
      }
      case tag.set: {
        const set = this.#keep(new Set<unknown>());
        for (let left = this.#count(1); left > 0; left -= 1) set.add(this.value());
        return set;
      }
      case tag.error:
        return this.#error();
      case tag.boxed:
        return this.#boxed();
      case tag.buffer: {
        const length = this.#count(1);
        const bytes = this.#keep(new ArrayBuffer(length));
        new Uint8Array(bytes).set(this.#bytes.subarray(this.#at, this.#at + length));
        this.#at += length;
        return bytes;
      }
      case tag.attachment:
        return this.#keep(
          this.#attachments[this.unsigned()] ?? this.#refuse('an attachment is missing'),
        );
      case tag.view:
        return this.#viewOfBuffer();
      case tag.reference: {
        const number = this.#objects.push(undefined) - 1;
        const value = this.#host.reference(this.byte(), this.unsigned(), this.#refuse);
        this.#objects[number] = value as object;
        return value;
      }
      default:
        return this.#refuse(`nothing has the tag ${kind}`);
    }
  }

  #keep<T extends object>(value: T): T {
    this.#objects.push(value);
    return value;
  }

  /** How many things follow, of which each takes so many bytes at least: more than there are is refused at once. */
  #count(leastBytes: number): number {
    const count = this.unsigned();
    if (count * leastBytes > this.#end - this.#at) this.#refuse('it ends too early');
    return count;
  }

  #double(): number {
    if (this.#at + 8 > this.#end) this.#refuse('it ends too early');
    for (let index = 0; index < 8; index += 1) {
      eight[index] = this.#bytes[this.#at++] as number;
    }
    return eightView.getFloat64(0, true);
  }

  #bigint(): bigint {
    const sign = this.byte();
    const digits = this.#latin1();
    if (sign > 1 || !/^[0-9a-f]+$/.test(digits)) this.#refuse('a bigint is no number');
    const value = BigInt(`0x${digits}`);
    return sign === 1 ? -value : value;
  }

  #latin1(): string {
    return this.#characters(this.#count(1));
  }

  /** Characters of a byte each, that are there. */
  #characters(length: number): string {
    const bytes = this.#bytes;
    const start = this.#at;
    this.#at += length;
    if (length <= 24) {
      let text = '';
      for (let at = start; at < start + length; at += 1)
        text += String.fromCharCode(bytes[at] as number);
      return text;
    }
    let text = '';
    for (let at = start; at < start + length; at += piece) {
      text += String.fromCharCode(...bytes.subarray(at, Math.min(at + piece, start + length)));
    }
    return text;
  }

  #utf16(): string {
    const length = this.#count(2);
    const codes = new Uint16Array(Math.min(length, piece));
    let text = '';
    for (let done = 0; done < length; done += codes.length) {
      const size = Math.min(codes.length, length - done);
      for (let index = 0; index < size; index += 1) {
        codes[index] =
          (this.#bytes[this.#at++] as number) | ((this.#bytes[this.#at++] as number) << 8);
      }
      text += String.fromCharCode(...codes.subarray(0, size));
    }
    return text;
  }

  #properties<T extends object>(into: T): T {
    for (let left = this.#count(2); left > 0; left -= 1) {
      const key = this.name();
      if (key === refusedKey) this.#refuse('a property is named __proto__');
      const value = this.value();
      if (key === 'then' && typeof value === 'function') this.#refuse('it looks like a promise');
      // Assigning is quicker, but would ask what Object.prototype has of that name, which may be frozen.
      if (key in into) define(into, key, value, true);
      else (into as Record<string, unknown>)[key] = value;
    }
    return into;
  }

  #array(): unknown[] {
    const array: unknown[] = this.#keep([]);
    const length = this.#count(1);
    for (let index = 0; index < length; index += 1) {
      if (this.#bytes[this.#at] === tag.hole) {
        this.#at += 1;
        array.length = index + 1;
      } else array[index] = this.value();
    }
    return array;
  }

  #sparseArray(): unknown[] {
    const array: unknown[] = this.#keep([]);
    const length = this.unsigned();
    if (length > 0xffff_ffff || length < dictionaryLength)
      this.#refuse('an array has no such length');
    // The last element alone makes V8 keep a dictionary; setting the length would fill memory up to it.
    array[length - 1] = undefined;
    delete array[length - 1];
    let before = -1;
    for (let left = this.#count(2); left > 0; left -= 1) {
      const index = this.unsigned();
      if (index <= before || index >= length) this.#refuse('an array has no such element');
      array[index] = this.value();
      before = index;
    }
    return array;
  }

  #regExp(): RegExp {
    const source = this.string();
    const flags = this.string();
    try {
      return this.#keep(new RegExp(source, flags));
    } catch {
      return this.#refuse('a regular expression is none');
    }
  }

  #boxed(): object {
    const number = this.#objects.push(undefined) - 1;
    const primitive = this.value();
    if (primitive === null || primitive === undefined || typeof primitive === 'object') {
      return this.#refuse('an object of a primitive has none');
    }
    const value = Object(primitive) as object;
    this.#objects[number] = value;
    return value;
  }

  #error(): Error {
    const Kind = errorKinds[this.byte()] ?? this.#refuse('an error is of no known kind');
    const name = this.string();
    const message = this.string();
    const hasStack = this.#bytes[this.#at] !== tag.undefined;
    const stack = hasStack ? this.string() : undefined;
    if (!hasStack) this.#at += 1;
    const error = this.#keep(
      (Kind as unknown) === AggregateError ? new AggregateError([], message) : new Kind(message),
    );
    if (error.name !== name) define(error, 'name', name, false);
    define(error, 'stack', stack ?? `${name}: ${message}`, false);
    for (let left = this.#count(2); left > 0; left -= 1) {
      const key = this.string();
      if (key === refusedKey) this.#refuse('a property is named __proto__');
      define(error, key, this.value(), key !== 'cause' && key !== 'errors');
    }
    return error;
  }

  #viewOfBuffer(): ArrayBufferView {
    const number = this.#objects.push(undefined) - 1;
    const Kind = viewKinds[this.byte()] ?? this.#refuse('a view is of no known kind');
    const offset = this.unsigned();
    const length = this.unsigned();
    const buffer = this.value();
    if (!(buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer)) {
      return this.#refuse('a view is not of a buffer');
    }
    let view: ArrayBufferView;
    try {
      view = Reflect.construct(Kind, [buffer, offset, length]);
    } catch {
      return this.#refuse('a view lies outside its buffer');
    }
    this.#objects[number] = view;
    return view;
  }
}

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true });
}
