// A service for other isolates.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';

export interface Calculator {
  map(
    values: readonly number[],
    change: (value: number) => number | Promise<number>,
  ): Promise<number[]>;
  divide(dividend: number, divisor: number): number;
  never(): Promise<void>;
}

const calculator: Calculator = {
  map: async (values, change) => {
    const changed: number[] = [];
    for (const value of values) changed.push(await change(value));
    return changed;
  },
  divide: (dividend, divisor) => {
    if (divisor === 0) throw new RangeError('nothing can be divided by 0');
    return dividend / divisor;
  },
  never: () => new Promise(() => {}),
};

export default ({ channel }: IsolateContext): void => {
  connect(channel, { serve: calculator });
};
