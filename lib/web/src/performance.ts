/** performance: the clock of it (High Resolution Time). */
import { webHost } from './host.ts';

export const performance = {
  /** Milliseconds since timeOrigin. */
  now(): number {
    return webHost().now();
  },
  /** When the program began: milliseconds since 1970. */
  get timeOrigin(): number {
    return webHost().timeOrigin;
  },
};
