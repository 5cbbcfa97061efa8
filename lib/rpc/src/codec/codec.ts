/** One value as bytes, and back: for those who need no calls. */
import type { Attachment } from '../channel.ts';
import { Decoder } from './decoder.ts';
import { dataOnly, Encoder } from './encoder.ts';
import { DecodeError, defaultValueLimits, type ValueLimits } from './limits.ts';

/** A value on its way. */
export interface EncodedValue {
  readonly bytes: Uint8Array;
  /** What is not bytes: buffers of move(), and shared memory. */
  readonly attachments: readonly Attachment[];
}

/**
 * Encodes a value: primitives but symbols, plain objects, arrays with holes, Map, Set, Date, RegExp, errors, buffers,
 * views; with cycles and shared references. Getters are read, properties by symbols and those of
 * arrays beside their elements are left out.
 * @throws UnsendableError for anything else, by its path
 */
export function encodeValue(
  value: unknown,
  limits: ValueLimits = defaultValueLimits,
): EncodedValue {
  const encoder = new Encoder(dataOnly, limits);
  encoder.begin();
  encoder.value(value);
  const attachments = encoder.attachments.map((item) =>
    item instanceof ArrayBuffer ? item.transfer() : item,
  );
  return { bytes: encoder.bytes, attachments };
}

/**
 * The value that was encoded.
 * @throws DecodeError when the bytes are no value, or one beyond the limits
 */
export function decodeValue(
  encoded: EncodedValue,
  limits: ValueLimits = defaultValueLimits,
): unknown {
  const decoder = new Decoder(undefined, limits);
  decoder.begin(encoded.bytes, encoded.attachments);
  const value = decoder.value();
  if (!decoder.isAtEnd) throw new DecodeError(encoded.bytes.length, 'more follows than a value');
  return value;
}
