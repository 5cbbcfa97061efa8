// An isolate that answers calls of another one.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { move } from '@runtimejs/rpc/codec/move.ts';
import type { Adder } from '../adder.ts';

export default ({ capabilities }: IsolateContext): void => {
  connect<unknown, Adder>(capabilities.caller as Channel, {
    serve: { add: (one, other) => one + other, back: (bytes) => move(bytes) },
  });
};
