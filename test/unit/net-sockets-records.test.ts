/** Records of datagram rings, as a kernel that errs could leave them. */
import { HostMemory } from '@runtimejs/net/memory.ts';
import { RecordReader } from '@runtimejs/net/sockets/datagram-ring.ts';
import test from 'ava';

test('a record of nearly 2^32 bytes empties the ring, and is not read for ever', (t) => {
  const memory = new HostMemory(8192);
  // Offset, capacity, head, tail.
  memory.words.set([4096, 1024, 512, 0], 0);
  const reader = new RecordReader(memory, { offset: 0, capacity: 1, head: 2, tail: 3 });
  for (const length of [-1000, -64, -40, 2000]) {
    memory.words.set([512, 0], 2);
    memory.words[4096 >> 2] = length;
    t.is(reader.peek(), 0, `${length}`);
    t.true(reader.isEmpty);
  }
  // More than the ring can hold.
  memory.words.set([5000, 0], 2);
  memory.words[4096 >> 2] = 8;
  t.is(reader.peek(), 0);
  t.true(reader.isEmpty);
});
