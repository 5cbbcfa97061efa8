// inotify(7), on the real tree: what is reported, in which order, and what is not.
import test from 'ava';
import {
  callAsync,
  epoll,
  host,
  onBoth,
  open,
  ours,
  poll,
  type System,
  sleepers,
} from './system.ts';

const events = {
  access: 0x1,
  modify: 0x2,
  attributes: 0x4,
  closeWrite: 0x8,
  closeNoWrite: 0x10,
  open: 0x20,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
  overflow: 0x4000,
  ignored: 0x8000,
  onlyDirectory: 0x01000000,
  maskCreate: 0x10000000,
  maskAdd: 0x20000000,
  isDirectory: 0x40000000,
  oneShot: 0x80000000,
  all: 0xfff,
} as const;

type Event = [watch: number, mask: number, name: string];

/** All queued events; `cookies` collects those that are not 0. */
function drain(system: System, inotify: number, cookies: number[] = []): Event[] {
  const list: Event[] = [];
  const buffer = Buffer.alloc(65536);
  for (;;) {
    const size = system.call('read', inotify, buffer, buffer.length);
    if (size === 'EAGAIN') return list;
    if (typeof size === 'string') throw new Error(size);
    for (let offset = 0; offset < size; ) {
      const length = buffer.readUInt32LE(offset + 12);
      const name = buffer.toString('latin1', offset + 16, offset + 16 + length);
      const cookie = buffer.readUInt32LE(offset + 8);
      if (cookie !== 0) cookies.push(cookie);
      list.push([
        buffer.readInt32LE(offset),
        buffer.readUInt32LE(offset + 4),
        name.replace(/\0+$/, ''),
      ]);
      offset += 16 + length;
    }
  }
}

let directories = 0;
/** A fresh directory of the system, and an inotify instance. */
function prepare(system: System): { inotify: number; directory: string } {
  directories += 1;
  const directory = `watched-${directories}`;
  system.must('mkdir', system.path(directory), 0o755);
  return { inotify: system.must('inotify_init1', open.nonBlocking), directory };
}

const watch = (system: System, inotify: number, path: string, mask: number) =>
  system.call('inotify_add_watch', inotify, system.path(path), mask);
const createFlags = 0o102;

onBoth('a file in a watched directory: create, write, close, remove', (t, system) => {
  const { inotify, directory } = prepare(system);
  const descriptor = watch(system, inotify, directory, events.all) as number;
  t.is(descriptor, 1);
  t.is(system.poll(inotify, poll.in), 0);
  const file = system.must('open', system.path(`${directory}/file`), createFlags, 0o644);
  t.is(system.poll(inotify, poll.in), poll.in);
  system.write(file, 'content');
  system.close(file);
  system.must('chmod', system.path(`${directory}/file`), 0o600);
  system.must('unlink', system.path(`${directory}/file`));
  t.deepEqual(drain(system, inotify), [
    [1, events.create, 'file'],
    [1, events.open, 'file'],
    [1, events.modify, 'file'],
    [1, events.closeWrite, 'file'],
    [1, events.attributes, 'file'],
    [1, events.delete, 'file'],
  ]);
  system.close(inotify);
});

onBoth('a watched file reports without a name, and then that it is gone', (t, system) => {
  const { inotify, directory } = prepare(system);
  const path = system.path(`${directory}/alone`);
  system.close(system.must('open', path, createFlags, 0o644));
  watch(
    system,
    inotify,
    `${directory}/alone`,
    events.modify | events.deleteSelf | events.attributes,
  );
  const file = system.must('open', path, 1, 0);
  system.write(file, 'x');
  system.close(file);
  system.must('unlink', path);
  t.deepEqual(drain(system, inotify), [
    [1, events.modify, ''],
    [1, events.attributes, ''],
    [1, events.deleteSelf, ''],
    [1, events.ignored, ''],
  ]);
  t.is(system.call('inotify_rm_watch', inotify, 1), 'EINVAL');
  system.close(inotify);
});

