/** Streams (Streams standard). */
import type { ReadableStream } from 'web-streams-polyfill';
import { loadStreams } from './on-demand.cjs';

export type { ReadableStream } from 'web-streams-polyfill';

let loaded: ReturnType<typeof loadStreams> | undefined;

/** The classes: evaluated with the first use, because most requests need none. */
export function streams(): ReturnType<typeof loadStreams> {
  loaded ??= loadStreams();
  return loaded;
}

/** Whether something is a ReadableStream; before the first use of the class nothing is. */
export function isReadableStream(value: unknown): value is ReadableStream<Uint8Array> {
  return loaded !== undefined && value instanceof loaded.ReadableStream;
}
