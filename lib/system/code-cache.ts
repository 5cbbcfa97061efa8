/** V8's code cache of the system isolate's bundle, made on the build host. */
import { execFileSync } from 'node:child_process';
import { extname, join } from 'node:path';

/** What comes before the source map, at the end of a bundle; the isolate's host splits there, too. */
const sourceMapComment = '\n//# sourceMappingURL=';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are part of ASCII.
const ascii = /^[\x00-\x7f]*$/;

const largestCache = 256 * 1024 * 1024;

/**
 * What the isolates of the process come from that takes the cache: the snapshot of Node, or V8's own where there is
 * no Node, as beneath a bare app. V8 refuses a cache that was made beside the other one.
 */
export type StartupSnapshot = 'Node' | 'V8';

/**
 * Makes V8's code cache for a bundle, with all functions compiled: the isolate then starts without
 * parsing and compiling. It only serves the very V8 that runs here; another one refuses it and
 * compiles. It must stay with its bundle: V8 tells sources apart by their length only. The same
 * bundle always gives the same bytes.
 * @param bundle content of the bundle, ASCII: the isolate's host takes a script with a cache for that
 * @param snapshot what the isolate comes from
 * @throws when the bundle is not ASCII, or not a script
 */
export function systemCodeCache(bundle: string, snapshot: StartupSnapshot): Uint8Array {
  if (!ascii.test(bundle)) throw new Error('The system bundle must be ASCII to have a code cache.');
  const end = bundle.lastIndexOf(sourceMapComment);
  // A process of its own, because what V8 has compiled before shows in the cache; a fixed seed, because
  // hash tables are stored in their order. The isolate that reads the cache orders them by its own seed.
  const words = [
    '--hash-seed=1',
    ...(snapshot === 'V8' ? ['--no-node-snapshot'] : []),
    join(import.meta.dirname, `compile${extname(import.meta.filename)}`),
  ];
  return execFileSync(process.execPath, words, {
    input: end < 0 ? bundle : bundle.slice(0, end),
    env: {},
    maxBuffer: largestCache,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
