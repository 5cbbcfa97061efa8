/** A network card's driver in an isolate of its own that lies: in the rings, in its messages, or not at all. */
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import { networkReserved } from '@runtimejs/placement/network-layout.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { PlacedBench } from '../../unit/support/placed.ts';
import { noise } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';
import { randomValue } from '../support/values.ts';

const mebibyte = 2 ** 20;
const numbers = [0, 1, 8, 15, 16, 17, 32, 64, -1, -16, 65_600, 65_601, mebibyte, 0x7fffffff];
/** Words of the control blocks: what was written and read, who sleeps, who wants room. */
const controls = [0, 16, 32, 48, 64, 80, 96, 112].map((word) => (1.5 * mebibyte) / 4 + word);
/** More frames than the largest pool has packets. */
const mostKept = 100;

/** Writes nonsense where the driver can write. */
function scribble({ block, memory }: PlacedBench, random: Random): void {
  const word = random.chance(0.4)
    ? random.pick(controls)
    : random.chance(0.5)
      ? random.integer(0, 200)
      : random.integer(0, networkReserved / 4 - 1);
  const value = random.chance(0.6) ? random.pick(numbers) : random.integer(-(2 ** 31), 2 ** 31);
  memory.words[block.offset / 4 + word] = value;
}

/** @returns undefined for what JSON has no form for */
function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? null : part));
  } catch {
    return undefined; // it contains itself
  }
}

/** Says nonsense. */
function babble(bench: PlacedBench, random: Random): void {
  const kind = random.pick([0, 1, 2, 2, 2, random.integer(3, 255)]);
  const choice = random.integer(0, 3);
  if (choice === 0) bench.say({ is: random.pick(['ready', 'link', 'counters']) }, kind);
  else if (choice === 1) bench.say({ is: 'link', up: random.chance(0.5) });
  else if (choice === 2) {
    bench.channel.send(Uint8Array.of(kind, ...noise(random, 200)));
    bench.turn();
  } else {
    const value = randomValue(random, 2);
    bench.say((toJson({ is: 'counters', counters: value }) ?? '{').slice(0, 4000), kind);
  }
}

/** Throws when a packet's fields point outside of its buffer. */
function check(packet: Packet): void {
  for (let each: Packet | null = packet; each !== null; each = each.next) {
    const { base, capacity, start, end } = each;
    if (!(base <= start && start <= end && end <= base + capacity)) throw new Error('cursors');
  }
  if (packet.checksum === checksumState.partial) {
    const field = packet.checksumStart + packet.checksumOffset;
    if (packet.checksumStart < packet.start || field + 2 > packet.end) throw new Error('checksum');
  }
}

export const placementTarget: FuzzTarget = {
  name: 'placement',
  shortRun: 60,
  run(seed) {
    const random = seededRandom(seed);
    const bench = new PlacedBench();
    const lies = random.chance(0.7);
    const expected: Uint8Array[] = [];
    let arrived = 0;
    let ends = 0;
    bench.say({ is: 'ready', linkUp: true });
    for (let step = 0; step < 300; step++) {
      const choice = random.integer(0, lies ? 6 : 4);
      const bytes = new Uint8Array(random.pick([14, 60, 1514, random.integer(14, 9000)]));
      random.fill(bytes);
      if (choice <= 1 && bench.upper.packets.length < mostKept) {
        if (bench.arrive(bytes)) expected.push(bytes);
      } else if (choice === 2) {
        bench.transmit(bytes.subarray(0, 1514));
      } else if (choice === 3) {
        for (let left = random.integer(0, 8); left > 0 && bench.sent.next(); left--) {
          bench.sent.advance();
        }
        bench.sent.publish();
      } else if (choice === 5) scribble(bench, random);
      else if (choice === 6 && random.chance(0.2)) babble(bench, random);
      if (!random.chance(0.5)) continue;
      bench.poll();
      bench.upper.packets.forEach(check);
      for (const got of bench.takeReceived()) {
        const sent = expected[arrived++];
        if (!lies && Buffer.compare(got, sent ?? new Uint8Array()) !== 0) {
          throw new Error(`frame ${arrived} is not what was sent`);
        }
      }
      if (bench.violations.length > ends) {
        if (!lies) throw new Error(`an honest driver was ended: ${bench.violations.at(-1)}`);
        ends++;
        if (bench.violations.length > ends) throw new Error('ended twice');
        bench.device.ended();
        bench.begin();
        bench.say({ is: 'ready', linkUp: true });
      }
    }
    bench.device.ended();
    bench.takeReceived();
    const packets = Array.from({ length: 512 }, () => bench.device.allocate(1000));
    if (packets.includes(null)) throw new Error('packets are lost');
  },
};
