/** V8's code cache of the system isolate's bundle, made on the build host. */
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

/** What comes before the source map, at the end of a bundle; the isolate's host splits there, too. */
const sourceMapComment = '\n//# sourceMappingURL=';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are part of ASCII.
const ascii = /^[\x00-\x7f]*$/;

/**
 * Makes V8's code cache for a bundle, with all functions compiled: the isolate then starts without
 * parsing and compiling. It only serves the very V8 that runs here; another one refuses it and
 * compiles. It must stay with its bundle: V8 tells sources apart by their length only.
 * @param bundle content of the bundle, ASCII: the isolate's host takes a script with a cache for that
 * @throws when the bundle is not ASCII
 */
export function systemCodeCache(bundle: string): Uint8Array {
  if (!ascii.test(bundle)) throw new Error('The system bundle must be ASCII to have a code cache.');
  const end = bundle.lastIndexOf(sourceMapComment);
  const code = end < 0 ? bundle : bundle.slice(0, end);
  // The flags are the default ones again when the cache is made: they are part of what V8 compares.
  setFlagsFromString('--no-lazy');
  setFlagsFromString('--no-flush-bytecode');
  let script: Script;
  try {
    script = new Script(code, { filename: '/system/main.js' });
  } finally {
    setFlagsFromString('--lazy');
    setFlagsFromString('--flush-bytecode');
  }
  return script.createCachedData();
}
