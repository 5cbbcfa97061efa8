/** Buffers that move instead of being copied. */

const moving = new WeakSet<ArrayBuffer>();

/**
 * Says that a buffer moves with the next message that it is in: nothing is copied, and this side's is detached as
 * soon as the message is made. Without this, buffers and views are copied.
 * @param value an ArrayBuffer, or a view, with which its whole buffer moves
 * @returns the same value
 * @throws TypeError when it has been moved away already, or is shared memory
 */
export function move<T extends ArrayBuffer | ArrayBufferView>(value: T): T {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError('Shared memory cannot be moved.');
  if (buffer.detached) throw new TypeError('This buffer has been moved away already.');
  moving.add(buffer);
  return value;
}

/** Whether a buffer is to move. */
export function isMoving(buffer: ArrayBuffer): boolean {
  return moving.has(buffer);
}