onBoth('a rename pairs its two events by a cookie', (t, system) => {
  const { inotify, directory } = prepare(system);
  system.must('mkdir', system.path(`${directory}/a`), 0o755);
  system.must('mkdir', system.path(`${directory}/b`), 0o755);
  system.close(system.must('open', system.path(`${directory}/a/old`), createFlags, 0o644));
  const moves = events.movedFrom | events.movedTo | events.moveSelf;
  watch(system, inotify, `${directory}/a`, moves);
  watch(system, inotify, `${directory}/b`, moves);
  watch(system, inotify, `${directory}/a/old`, moves);
  system.must('rename', system.path(`${directory}/a/old`), system.path(`${directory}/b/new`));
  const cookies: number[] = [];
  t.deepEqual(drain(system, inotify, cookies), [
    [1, events.movedFrom, 'old'],
    [2, events.movedTo, 'new'],
    [3, events.moveSelf, ''],
  ]);
  t.is(cookies.length, 2);
  t.is(cookies[0], cookies[1]);
  system.close(inotify);
});

onBoth('directories are marked as such', (t, system) => {
  const { inotify, directory } = prepare(system);
  watch(system, inotify, directory, events.create | events.delete | events.deleteSelf);
  system.must('mkdir', system.path(`${directory}/inner`), 0o755);
  system.must('rmdir', system.path(`${directory}/inner`));
  system.must('rmdir', system.path(directory));
  t.deepEqual(drain(system, inotify), [
    [1, events.create | events.isDirectory, 'inner'],
    [1, events.delete | events.isDirectory, 'inner'],
    [1, events.deleteSelf, ''],
    [1, events.ignored, ''],
  ]);
  system.close(inotify);
});

onBoth('equal events in a row are one', (t, system) => {
  const { inotify, directory } = prepare(system);
  watch(system, inotify, directory, events.modify);
  const files = ['x', 'y'].map((name) =>
    system.must('open', system.path(`${directory}/${name}`), createFlags, 0o644),
  );
  for (const index of [0, 0, 0, 1, 0]) system.write(files[index] as number, 'data');
  t.deepEqual(drain(system, inotify), [
    [1, events.modify, 'x'],
    [1, events.modify, 'y'],
    [1, events.modify, 'x'],
  ]);
  system.close(inotify, ...files);
});

onBoth('masks: replaced, added to, refused', (t, system) => {
  const { inotify, directory } = prepare(system);
  const second = `${directory}/../${directory}`;
  t.is(watch(system, inotify, directory, events.create), 1);
  t.is(watch(system, inotify, second, events.delete), 1);
  system.close(system.must('open', system.path(`${directory}/f`), createFlags, 0o644));
  t.deepEqual(drain(system, inotify), []);
  t.is(watch(system, inotify, directory, events.create | events.maskAdd), 1);
  system.must('unlink', system.path(`${directory}/f`));
  system.close(system.must('open', system.path(`${directory}/g`), createFlags, 0o644));
  t.deepEqual(drain(system, inotify), [
    [1, events.delete, 'f'],
    [1, events.create, 'g'],
  ]);
  t.is(watch(system, inotify, directory, events.create | events.maskCreate), 'EEXIST');
  t.is(watch(system, inotify, `${directory}/g`, events.open | events.onlyDirectory), 'ENOTDIR');
  t.is(watch(system, inotify, directory, 0), 'EINVAL');
  t.is(watch(system, inotify, directory, 1 | events.maskAdd | events.maskCreate), 'EINVAL');
  t.is(watch(system, inotify, `${directory}/none`, events.open), 'ENOENT');
  t.is(watch(system, 9999, directory, events.open), 'EBADF');
  const event = system.eventfd();
  t.is(watch(system, event, directory, events.open), 'EINVAL');
  t.is(system.call('inotify_init1', 1), 'EINVAL');
  system.close(inotify, event);
});

