/** What one value may be, and why one is not taken. */

/** Bounds of one value, so that no message makes either side allocate without end. */
export interface ValueLimits {
  /** Bytes of a value when it is encoded, without the buffers that move. */
  readonly bytes: number;
  /** How many objects it consists of. */
  readonly objects: number;
  /** How deep objects lie in each other. */
  readonly depth: number;
}

export const defaultValueLimits: ValueLimits = {
  bytes: 16 << 20,
  objects: 250_000,
  depth: 500,
};

/** A value that cannot be sent. Its message names the part, such as `arguments[0].callback`. */
export class UnsendableError extends TypeError {
  override readonly name = 'UnsendableError';
  /** Where in the value, such as `[0].callback`. */
  readonly path: string;

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`${path === '' ? 'The value' : path} cannot be sent: ${why}`, options);
    this.path = path;
  }
}

/** Bytes that no value's encoding is, or that ask for too much. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  /** Where in the bytes. */
  readonly offset: number;

  constructor(offset: number, why: string) {
    super(`A value could not be read at byte ${offset}: ${why}`);
    this.offset = offset;
  }
}
