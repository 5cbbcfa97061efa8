// The other thread of rpc.ts: answers calls over RPC, and messages over a bare port.
import { type MessagePort, workerData } from 'node:worker_threads';
import { connect } from '../../lib/rpc/src/calls/connection.ts';
import { move } from '../../lib/rpc/src/codec/move.ts';
import { openPortChannel } from '../../lib/rpc/src/node/port-channel.ts';

/** What is called both ways. */
export interface Adder {
  add(one: number, other: number): number;
  back(bytes: Uint8Array): Uint8Array;
}

/** How a call looks on the bare port. */
export interface BareCall {
  readonly id: number;
  readonly method: 'add' | 'back';
  readonly values: readonly [Uint8Array] | readonly [number, number];
}

const { bare, port } = workerData as { bare: MessagePort; port: MessagePort };

bare.on('message', ({ id, method, values }: BareCall) => {
  if (method === 'add') {
    const [one, other] = values as readonly [number, number];
    bare.postMessage({ id, result: one + other });
  } else {
    const [bytes] = values as readonly [Uint8Array<ArrayBuffer>];
    bare.postMessage({ id, result: bytes }, [bytes.buffer]);
  }
});
connect<unknown, Adder>(await openPortChannel(port), {
  serve: { add: (one, other) => one + other, back: (bytes) => move(bytes) },
});
