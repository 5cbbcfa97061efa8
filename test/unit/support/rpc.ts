/** Two ends of channels and connections for tests of RPC. */

import {
  type Connection,
  type ConnectionOptions,
  connect,
} from '../../../lib/rpc/src/calls/connection.ts';
import type { Attachment, Channel } from '../../../lib/rpc/src/channel.ts';
import { memoryChannels } from '../../../lib/rpc/src/channels/memory.ts';
import { ringMemory } from '../../../lib/rpc/src/channels/ring.ts';
import { RingChannel, type RingHost } from '../../../lib/rpc/src/channels/ring-channel.ts';

export const later = (run: () => void): void => void setImmediate(run);

/** Two ends over rings in this thread, the bells of which are turns of the event loop. */
export function ringChannels(capacity: number): readonly [RingChannel, RingChannel] {
  const [there, back] = [ringMemory(capacity), ringMemory(capacity)];
  const lanes: (readonly Attachment[])[][] = [[], []];
  const ends: RingChannel[] = [];
  const host = (self: 0 | 1): RingHost => ({
    ringBell: () => later(() => ends[1 - self]?.wake()),
    later,
    pushAttachments: (items) => {
      const moved = items.map((item) => (item instanceof ArrayBuffer ? item.transfer() : item));
      later(() => {
        lanes[1 - self]?.push(moved);
        ends[1 - self]?.wake();
      });
    },
    get hasAttachments() {
      return (lanes[self]?.length ?? 0) > 0;
    },
    takeAttachments: () => lanes[self]?.shift(),
    carries: () => false,
    ended: () => {},
  });
  const one = new RingChannel(there, back, host(0));
  const other = new RingChannel(back, there, host(1));
  ends.push(one, other);
  return [one, other];
}

export interface Sides<Theirs, Mine> {
  readonly caller: Connection<Theirs>;
  readonly server: Connection<Mine>;
}

/** Two connected sides: the first calls what the second serves, and the other way round. */
export function connected<Theirs, Mine = unknown>(
  theirs: ConnectionOptions<Theirs>,
  mine: ConnectionOptions<Mine> = {},
  channels: readonly [Channel, Channel] = memoryChannels({ later }),
): Sides<Theirs, Mine> {
  return {
    caller: connect<Theirs, Mine>(channels[0], mine),
    server: connect<Mine, Theirs>(channels[1], theirs),
  };
}
