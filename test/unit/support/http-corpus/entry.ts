/** What an entry of the corpus is. */
import { type Refusal, ruleOf } from '@runtimejs/http/wire/refusal.ts';

/** Bytes, as a string of code units below 256. */
export interface CorpusEntry {
  readonly name: string;
  readonly bytes: string;
  /** Why it is refused; or what the target and the content are. */
  readonly outcome: Refusal | { readonly target: string; readonly content: string };
  /** Where that is written. */
  readonly rule: string;
}

export const host = 'Host: example.test\r\n';

export function refused(name: string, outcome: Refusal, bytes: string): CorpusEntry {
  return { name, outcome, bytes, rule: ruleOf(outcome) };
}

export function taken(
  name: string,
  rule: string,
  target: string,
  content: string,
  bytes: string,
): CorpusEntry {
  return { name, outcome: { target, content }, bytes, rule };
}

export function post(fields: string, content: string): string {
  return `POST / HTTP/1.1\r\n${host}${fields}\r\n${content}`;
}

export function chunked(content: string): string {
  return post('Transfer-Encoding: chunked\r\n', content);
}

export function get(fields: string): string {
  return `GET / HTTP/1.1\r\n${host}${fields}\r\n`;
}
