/** A service that others call: it counts, and misbehaves when it is asked to. The test makes versions of it. */
import type { PlaceableService } from '@runtimejs/system/service/types.ts';

const version = 'version 0';
let count = 0;
const hoard: unknown[] = [];

/** What it serves. */
export interface Counter {
  add(): number;
  version(): string;
  /** Counts up, as fast as it is read. */
  numbers(): AsyncIterable<number>;
  /** Never answers. */
  hang(): void;
  misbehave(how: string): void;
}

const service: PlaceableService = {
  name: 'counter',
  start: () => {},
  serve: () => ({
    add: () => ++count,
    version: () => version,
    async *numbers() {
      for (let number = 0; ; number += 1) yield number;
    },
    hang: () => new Promise(() => {}),
    misbehave: (how: string) => {
      // In turns of their own, so that the answer leaves; what is hoarded comes piece by piece, in short ones.
      const { setTimeout } = globalThis as unknown as {
        setTimeout(run: () => void, ms: number): void;
      };
      const act = (): void => {
        if (how === 'throw') throw new RangeError('it was asked to throw');
        while (how === 'loop') count += 1;
        hoard.push(Array.from({ length: 1000 }, () => ({ count })));
        setTimeout(act, 0);
      };
      setTimeout(act, 20);
    },
  }),
  handOver: () => count,
  takeOver(state) {
    count = Number(state);
  },
};
export default service;
