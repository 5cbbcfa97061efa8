/**
 * Requests that are malformed, or that two recipients could read differently: what each must become, and by which rule.
 * Gathered from the RFCs' rules and from what is publicly known of request smuggling.
 */
import { chunks } from './http-corpus/chunks.ts';
import type { CorpusEntry } from './http-corpus/entry.ts';
import { expectations, fields, hosts, lines } from './http-corpus/fields.ts';
import { codings, lengths } from './http-corpus/framing.ts';
import { requestLine, targets } from './http-corpus/request-line.ts';

export const corpus: readonly CorpusEntry[] = [
  ...requestLine,
  ...targets,
  ...lines,
  ...fields,
  ...hosts,
  ...lengths,
  ...codings,
  ...chunks,
  ...expectations,
];

/** Bytes of a string of code units below 256. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
