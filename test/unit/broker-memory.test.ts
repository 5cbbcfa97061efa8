// The arena: blocks of pages, their bound, and that everything is given back.
import test from 'ava';
import {
  abi,
  call,
  closeAndRelease,
  connected,
  host,
  inet,
  listening,
  must,
  nonBlocking,
  offer,
  read,
  Service,
  stream,
  write,
} from './kernel_broker/service.ts';

const page = 4096;
const mebibyte = 1024 * 1024;
/** Pages of small blocks that are kept for the next connection: eight of each of 4, 8 and 16 KiB. */
const spares = 56;
const block = (size: number, contiguous = false) => {
  const made = host.allocate(size, contiguous);
  if (typeof made === 'number') throw new Error(`allocate: ${made}`);
  return { offset: made[0], size: made[1], physical: made[2] };
};

/** A random generator that a failure can be replayed with. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.serial('pages in a buddy tree: aligned, apart, and all back in the end', (t) => {
  const buddy = new host.Buddy();
  t.true(buddy.isEmpty());
  t.is(buddy.free(0), -1);
  const next = random(7);
  const taken = new Map<number, number>();
  for (let round = 0; round < 20000; round++) {
    if (next(2) === 0) {
      const order = next(8);
      const first = buddy.allocate(order);
      if (first < 0) continue;
      t.is(first % (1 << order), 0);
      for (const [other, otherOrder] of taken) {
        const apart = first >= other + (1 << otherOrder) || other >= first + (1 << order);
        if (!apart) t.fail(`round ${round}: ${first} and ${other} overlap`);
      }
      taken.set(first, order);
    } else {
      const index = next(1024);
      t.is(buddy.free(index), taken.get(index) ?? -1);
      taken.delete(index);
    }
  }
  for (const [first, order] of taken) t.is(buddy.free(first), order);
  t.true(buddy.isEmpty());
  t.is(buddy.allocate(10), 0);
  t.is(buddy.allocate(0), -1);
  t.is(buddy.free(512), -1);
  t.is(buddy.free(0), 10);
});

test.serial('blocks of the service', (t) => {
  const service = new Service();
  const before = host.statistics();
  const small = block(100);
  t.is(small.size, page);
  t.is(small.physical, 0);
  t.true(small.offset >= abi.arenaHeapOffset);
  const device = block(100000, true);
  t.is(device.size, 128 * 1024);
  t.true(device.physical > 0);
  t.true(
    service.bytes.subarray(device.offset, device.offset + device.size).every((byte) => byte === 0),
  );
  service.bytes.fill(0xab, device.offset, device.offset + device.size);
  const large = block(20 * mebibyte);
  t.is(large.size, 32 * mebibyte);
  service.bytes[large.offset + 20 * mebibyte] = 1;
  t.is(host.statistics().pages - before.pages, 1 + 32 + 8192);
  t.is(host.statistics().arenaBytes - before.arenaBytes, (1 + 32 + 8192) * page);
  host.free(device.offset);
  const again = block(100000, true);
  t.is(again.offset, device.offset);
  t.is(service.bytes[again.offset], 0); // zeroed anew
  host.free(small.offset);
  host.free(large.offset);
  t.is(host.statistics().pages - before.pages, 32);
  service.end(); // takes the rest along
  t.is(host.statistics().pages, before.pages);
  t.is(host.statistics().arenaBytes, before.arenaBytes);
});

test.serial('no and too many bytes', (t) => {
  const service = new Service();
  t.is(host.allocate(0, false), -22);
  t.is(host.allocate(5 * mebibyte, true), -22);
  t.is(host.allocate(100 * mebibyte, false), -22);
  service.end();
});

test.serial('at most a quarter of the memory: then connections, not the app, suffer', async (t) => {
  const service = new Service();
  const { arenaLimit } = host.statistics();
  t.is(arenaLimit, 128 * mebibyte);
  const { fd, id } = await connected(service, nonBlocking);
  const listener = await listening(service, nonBlocking);
  const taken: number[] = [];
  for (let size = 32 * mebibyte; size >= page; size /= 2) {
    for (;;) {
      const made = host.allocate(size, false);
      if (typeof made === 'number') break;
      taken.push(made[0]);
    }
  }
  t.true(host.statistics().arenaBytes <= arenaLimit);
  t.true(host.statistics().arenaBytes > arenaLimit - page);
  t.is(write(fd, 'x'), 'ENOBUFS');
  t.is(host.resize(id, abi.directionReceive, 4096), -12);
  for (const offset of taken) host.free(offset);
  t.is(write(fd, 'x'), 1);
  t.is(host.resize(id, abi.directionReceive, 4096), 0);
  closeAndRelease(service, fd, id);
  closeAndRelease(service, listener.fd, listener.id);
  service.end();
});

test.serial('no page can be had: sockets fail cleanly', async (t) => {
  const service = new Service();
  const { fd, id } = await connected(service, nonBlocking);
  host.limitPages(0);
  t.is(write(fd, 'x'), 'ENOBUFS');
  t.is(host.resize(id, abi.directionReceive, 4096), -12);
  t.is(host.allocate(4096, false), -12);
  host.limitPages(-1);
  t.is(write(fd, 'x'), 1);
  closeAndRelease(service, fd, id);
  service.end();
});

test.serial('ten thousand connections, and everything back where it began', async (t) => {
  const atFirst = host.statistics().pages;
  const service = new Service();
  const listener = await listening(service, nonBlocking);
  const before = host.statistics();
  for (let round = 0; round < 10000; round++) {
    const id = offer(service, listener.id, 1024 + (round % 60000));
    const fd = must('accept4', listener.fd, null, null, nonBlocking);
    service.deliver(id, 'GET');
    read(fd);
    write(fd, 'OK');
    must('close', fd);
    service.take();
    host.release(id);
  }
  const after = host.statistics();
  t.is(after.sockets, before.sockets);
  t.true(after.pages <= before.pages + spares);
  closeAndRelease(service, listener.fd, listener.id);
  service.end();
  t.is(host.statistics().pages, atFirst);
});

test.serial('a thousand sockets at once', (t) => {
  const before = host.state().descriptors;
  const fds = Array.from({ length: 900 }, () => must('socket', inet, stream, 0));
  t.is(host.statistics().sockets, 900);
  for (const fd of fds) must('close', fd);
  t.is(host.statistics().sockets, 0);
  t.is(host.state().descriptors, before);
  t.is(call('close', fds[0] as number), 'EBADF');
});
