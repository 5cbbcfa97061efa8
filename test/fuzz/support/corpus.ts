/** Frames that stacks send each other: what mutations begin with. */

import { datagramEcho } from '../../sim/support/datagrams.ts';
import { seededRandom } from '../../sim/support/random.ts';
import { runTransfer } from '../../sim/support/transfer.ts';
import { World } from '../../sim/support/world.ts';
import { mldQuery, offers, ownFrames } from './messages.ts';

let recorded: readonly Uint8Array[] | undefined;

/** Frames of recorded simulations, and messages of servers and routers; made once. */
export function corpus(): readonly Uint8Array[] {
  recorded ??= [...record(), ...ownFrames(), ...offers(), mldQuery()];
  return recorded;
}

/** Records both IP versions: configuration, TCP with losses, datagrams in fragments. */
function record(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const random = seededRandom(1);
  const keep = (frame: Uint8Array): void => {
    // Much of a transfer looks alike.
    if (frames.length < 60 || random.chance(0.05)) frames.push(frame.slice());
  };
  World.recorder = (_from, frame) => keep(frame);
  try {
    for (let seed = 1; seed <= 6; seed += 1) {
      runTransfer(seed, { bytes: 4_000 });
      datagramEcho(seed);
    }
  } finally {
    World.recorder = undefined;
  }
  return frames.filter((frame, index) => index < 400 && frame.length <= 1514);
}
