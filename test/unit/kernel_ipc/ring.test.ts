// The byte ring against a plain array of bytes, in random steps. TEST_SEED=n repeats a run.
import { randomInt } from 'node:crypto';
import test from 'ava';
import { host } from './system.ts';

const pageSize = 4096;
const noMemory = -12;
const busy = -16;

/** A small generator (Marsaglia's xorshift), so that a printed seed repeats a run. */
function generator(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

test.serial('bytes leave in the order in which they came, whatever the steps', (t) => {
  const seed = Number(process.env.TEST_SEED ?? randomInt(1, 2 ** 31));
  t.log(`seed ${seed}`);
  const random = generator(seed);
  const ring = new host.Ring();
  t.is(ring.setCapacity(4 * pageSize), 0);
  let model = Buffer.alloc(0);
  for (let step = 0; step < 3000; step++) {
    switch (random(4)) {
      case 0: {
        const bytes = Buffer.alloc(random(ring.freeSpace() + 1), random(256));
        t.is(ring.write(bytes), 0);
        model = Buffer.concat([model, bytes]);
        break;
      }
      case 1: {
        const bytes = Buffer.alloc(random(ring.used() + 1));
        t.is(ring.read(bytes), 0);
        t.deepEqual(bytes, model.subarray(0, bytes.length));
        model = model.subarray(bytes.length);
        break;
      }
      case 2: {
        const offset = random(ring.used() + 1);
        const bytes = Buffer.alloc(random(ring.used() - offset + 1));
        t.is(ring.peek(bytes, offset), 0);
        t.deepEqual(bytes, model.subarray(offset, offset + bytes.length));
        break;
      }
      default: {
        const size = random(Math.min(ring.used(), 100) + 1);
        ring.discard(size);
        model = model.subarray(size);
      }
    }
    if (ring.used() !== model.length) t.is(ring.used(), model.length);
  }
  t.is(ring.freeSpace(), 4 * pageSize - model.length);
});

test.serial('pages are taken as bytes arrive and given back as they leave', (t) => {
  const before = host.state().frames;
  const ring = new host.Ring();
  t.is(ring.setCapacity(8 * pageSize), 0);
  t.is(host.state().frames, before);
  t.is(ring.write(Buffer.alloc(3 * pageSize, 1)), 0);
  t.is(host.state().frames, before + 3);
  ring.discard(3 * pageSize);
  t.is(host.state().frames, before);
});

test.serial('a capacity that the content does not fit is refused, and the content stays', (t) => {
  const ring = new host.Ring();
  t.is(ring.setCapacity(4 * pageSize), 0);
  const content = Buffer.alloc(3 * pageSize, 7);
  t.is(ring.write(content), 0);
  t.is(ring.setCapacity(2 * pageSize), busy);
  t.is(ring.setCapacity(8 * pageSize), 0);
  const back = Buffer.alloc(content.length);
  t.is(ring.read(back), 0);
  t.deepEqual(back, content);
});

test.serial('a write that memory does not suffice for leaves the ring as it was', (t) => {
  const ring = new host.Ring();
  t.is(ring.setCapacity(8 * pageSize), 0);
  t.is(ring.write(Buffer.from('kept')), 0);
  const frames = host.state().frames;
  host.limitFrames(2);
  t.teardown(() => host.limitFrames(-1));
  t.is(ring.write(Buffer.alloc(6 * pageSize, 2)), noMemory);
  t.is(ring.used(), 4);
  t.is(host.state().frames, frames);
  const kept = Buffer.alloc(4);
  t.is(ring.read(kept), 0);
  t.is(kept.toString(), 'kept');
});
