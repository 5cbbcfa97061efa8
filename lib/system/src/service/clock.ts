/** The wall clock as an endpoint: who has it may set the time of day. */
import type { Service } from '../compose.ts';
import { nearPair, serveClient } from './serve.ts';

/** What the endpoint `clock` serves. */
export interface Clock {
  /**
   * Moves the wall clock.
   * @param how at once, or by and by; the latter replaces what is left of the last time
   */
  adjust(nanoseconds: bigint, how: 'step' | 'slew'): void;
}

const nanosecondsPerSecond = 1_000_000_000n;

/** Offers it. */
export function clock(): Service {
  return {
    name: 'clock',
    start: ({ bindings, switchboard }) => {
      const adjust = (nanoseconds: bigint, how: 'step' | 'slew'): void => {
        if (typeof nanoseconds !== 'bigint' || (how !== 'step' && how !== 'slew')) {
          throw new TypeError('adjust() takes nanoseconds as a bigint, and "step" or "slew".');
        }
        bindings.clock.adjust(
          how === 'step' ? 1 : 0,
          Number(nanoseconds / nanosecondsPerSecond),
          Number(nanoseconds % nanosecondsPerSecond),
        );
      };
      switchboard.offer({
        name: 'clock',
        isFar: false,
        pair: nearPair,
        serve: (channel, client) => serveClient(channel, client, () => ({ adjust })),
      });
      return () => Number.POSITIVE_INFINITY;
    },
  };
}
