/** Bytes that throw when something outside a range of them is read: for parsers. */

/** Views `bytes` so that single bytes can be read from `from` up to `to` only; writes throw. */
export function guard(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string') {
        const index = Number(key);
        if (Number.isInteger(index)) {
          if (index < from || index >= to) {
            throw new RangeError(`byte ${index} was read, outside of ${from} to ${to}`);
          }
          return target[index];
        }
        if (key === 'NaN' || key === 'undefined') throw new RangeError(`byte ${key} was read`);
      }
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'subarray' || key === 'slice') {
        return (begin = 0, end = target.length) => {
          if (begin < from || end > to || begin > end) {
            throw new RangeError(`bytes ${begin} to ${end} were read, outside of ${from} to ${to}`);
          }
          return target.slice(begin, end);
        };
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set(_target, key) {
      throw new RangeError(`byte ${String(key)} was written by a parser`);
    },
  });
}
