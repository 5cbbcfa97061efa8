/** structuredClone() (HTML, section 2.7.10). */
import { DOMException } from './dom-exception.ts';
import { webHost } from './host.ts';

/**
 * Copies a value deeply.
 * @param options ArrayBuffers in `transfer` are detached here; nothing else can be transferred
 */
export function structuredClone<Value>(
  value: Value,
  options: { readonly transfer?: readonly unknown[] } = {},
): Value {
  const transfer = options.transfer ?? [];
  for (const one of transfer) {
    if (!(one instanceof ArrayBuffer) || one.detached) {
      throw new DOMException('Only an ArrayBuffer can be transferred, once.', 'DataCloneError');
    }
  }
  let copy: Value;
  try {
    copy = webHost().clone(value) as Value;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new DOMException(text, 'DataCloneError');
  }
  for (const one of transfer) (one as ArrayBuffer).transfer();
  return copy;
}
