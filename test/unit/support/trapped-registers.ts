/**
 * Device registers for tests: arrays whose every access goes to a model. Stores are caught by a
 * proxy; drivers load by Atomics.load, which insists on true arrays and is therefore wrapped.
 */
import type { RegisterMemory } from '@runtimejs/platform/platform.ts';

/** The device behind registers. */
export interface RegisterModel {
  read(offset: number, width: 1 | 2 | 4): number;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

type RegisterArray = Uint8Array | Uint16Array | Uint32Array;

const load = Atomics.load;
const trapped = new WeakMap<object, (index: number) => number>();

function trappedLoad(array: RegisterArray, index: number): number {
  const read = trapped.get(array);
  return read === undefined ? load(array, index) : read(index);
}

function trap<Elements extends RegisterArray>(elements: Elements, model: RegisterModel): Elements {
  const width = elements.BYTES_PER_ELEMENT as 1 | 2 | 4;
  const check = (index: number) => {
    if (!Number.isInteger(index) || index < 0 || index >= elements.length) {
      throw new Error(`access to register ${index} of ${elements.length}, ${width} bytes each`);
    }
    return index * width;
  };
  const proxy = new Proxy(elements, {
    set(_target, key, value) {
      model.write(check(Number(key)), width, value);
      return true;
    },
    get() {
      throw new Error('a register is read without Atomics.load');
    },
  });
  trapped.set(proxy, (index) => model.read(check(index), width));
  return proxy;
}

/** Makes registers of `size` bytes with a model behind them. */
export function createRegisters(size: number, model: RegisterModel): RegisterMemory {
  (Atomics as { load: unknown }).load = trappedLoad;
  const buffer = new ArrayBuffer(size);
  return {
    bytes: trap(new Uint8Array(buffer), model),
    halves: trap(new Uint16Array(buffer), model),
    words: trap(new Uint32Array(buffer), model),
    size,
  };
}
