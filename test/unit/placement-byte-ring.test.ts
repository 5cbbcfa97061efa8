/** Bytes between a placed driver and the system isolate: all come out, also what a side that is gone has left. */
import { HostMemory } from '@runtimejs/net/memory.ts';
import { ByteReader, ByteWriter } from '@runtimejs/placement/byte-ring.ts';
import { controlBytes, type RingPlace } from '@runtimejs/placement/ring.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

const size = 4096;
const place: RingPlace = { control: size, offset: 0, size };
/** Words of the control block, as the other side can write them. */
const written = size / 4;
const read = written + 16;

function setUp() {
  const memory = new HostMemory(size + controlBytes);
  return { memory, writer: new ByteWriter(memory, place), reader: new ByteReader(memory, place) };
}

const never = (): void => {};
const bytes = (count: number, first = 0): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (first + index) % 251);

test('bytes come out as they went in, round and round, however much is held', (t) => {
  const { writer, reader } = setUp();
  const random = seededRandom(20_261_129);
  const into: number[] = [];
  const out: number[] = [];
  let held = 0;
  for (let step = 0; step < 20_000; step++) {
    if (random.chance(0.5)) {
      const given = new Uint8Array(random.integer(0, 600));
      random.fill(given);
      into.push(...given.subarray(0, writer.push(given, never)));
    } else {
      const found = reader.next();
      const part = found.subarray(0, random.integer(0, found.length));
      out.push(...part);
      reader.take(part.length);
      held = random.integer(0, Math.min(held + part.length, 500));
      reader.publish(held);
    }
  }
  t.is(writer.violation ?? reader.violation, null);
  t.true(out.length > 100 * size);
  t.true(Buffer.from(into.slice(0, out.length)).equals(Buffer.from(out)));
});

test('who sleeps is woken: the reader by bytes, the writer by the room that it waits for', (t) => {
  const { writer, reader } = setUp();
  let wakes = 0;
  const wake = (): void => {
    wakes += 1;
  };
  writer.push(bytes(10), wake);
  t.is(wakes, 0, 'nobody sleeps');
  t.true(reader.sleep(true), 'there is something');
  reader.take(reader.next().length);
  t.false(reader.publish(), 'nobody waits for room');
  t.false(reader.sleep(true));
  t.is(writer.push(bytes(2 * size), wake), size);
  t.is(wakes, 1, 'once');
  t.true(writer.wantRoom(size / 2), 'there is none');
  reader.take(100);
  t.false(reader.publish(), 'that is less than it waits for');
  reader.take(size / 2);
  t.false(reader.publish(size / 2), 'what is held is no room');
  t.true(reader.publish());
  t.false(reader.publish(), 'it was woken');
  t.false(writer.wantRoom(size / 2), 'there is room');
});

test('a reader that has ended leaves what it was not done with, a writer what it had no time to show', (t) => {
  const { memory, writer, reader } = setUp();
  writer.push(bytes(3000), never);
  reader.take(2000);
  reader.publish(500);
  t.deepEqual(writer.rest(), bytes(1500, 1500));
  t.deepEqual(writer.rest(1800), bytes(1200, 1800), 'it had sent more than it has said');
  t.deepEqual(writer.rest(1000), bytes(1500, 1500), 'an old position');
  t.deepEqual(writer.rest(9999), bytes(1500, 1500), 'a position that cannot be');
  t.deepEqual(reader.rest(), bytes(1000, 2000));
  memory.bytes.set(bytes(100, 3000), 3000);
  t.deepEqual(reader.rest(3100), bytes(1100, 2000));
  t.deepEqual(reader.rest(2999), bytes(1000, 2000), 'less than it has shown');
  t.deepEqual(reader.rest(2000 + size + 1), bytes(1000, 2000), 'more than fits');
});

test('who breaks the rules is found out, and nothing is read or written any more', (t) => {
  const one = setUp();
  one.memory.words[written] = size + 1;
  t.is(one.reader.next().length, 0);
  t.regex(one.reader.violation ?? '', /more than fits/);
  t.true(one.reader.sleep(true), 'it is told of');
  const other = setUp();
  other.memory.words[read] = 8;
  t.is(other.writer.push(bytes(10), never), 0);
  t.regex(other.writer.violation ?? '', /never written/);
  t.is(other.writer.unread, 0);
});
