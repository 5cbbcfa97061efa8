// An isolate that calls another one as often as it is asked to, and tells how long that took.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { move } from '@runtimejs/rpc/codec/move.ts';
import { type Adder, makeCalls, movesIn } from '../adder.ts';

/** What the app asks for. */
export interface Caller {
  /** Makes calls, so many at a time. @returns calls per second */
  calls(concurrency: number, calls: number): Promise<number>;
  /** Moves a buffer there and back. @returns microseconds, each of the times */
  moves(size: number, times: number): Promise<number[]>;
}

export default ({ channel, capabilities }: IsolateContext): void => {
  const { remote } = connect<Adder>(capabilities.adder as Channel);
  connect<unknown, Caller>(channel, {
    serve: {
      calls: (concurrency, calls) =>
        makeCalls((one, other) => remote.add(one, other), concurrency, calls),
      moves: (size, times) => movesIn((bytes) => remote.back(move(bytes)), size, times),
    },
  });
};
