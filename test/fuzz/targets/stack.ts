/** Whole stacks at work, into whose devices mutated frames are put: recorded ones, and copies of their own. */
import type { UdpEndpoint } from '@runtimejs/net/udp/types.ts';
import type { SimulatedHost } from '../../sim/support/host.ts';
import { seededRandom } from '../../sim/support/random.ts';
import type { Stream } from '../../sim/support/stream.ts';
import { hour, minute, steadyPlan, World } from '../../sim/support/world.ts';
import { fixChecksums } from '../support/checksums.ts';
import { corpus } from '../support/corpus.ts';
import { mutate, noise } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';

function openUdp(host: SimulatedHost): UdpEndpoint {
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = host.udp.bind(host.endpoint(7000), flags);
  if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
  return host.udp.open(binding, { receive: () => true, failed: () => {}, sendable: () => {} });
}

export const stackTarget: FuzzTarget = {
  name: 'stack',
  shortRun: 15,
  run(seed) {
    corpus(); // before there is a world of ours
    const watched = { watched: true };
    const world = new World(seed, { hosts: [watched, watched], mostEvents: 1_000_000 });
    const random = seededRandom(seed ^ 0x5eed);
    const { link, hosts, agenda } = world;
    const recent: Uint8Array[] = [];
    link.onFrame = (_from, frame) => {
      recent[random.integer(0, 15)] = frame.slice();
    };
    const endpoints = hosts.map(openUdp);
    const streams: Stream[] = [];
    const plan = { anything: true, writePause: 3_000, writeChunk: 3_000 };
    const listener = world.listen(80, 3, () => {
      const stream = world.stream(1, { ...steadyPlan([30_000, 30_000], 1), ...plan });
      streams.push(stream);
      return stream;
    });
    for (let count = 0; count < 3; count += 1) {
      agenda.at(agenda.now + random.integer(0, 50_000), () => {
        try {
          streams.push(world.connect(80, { ...steadyPlan([30_000, 30_000], 0), ...plan }));
        } catch (error) {
          // A lie may have taken the route away.
          if (!/^connect: E/.test((error as Error).message)) throw error;
        }
      });
    }
    for (let count = 0; count < 250; count += 1) {
      const own = random.chance(0.5) ? recent[random.integer(0, 15)] : undefined;
      const valid = own ?? random.pick(corpus());
      const frame = random.chance(0.05) ? noise(random, 200) : mutate(valid, random);
      const to = random.pick([0, 1] as const);
      // To whom it goes is right more often than not.
      if (frame.length >= 6 && random.chance(0.7)) frame.set([2, 0, 0, 0, 0, to + 1]);
      if (random.chance(0.8)) fixChecksums(frame);
      link.inject(to, frame);
      if (random.chance(0.3)) world.pass(random.integer(0, 3_000));
    }
    world.run(() => streams.every((one) => one.isGone || one.isComplete), agenda.now + minute);
    listener.close();
    for (const endpoint of endpoints) endpoint.close();
    for (const one of streams) if (!one.isGone) one.abort();
    world.pass(hour);
    world.end();
  },
};
