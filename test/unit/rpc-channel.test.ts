/** Channels: order, bounds, ends; over memory, over rings, and rings whose other side lies. */
import test, { type ExecutionContext } from 'ava';
import type { Channel, Closure } from '../../lib/rpc/src/channel.ts';
import { memoryChannels } from '../../lib/rpc/src/channels/memory.ts';
import { asleep, RingReader, RingWriter, ringMemory } from '../../lib/rpc/src/channels/ring.ts';
import { RingChannel } from '../../lib/rpc/src/channels/ring-channel.ts';
import { seededRandom } from '../sim/support/random.ts';
import { ringChannels } from './support/rpc.ts';

const later = (run: () => void): void => void setImmediate(run);
const kinds: readonly (readonly [name: string, make: () => readonly [Channel, Channel]])[] = [
  ['memory', () => memoryChannels({ later, capacity: 4096 })],
  ['rings', () => ringChannels(4096)],
];

/** Receives everything, at a pace that the test sets. */
function reader(
  channel: Channel,
  onMessage: (bytes: Uint8Array, items: readonly object[]) => void,
) {
  const ended = Promise.withResolvers<Closure>();
  const state = { isPaused: false, resume: () => {}, writable: () => {}, ended: ended.promise };
  const read = (): void => {
    while (!state.isPaused) {
      const message = channel.receive();
      if (message === undefined) return;
      onMessage(message.bytes, message.attachments);
    }
  };
  state.resume = () => {
    state.isPaused = false;
    read();
  };
  channel.start({ readable: read, writable: () => state.writable(), closed: ended.resolve });
  return state;
}

async function sendAll(
  channel: Channel,
  count: number,
  make: (index: number) => Uint8Array,
  state: { writable: () => void },
) {
  let refusals = 0;
  for (let index = 0; index < count; index += 1) {
    while (channel.send(make(index)) === 'full') {
      refusals += 1;
      await new Promise<void>((resolve) => {
        state.writable = resolve;
      });
    }
  }
  return refusals;
}

for (const [name, make] of kinds) {
  test(`${name}: messages of all lengths arrive whole, once, in order, through a small channel`, async (t) => {
    const [one, other] = make();
    const random = seededRandom(7);
    const lengths = Array.from({ length: 3000 }, () =>
      random.integer(0, random.chance(0.1) ? one.longestMessage : 40),
    );
    const message = (index: number): Uint8Array =>
      new Uint8Array(lengths[index] as number).fill(index & 0xff);
    let got = 0;
    const done = Promise.withResolvers<void>();
    reader(other, (bytes) => {
      if (bytes.length !== lengths[got] || bytes.some((byte) => byte !== (got & 0xff))) {
        done.reject(new Error(`message ${got} is wrong`));
      }
      got += 1;
      if (got === lengths.length) done.resolve();
    });
    const refusals = await sendAll(
      one,
      lengths.length,
      message,
      reader(one, () => {}),
    );
    await done.promise;
    t.true(refusals > 10, 'the channel was never full');
  });

  test(`${name}: a reader that pauses makes the writer wait, and nothing is lost`, async (t) => {
    const [one, other] = make();
    const state = reader(one, () => {});
    let got = 0;
    const paused = reader(other, () => {
      got += 1;
    });
    paused.isPaused = true;
    const bytes = new Uint8Array(100);
    let sent = 0;
    while (one.send(bytes) === 'sent') sent += 1;
    t.true(sent > 10 && sent < 50, `${sent} were taken`);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    t.is(one.send(bytes), 'full');
    const writable = new Promise<void>((resolve) => {
      state.writable = resolve;
    });
    paused.resume();
    await writable;
    t.is(got, sent);
    t.is(one.send(bytes), 'sent');
  });

  test(`${name}: what was sent before the end arrives, then the reason does`, async (t) => {
    const [one, other] = make();
    const mine = reader(one, () => {});
    one.send(Uint8Array.of(1));
    one.send(Uint8Array.of(2));
    one.close('enough ż');
    t.is(one.send(Uint8Array.of(3)), 'closed');
    const got: number[] = [];
    const theirs = reader(other, (bytes) => got.push(bytes[0] as number));
    t.deepEqual(await theirs.ended, { cause: 'closed', by: 'peer', reason: 'enough ż' });
    t.deepEqual(got, [1, 2]);
    t.deepEqual(await mine.ended, { cause: 'closed', by: 'here', reason: 'enough ż' });
    t.is(other.send(Uint8Array.of(4)), 'closed');
  });

  test(`${name}: a full channel can be closed`, async (t) => {
    const [one, other] = make();
    let count = 0;
    while (one.send(new Uint8Array(200)) === 'sent') count += 1;
    one.close('full');
    let got = 0;
    const theirs = reader(other, () => {
      got += 1;
    });
    t.is((await theirs.ended).reason, 'full');
    t.is(got, count);
  });

  test(`${name}: buffers move, and what cannot be carried is refused`, async (t) => {
    const [one, other] = make();
    const arrived = Promise.withResolvers<readonly object[]>();
    reader(other, (_bytes, items) => arrived.resolve([...items]));
    const buffer = Uint8Array.of(1, 2, 3).buffer;
    const shared = new SharedArrayBuffer(4);
    t.throws(() => one.send(new Uint8Array(1), [{}]), { instanceOf: TypeError });
    t.throws(() => one.send(new Uint8Array(1), [buffer, buffer]), { message: /twice/ });
    t.throws(() => one.send(new Uint8Array(one.longestMessage + 1)), { instanceOf: RangeError });
    t.throws(
      () =>
        one.send(
          new Uint8Array(1),
          Array.from({ length: 65 }, () => new ArrayBuffer(1)),
        ),
      { instanceOf: RangeError },
    );
    t.is(one.send(new Uint8Array(1), [buffer, shared]), 'sent');
    t.true(buffer.detached);
    const [moved, same] = await arrived.promise;
    t.deepEqual([...new Uint8Array(moved as ArrayBuffer)], [1, 2, 3]);
    t.is<unknown, unknown>(same, shared);
    t.throws(() => one.send(new Uint8Array(1), [buffer]), { message: /moved away/ });
    t.throws(
      () =>
        one.start({ readable() {}, writable() {}, closed() {} }) ??
        one.start({ readable() {}, writable() {}, closed() {} }),
      { message: /started/ },
    );
  });
}

