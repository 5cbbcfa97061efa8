/** Frames between a placed driver and the stack: what goes in comes out, and who breaks the rules is found out. */
import { HostMemory } from '@runtimejs/net/memory.ts';
import { checksumState, Packet } from '@runtimejs/net/packet.ts';
import {
  FrameReader,
  FrameWriter,
  longestFrame,
  mostBytes,
} from '@runtimejs/placement/frame-ring.ts';
import { controlBytes, type RingPlace } from '@runtimejs/placement/ring.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

const size = 256 * 1024;
const place: RingPlace = { control: size, offset: 0, size };
const packets = size + controlBytes;
/** Words of the control block, as the other side can write them. */
const written = size / 4;
const read = written + 16;
const gap = -1;

function setUp() {
  const memory = new HostMemory(packets + 2 * 70_000);
  return {
    memory,
    writer: new FrameWriter(memory, place),
    reader: new FrameReader(memory, place),
    /** A packet with these bytes. */
    packet(bytes: Uint8Array, at = packets): Packet {
      memory.bytes.set(bytes, at);
      const made = new Packet(at, 70_000, 0, () => {});
      made.reset(0);
      made.end = at + bytes.length;
      return made;
    },
    /** The bytes of the frame that next() has found. */
    taken(reader: FrameReader): Uint8Array {
      reader.copy(packets, 0, reader.length);
      return memory.bytes.slice(packets, packets + reader.length);
    },
  };
}

test('frames come out as they went in, in order, round and round', (t) => {
  const { writer, reader, packet, taken } = setUp();
  const random = seededRandom(20_261_129);
  const under: Uint8Array[] = [];
  let most = 0;
  let isSame = true;
  for (let step = 0; step < 3000; step++) {
    if (random.chance(0.5)) {
      const longest = random.chance(0.1) ? longestFrame : 2000;
      const bytes = new Uint8Array(random.integer(0, longest));
      random.fill(bytes);
      if (writer.push(packet(bytes))) under.push(bytes);
      if (random.chance(0.5)) writer.publish();
    } else if (reader.next()) {
      isSame &&= Buffer.compare(taken(reader), under.shift() ?? new Uint8Array()) === 0;
      reader.advance();
      if (random.chance(0.5)) reader.publish();
    }
    most = Math.max(most, under.length);
  }
  writer.publish();
  for (; reader.next(); reader.advance()) under.shift();
  t.true(isSame);
  t.is(under.length, 0);
  t.true(most > 5);
  t.is(reader.violation ?? writer.violation, null);
});

test('a frame in several buffers, and what is known of its checksum and segments', (t) => {
  const { writer, reader, packet, taken } = setUp();
  const first = packet(Uint8Array.of(1, 2, 3, 4));
  first.next = packet(Uint8Array.of(5, 6), packets + 70_000);
  first.checksum = checksumState.partial;
  first.checksumStart = first.start + 2;
  first.checksumOffset = 1;
  first.segmentSize = 1448;
  t.true(writer.push(first));
  t.false(reader.next(), 'it was not published');
  writer.publish();
  t.true(reader.next());
  const { checksum, checksumStart, checksumOffset, segmentSize } = reader;
  t.deepEqual(
    { checksum, checksumStart, checksumOffset, segmentSize },
    { checksum: checksumState.partial, checksumStart: 2, checksumOffset: 1, segmentSize: 1448 },
  );
  t.deepEqual([...taken(reader)], [1, 2, 3, 4, 5, 6]);
});

test('who sleeps is woken, once; who is awake is not', (t) => {
  const { writer, reader, packet } = setUp();
  const small = packet(new Uint8Array(60));
  t.false(reader.sleep(true));
  writer.push(small);
  t.true(writer.publish());
  writer.push(small);
  t.false(writer.publish());
  t.true(reader.sleep(true), 'something is there');
  t.false(reader.sleep(false));
  writer.push(small);
  t.false(writer.publish());
  t.false(writer.publish(), 'nothing new');
});

test('a ring that is full refuses, and says when there is room', (t) => {
  const { writer, reader, packet } = setUp();
  const large = packet(new Uint8Array(60_000));
  let count = 0;
  while (writer.push(large)) count++;
  t.is(count, Math.floor(size / 60_016));
  t.true(writer.wantRoom(mostBytes));
  writer.publish();
  t.true(reader.next());
  reader.advance();
  t.true(reader.publish());
  t.false(reader.publish());
  while (reader.next()) reader.advance();
  reader.publish();
  t.false(writer.wantRoom(mostBytes));
  t.true(writer.push(large));
  t.false(writer.push(packet(new Uint8Array(longestFrame + 1))), 'too long for any ring');
});

/** What a writer that lies puts there. */
const lies: readonly (readonly [what: string, scribble: (words: Int32Array) => void])[] = [
  ['more than fits', (words) => words.set([size + 16], written)],
  ['less than was read', (words) => words.set([-16], written)],
  ['a part of a header', (words) => words.set([8], written)],
  ['a part of a frame', (words) => words.set([33], written)],
  ['a frame longer than any', (words) => words.set([longestFrame + 1], 0)],
  ['a frame longer than what is there', (words) => words.set([100], 0)],
  ['a length beyond 2^31', (words) => words.set([-2], 0)],
  ['a gap at the start', (words) => words.set([gap], 0)],
];

for (const [what, scribble] of lies) {
  test(`a writer that claims ${what} is found out`, (t) => {
    const { memory, reader } = setUp();
    memory.words[written] = 64;
    scribble(memory.words);
    t.false(reader.next());
    t.truthy(reader.violation);
    t.true(reader.sleep(true), 'somebody has to look');
    memory.words[written] = 64;
    memory.words[0] = 10;
    t.false(reader.next(), 'it is not trusted again');
  });
}

test('a gap of which a part is there is found out', (t) => {
  const { memory, writer, reader, packet } = setUp();
  writer.push(packet(new Uint8Array(84)));
  writer.publish();
  t.true(reader.next());
  reader.advance();
  memory.words[25] = gap;
  memory.words[written] = 100 + 12 + 32;
  memory.words[28] = gap;
  t.false(reader.next());
  t.truthy(reader.violation);
});

test('what is wrong while it sleeps is seen, too', (t) => {
  const { memory, reader } = setUp();
  t.false(reader.sleep(true));
  memory.words[written] = 1;
  t.true(reader.sleep(true));
  t.truthy(reader.violation);
});

test('a reader that claims to have read what was never written is found out', (t) => {
  const { memory, writer, packet } = setUp();
  const small = packet(new Uint8Array(60));
  writer.push(small);
  writer.publish();
  memory.words[read] = 1 << 20;
  t.false(writer.push(small));
  t.truthy(writer.violation);
  memory.words[read] = 0;
  t.is(writer.room, 0, 'it is not trusted again');
});
