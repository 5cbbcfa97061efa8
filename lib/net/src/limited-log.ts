/** A log that peers cannot flood: whatever they send, only so many lines come of it. */
import type { Clock, Counters, Environment } from './environment.ts';
import { TokenBucket } from './storage/token-bucket.ts';

/** Lines at once: several interfaces that are configured at the same time need about ten each. */
const burst = 100;
/** Lines a second in the long run. The console is a serial line that the app shares. */
const perSecond = 0.2;

/**
 * Bounds a log. What is left out is counted, and told before the next line that is let through.
 * @param counters its `lines` and `dropLines` are counted up
 */
export function limitLog(
  log: Environment['log'],
  clock: Clock,
  counters: Counters,
): Environment['log'] {
  const bucket = new TokenBucket(perSecond, burst);
  let missing = 0;
  return (level, text) => {
    if (!bucket.take(clock.now)) {
      missing += 1;
      counters.dropLines = (counters.dropLines ?? 0) + 1;
      return;
    }
    if (missing > 0) log('warn', `network: ${missing} lines were left out, there were too many`);
    missing = 0;
    counters.lines = (counters.lines ?? 0) + 1;
    log(level, text);
  };
}
