import { HostMemory } from '@runtimejs/net/memory.ts';
import { RecordWriter } from '@runtimejs/net/sockets/datagram-ring.ts';
import test from 'ava';

test('a datagram for an idle socket, whose ring was freed, asks for a ring and writes nowhere else', (t) => {
  const memory = new HostMemory(256 * 1024);
  const words = { offset: 0, capacity: 1, head: 2, tail: 3 };
  const used = 87_984; // bytes that went through the ring before it was freed
  memory.words[words.head] = used;
  memory.words[words.tail] = used;
  const before = memory.bytes.slice();
  let asked = 0;
  const writer = new RecordWriter(memory, words, (capacity) => {
    asked = capacity;
    t.deepEqual(memory.bytes, before, 'something was written without a ring');
    memory.words[words.offset] = 65_536;
    memory.words[words.capacity] = capacity;
    return true;
  });
  const record = writer.reserve(100, 212_992);
  t.true(asked > 0);
  t.true(record >= 65_536 && record < 65_536 + asked);
});