onBoth('a one-shot watch ends with its first event', (t, system) => {
  const { inotify, directory } = prepare(system);
  watch(system, inotify, directory, events.create | events.oneShot);
  for (const name of ['f', 'g']) {
    system.close(system.must('open', system.path(`${directory}/${name}`), createFlags, 0o644));
  }
  t.deepEqual(drain(system, inotify), [
    [1, events.create, 'f'],
    [1, events.ignored, ''],
  ]);
  t.is(watch(system, inotify, directory, events.create), 2);
  system.close(inotify);
});

onBoth('removing a watch says so; a small buffer is refused', (t, system) => {
  const { inotify, directory } = prepare(system);
  watch(system, inotify, directory, events.create);
  system.close(system.must('open', system.path(`${directory}/named`), createFlags, 0o644));
  t.is(system.tryRead(inotify, 20), 'EINVAL');
  const count = new Int32Array(1);
  t.is(system.call('ioctl', inotify, 0x541b, count), 0);
  t.is(count[0], 32);
  t.is(system.call('inotify_rm_watch', inotify, 1), 0);
  t.is(system.call('inotify_rm_watch', inotify, 1), 'EINVAL');
  system.close(system.must('open', system.path(`${directory}/later`), createFlags, 0o644));
  t.deepEqual(drain(system, inotify), [
    [1, events.create, 'named'],
    [1, events.ignored, ''],
  ]);
  system.close(inotify);
});

onBoth('the end of what is watched reaches epoll', (t, system) => {
  const { inotify, directory } = prepare(system);
  const instance = system.epoll();
  system.control(instance, epoll.add, inotify, poll.in, 6);
  watch(system, inotify, directory, events.create);
  t.deepEqual(system.wait(instance), []);
  system.must('rmdir', system.path(directory));
  t.deepEqual(system.wait(instance), [[6, poll.in]]);
  t.deepEqual(drain(system, inotify), [[1, events.ignored, '']]);
  t.deepEqual(system.wait(instance), []);
  system.close(inotify, instance);
});

test.serial('a full queue says that events were lost', (t) => {
  const { inotify, directory } = prepare(ours);
  watch(ours, inotify, directory, events.attributes);
  const names = ['x', 'y'].map((name) => `${directory}/${name}`);
  for (const name of names) ours.close(ours.must('open', ours.path(name), createFlags, 0o644));
  for (let count = 0; count < 20_000; count += 1) {
    ours.must('chmod', ours.path(names[count % 2] as string), 0o600);
  }
  const list = drain(ours, inotify);
  t.is(list.length, 16_385);
  t.deepEqual(list.at(-1), [-1, events.overflow, '']);
  ours.must('chmod', ours.path(names[0] as string), 0o600);
  t.deepEqual(drain(ours, inotify), [[1, events.attributes, 'x']]);
  ours.close(inotify);
});

test.serial('a reader sleeps until something happens', async (t) => {
  const { inotify, directory } = prepare(ours);
  ours.must('fcntl', inotify, 4, 0);
  watch(ours, inotify, directory, events.create);
  const buffer = Buffer.alloc(64);
  const reading = callAsync('read', inotify, buffer, 64);
  await sleepers(1);
  ours.must('mkdir', ours.path(`${directory}/new`), 0o755);
  t.is(await reading, 32);
  t.is(host.state().sleepers, 0);
  ours.close(inotify);
});

test.serial('closing an instance with watches leaves nothing behind', (t) => {
  const { inotify, directory } = prepare(ours);
  for (let count = 0; count < 300; count += 1) {
    const path = `${directory}/f${count}`;
    ours.close(ours.must('open', ours.path(path), createFlags, 0o644));
    t.is(watch(ours, inotify, path, events.all), count + 1);
  }
  ours.close(inotify);
  ours.must('unlink', ours.path(`${directory}/f7`));
  t.pass();
});
