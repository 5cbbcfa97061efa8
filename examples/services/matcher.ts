// Looks for patterns in texts. What users send may take for ever: it has an isolate of its own, which ends then.
import type { PlaceableService } from '@runtimejs/system/service/types.ts';

/** What it serves. */
export interface Matcher {
  /** All that a pattern finds. @throws SyntaxError when it is none */
  find(pattern: string, text: string): string[];
}

const matcher: Matcher = {
  find: (pattern, text) => text.match(new RegExp(pattern, 'gu')) ?? [],
};

const service: PlaceableService = {
  name: 'matcher',
  start: () => {},
  serve: () => ({ find: matcher.find }),
};
export default service;