test('the death of a peer in memory is told with its reason', async (t) => {
  const [one, other] = memoryChannels({ later });
  const mine = reader(one, () => {});
  reader(other, () => {});
  other.die('heap limit reached');
  t.deepEqual(await mine.ended, { cause: 'died', by: 'peer', reason: 'heap limit reached' });
});

/** A ring of 1,024 bytes whose writer does what it likes. */
function hostileRing(write: (words: Int32Array) => void): RingReader {
  const memory = ringMemory(1024);
  const reading = new RingReader(memory);
  write(new Int32Array(memory));
  return reading;
}

const first = 512 >> 2;

test('a ring whose writer lies is broken, and its reader reads nothing outside it', (t) => {
  const refuse = (why: RegExp, write: (words: Int32Array) => void): void => {
    const reading = hostileRing(write);
    t.false(reading.next());
    t.regex(reading.broken ?? '', why);
    t.false(reading.next());
  };
  refuse(/head is 4096 ahead/, (words) => {
    words[0] = 4096;
  });
  refuse(/head is 5 ahead/, (words) => {
    words[0] = 5;
  });
  refuse(/record has 100 bytes where 16/, (words) => {
    words[0] = 16;
    words[first] = 100;
  });
  refuse(/record has -7 bytes/, (words) => {
    words[0] = 16;
    words[first] = -7;
  });
  refuse(/padded where nothing follows/, (words) => {
    words[0] = 16;
    words[first] = -1;
  });
  refuse(/record has 900 bytes/, (words) => {
    words[0] = 1024;
    words[first] = 900;
  });
  const long = hostileRing((words) => {
    words[64] = 1;
    words[65] = 1_000_000;
  });
  t.true(long.isClosed);
  t.true(long.closeReason.length <= 124);
});

test('a ring whose reader lies is noticed by its writer', (t) => {
  const memory = ringMemory(1024);
  const writer = new RingWriter(memory);
  const words = new Int32Array(memory);
  words[16] = 5000;
  let fits: boolean | undefined = true;
  for (let count = 0; count < 20 && fits === true; count += 1) {
    fits = writer.fits(200);
    if (fits === true) writer.write(new Uint8Array(200), 0);
  }
  t.is(fits, undefined);
});

test('a reader that has read attachments and sleeps before their writer is done is woken for what follows', (t) => {
  const memory = ringMemory(1024);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  t.true(reader.sleep(asleep.plainly));
  t.true(writer.fits(8));
  writer.write(new Uint8Array(8), 1);
  // The attachments wake the reader, it reads, and sleeps again; only then the writer asks whether it sleeps.
  t.true(reader.next());
  reader.advance();
  t.true(reader.sleep(asleep.plainly));
  t.false(writer.takeSleepWithAttachments());
  writer.write(new Uint8Array(8), 0);
  t.true(writer.takeSleep());
  t.false(writer.takeSleep());

  t.true(reader.next());
  reader.advance();
  t.true(reader.sleep(asleep.withAttachments));
  writer.write(new Uint8Array(8), 1);
  t.true(writer.takeSleepWithAttachments());
  t.false(writer.takeSleepWithAttachments());
});

test('a peer that announces attachments which do not come, or breaks its ring, is left', async (t) => {
  const offences: readonly (readonly [
    offend: (ring: RingWriter, words: Int32Array) => void,
    why: RegExp,
  ])[] = [
    [(ring) => ring.write(new Uint8Array(4), -5), /-5 attachments were announced/],
    [(ring) => ring.write(new Uint8Array(4), 65), /65 attachments were announced/],
    [(ring) => ring.write(new Uint8Array(4), 3), /3 attachments were announced, 1 came/],
    [(_ring, words) => Atomics.store(words, 0, 4096), /head is 4096 ahead/],
  ];
  for (const [offend, why] of offences) {
    const [outgoing, incoming] = [ringMemory(1024), ringMemory(1024)];
    const channel = new RingChannel(outgoing, incoming, {
      ringBell: () => {},
      later,
      pushAttachments: () => {},
      takeAttachments: () => [new ArrayBuffer(1)],
      hasAttachments: true,
      carries: () => false,
      ended: () => {},
    });
    offend(new RingWriter(incoming), new Int32Array(incoming));
    const { ended } = reader(channel, () => {});
    const closure = await ended;
    t.is(closure.cause, 'broken');
    t.regex(closure.reason, why);
    t.is(channel.send(new Uint8Array(1)), 'closed');
    t.regex(new RingReader(outgoing).closeReason, why, 'the peer is told');
  }
});

test('memory that is no ring is refused', (t: ExecutionContext) => {
  for (const size of [0, 100, 512 + 1000, 512 + 512]) {
    t.throws(() => new RingReader(new SharedArrayBuffer(size)), { instanceOf: RangeError });
  }
  t.throws(() => ringMemory(1000), { instanceOf: RangeError });
});
