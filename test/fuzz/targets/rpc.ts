/** Values and remote calls: values that go round, bytes that no encoder made, peers that say anything. */
import { connect } from '../../../lib/rpc/src/calls/connection.ts';
import { remote } from '../../../lib/rpc/src/calls/reference.ts';
import type { Channel } from '../../../lib/rpc/src/channel.ts';
import { memoryChannels } from '../../../lib/rpc/src/channels/memory.ts';
import { RingReader, ringMemory } from '../../../lib/rpc/src/channels/ring.ts';
import { decodeValue, encodeValue } from '../../../lib/rpc/src/codec/codec.ts';
import { DecodeError } from '../../../lib/rpc/src/codec/limits.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { mutate } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';
import { randomValue } from '../support/values.ts';

export const rpcTarget: FuzzTarget = {
  name: 'rpc',
  shortRun: 2000,
  run(seed) {
    const random = seededRandom(seed);
    goRound(random);
    decodeAnything(random);
    lieInTheRing(random);
    talkNonsense(random);
  },
};

/** What was encoded is decoded to the same bytes again. */
function goRound(random: Random): void {
  const bytes = encodeValue(randomValue(random, 4)).bytes.slice();
  const again = encodeValue(decodeValue({ bytes, attachments: [] })).bytes;
  if (bytes.length !== again.length || bytes.some((byte, index) => byte !== again[index])) {
    throw new Error('A value is another one after it went round.');
  }
}

function decodeAnything(random: Random): void {
  const right = encodeValue(randomValue(random, 3)).bytes;
  for (let count = 0; count < 20; count += 1) {
    const bytes = random.chance(0.8) ? mutate(right, random) : noise(random, 40);
    try {
      const value = decodeValue(
        { bytes, attachments: [] },
        { bytes: 4096, objects: 1000, depth: 50 },
      );
      // Whatever it is, it can be looked at.
      encodeValue(value);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  if (Object.keys(Object.prototype).length > 0) throw new Error('A prototype was polluted.');
}

/** A ring that its writer fills with anything. */
function lieInTheRing(random: Random): void {
  const memory = ringMemory(1024);
  const words = new Int32Array(memory);
  const reader = new RingReader(memory);
  for (let count = 0; count < 40; count += 1) {
    const at = random.chance(0.3) ? 0 : random.integer(128, words.length - 1);
    words[at] = random.pick([0, 8, 16, 64, 240, 1016, 1024, -1, random.integer(-1e9, 1e9)]);
    while (reader.next()) {
      if (reader.record.bytes.length > reader.longestMessage) throw new Error('It is too long.');
      reader.advance();
    }
  }
}

/** Event loop by hand: turns until nothing is left to do. */
class Turns {
  readonly #due: (() => void)[] = [];
  readonly later = (run: () => void): void => void this.#due.push(run);

  run(): void {
    for (let turns = 0; this.#due.length > 0; turns += 1) {
      if (turns > 10_000) throw new Error('endless activity');
      this.#due.shift()?.();
    }
  }
}

const host = (turns: Turns) => ({
  later: turns.later,
  setTimeout: () => 0,
  clearTimeout: () => {},
});

const served = {
  add: (one: number, other: number) => one + other,
  echo: (value: unknown) => value,
  reference: () => remote({ poke: () => 1 }),
  call: (run: () => Promise<void>) => void run().catch(() => {}),
  stream: async function* () {
    yield 1;
  },
  take: () => {},
  fail: () => {
    throw new Error('on purpose');
  },
};

/** The frames that a well-behaved caller sends. */
function rightFrames(): readonly Uint8Array[] {
  const turns = new Turns();
  const [one, other] = memoryChannels({ later: turns.later });
  const frames: Uint8Array[] = [];
  const send = one.send.bind(one);
  const tapped: Channel = Object.create(one, {
    send: {
      value: (bytes: Uint8Array, items?: readonly object[]) => {
        frames.push(bytes.slice());
        return send(bytes, items);
      },
    },
    start: { value: one.start.bind(one) },
    receive: { value: one.receive.bind(one) },
    closure: { get: () => one.closure },
    carries: { value: () => false },
  });
  const caller = connect<typeof served>(tapped, { host: host(turns) });
  connect(other, { serve: served, host: host(turns) });
  turns.run();
  const ignore = (): void => {};
  const { remote: calls } = caller;
  calls.add(1, 2).catch(ignore);
  calls.echo({ list: [1, new Map([['a', 'b']])] }).catch(ignore);
  calls.reference().catch(ignore);
  calls.call(async () => {}).catch(ignore);
  calls.fail().catch(ignore);
  calls.take.apply(undefined, [new AbortController().signal] as never).catch(ignore);
  calls.echo((async function* () {})()).catch(ignore);
  turns.run();
  return frames;
}

let corpus: readonly Uint8Array[] | undefined;

/** A peer whose messages are nearly right. */
function talkNonsense(random: Random): void {
  corpus ??= rightFrames();
  const turns = new Turns();
  const [one, other] = memoryChannels({ later: turns.later });
  const server = connect(one, {
    serve: served,
    host: host(turns),
    allowance: { calls: 8, callBytes: 4096, references: 8, messageBytes: 4096 },
  });
  let answers = 0;
  const read = (): void => {
    while (other.receive() !== undefined) answers += 1;
  };
  other.start({ readable: read, writable: () => {}, closed: () => {} });
  let sent = 0;
  const say = (bytes: Uint8Array): void => {
    if (bytes.length <= other.longestMessage && other.send(bytes) === 'sent') sent += 1;
    turns.run();
  };
  say(random.chance(0.9) ? (corpus[0] as Uint8Array) : mutate(corpus[0] as Uint8Array, random));
  for (let count = 0; count < 30; count += 1) {
    const frame = random.pick(corpus);
    say(
      random.chance(0.3) ? frame : random.chance(0.9) ? mutate(frame, random) : noise(random, 30),
    );
    const { running, exported, imported, streams, waitingBytes } = server.statistics;
    if (running > 8 || exported > 100 || imported > 8 || streams > 16 || waitingBytes > 65_536) {
      throw new Error(`The peer makes it keep too much: ${JSON.stringify(server.statistics)}`);
    }
  }
  if (answers > 20 * sent + 10) throw new Error(`${sent} messages caused ${answers}`);
  server.close();
  turns.run();
}

function noise(random: Random, most: number): Uint8Array {
  const bytes = new Uint8Array(random.integer(0, most));
  random.fill(bytes);
  return bytes;
}
