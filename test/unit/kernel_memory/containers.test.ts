// Vector, List, RefPtr and String, also when memory runs out.
import test, { type ExecutionContext } from 'ava';
import { kernel, type List, NO_MEMORY, randomFor } from './addon.ts';

const vectorOf = (...values: number[]) => {
  const vector = new kernel.Vector();
  for (const value of values) vector.push(value);
  return vector;
};

test('a vector does what an array does', (t) => {
  const random = randomFor(t);
  const vector = new kernel.Vector();
  const array: number[] = [];
  const othersLive = kernel.liveItems();
  for (let step = 0; step < 5000; step++) {
    const value = random(1 << 30);
    const index = random(array.length + 1);
    switch (random(8)) {
      case 0:
      case 1:
        t.is(vector.push(value), 0);
        array.push(value);
        break;
      case 2:
      case 3:
        t.is(vector.insert(index, value), 0);
        array.splice(index, 0, value);
        break;
      case 4:
        if (index === array.length) break;
        vector.remove(index);
        array.splice(index, 1);
        break;
      case 5: {
        const count = random(Math.min(4, array.length - index + 1));
        vector.removeRange(index, count);
        array.splice(index, count);
        break;
      }
      case 6:
        if (array.length === 0) break;
        vector.pop();
        array.pop();
        break;
      default: {
        if (random(4)) break;
        const size = Math.max(0, array.length + random(9) - 4);
        t.is(vector.resize(size), 0);
        while (array.length < size) array.push(0);
        array.length = size;
      }
    }
    if (step % 50 === 0) t.deepEqual(vector.items(), array);
    if (kernel.liveItems() - othersLive !== array.length) t.fail('an element was not destroyed');
  }
  t.deepEqual(vector.items(), array);
  vector.clear();
  t.deepEqual(vector.items(), []);
  t.is(kernel.liveItems(), othersLive);
});

test('a vector that cannot grow stays as it is', (t) => {
  const vector = vectorOf(1, 2, 3, 4); // as many as it has room for at first
  const [live, allocations] = [kernel.liveItems(), kernel.allocationsInUse()];
  for (const grow of [
    () => vector.push(5),
    () => vector.insert(0, 5),
    () => vector.reserve(5),
    () => vector.resize(5),
  ]) {
    kernel.failAllocation(1);
    t.is(grow(), NO_MEMORY);
    t.deepEqual(vector.items(), [1, 2, 3, 4]);
    t.is(kernel.liveItems(), live);
    t.is(kernel.allocationsInUse(), allocations);
  }
  kernel.failAllocation(1);
  t.is(vector.resize(2), 0, 'shrinking takes no memory');
  t.is(vector.push(6), 0, 'nor does room that is there');
  kernel.failAllocation(0);
  t.deepEqual(vector.items(), [1, 2, 6]);
});

test('a reserved vector grows without memory', (t) => {
  const vector = new kernel.Vector();
  t.is(vector.reserve(100), 0);
  const allocations = kernel.allocationsInUse();
  for (let i = 0; i < 100; i++) vector.push(i);
  t.is(kernel.allocationsInUse(), allocations);
  kernel.failAllocation(1);
  t.is(vector.push(100), NO_MEMORY);
  t.is(vector.items().length, 100);
});

test('a vector moves with its memory', (t) => {
  const [from, to] = [vectorOf(1, 2, 3), vectorOf(9)];
  const live = kernel.liveItems();
  const allocations = kernel.allocationsInUse();
  to.moveFrom(from);
  t.deepEqual(to.items(), [1, 2, 3]);
  t.deepEqual(from.items(), []);
  t.is(kernel.liveItems(), live - 1);
  t.is(kernel.allocationsInUse(), allocations - 1);
  t.is(from.push(4), 0, 'and can be filled again');
  t.deepEqual(from.items(), [4]);
  to.moveFrom(to);
  t.deepEqual(to.items(), [1, 2, 3]);
});

const checkList = (t: ExecutionContext, list: List, expected: number[]) => {
  t.deepEqual(list.items(), expected);
  t.is(list.isEmpty(), expected.length === 0);
};

test('a list keeps the order of its elements', (t) => {
  const list = new kernel.List(10);
  checkList(t, list, []);
  t.is(list.popFront(), undefined);
  list.pushBack(1);
  list.pushBack(2);
  list.pushFront(0);
  list.insertBefore(0, 5);
  list.insertBefore(2, 6);
  checkList(t, list, [5, 0, 1, 6, 2]);
  t.is(list.popFront(), 5);
  t.false(list.isLinked(5));
  list.unlink(6);
  list.unlink(6);
  checkList(t, list, [0, 1, 2]);
  list.pushBack(5);
  checkList(t, list, [0, 1, 2, 5]);
});

test('a walk over a list survives that the visited element leaves', (t) => {
  const list = new kernel.List(10);
  for (let i = 0; i < 10; i++) list.pushBack(i);
  t.deepEqual(list.takeIf(3), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  checkList(t, list, [1, 2, 4, 5, 7, 8]);
  t.deepEqual(list.takeIf(1), [1, 2, 4, 5, 7, 8]);
  checkList(t, list, []);
});

test('a list does what an array does', (t) => {
  const random = randomFor(t);
  const list = new kernel.List(40);
  const array: number[] = [];
  for (let step = 0; step < 5000; step++) {
    const element = random(40);
    const at = array.indexOf(element);
    if (list.isLinked(element) !== at >= 0) t.fail(`element ${element} is not where it was`);
    if (at >= 0) {
      if (random(5) === 0) {
        if (list.popFront() !== array.shift()) t.fail('another element was first');
      } else {
        list.unlink(element);
        array.splice(at, 1);
      }
      continue;
    }
    const position = random(array.length + 2) - 1;
    if (position < 0) list.pushFront(element);
    else if (position < array.length) list.insertBefore(array[position]!, element);
    else list.pushBack(element);
    array.splice(Math.max(0, position), 0, element);
    if (step % 50 === 0) checkList(t, list, array);
  }
  checkList(t, list, array);
});

test('handles count references, and the last one ends the object', (t) => {
  const handles = new kernel.Handles(4);
  const live = kernel.liveShared();
  t.is(handles.count(0), 0);
  handles.adopt(0);
  t.is(handles.count(0), 1);
  handles.copy(1, 0);
  t.is(handles.count(0), 2);
  t.true(handles.same(0, 1));
  handles.move(2, 1);
  t.is(handles.count(0), 2);
  t.is(handles.count(1), 0);
  handles.reset(0);
  t.is(handles.count(2), 1);
  t.is(kernel.liveShared(), live + 1);
  handles.reset(2);
  t.is(kernel.liveShared(), live);
  t.true(handles.same(0, 2), 'empty handles are equal');
});

test('a handle may be assigned to itself', (t) => {
  const handles = new kernel.Handles(1);
  handles.adopt(0);
  handles.copy(0, 0);
  t.is(handles.count(0), 1);
  handles.move(0, 0);
  t.is(handles.count(0), 1);
});

test('assigning to a handle ends what it held', (t) => {
  const handles = new kernel.Handles(3);
  const live = kernel.liveShared();
  handles.adopt(0);
  handles.upcast(1);
  t.is(handles.count(1), 1, 'a handle to a derived object converts without a trace');
  t.false(handles.same(0, 1));
  handles.copy(0, 1);
  t.is(kernel.liveShared(), live + 1);
  handles.upcast(2);
  handles.move(1, 2);
  t.is(kernel.liveShared(), live + 2);
  t.is(handles.count(0), 1);
  handles.move(0, 2);
  t.is(handles.count(0), 0, 'moving from an empty handle empties');
  t.is(kernel.liveShared(), live + 1);
});

test('a string keeps a copy', (t) => {
  const string = new kernel.String();
  t.is(string.text(), '');
  t.true(string.assign('hello'));
  t.is(string.text(), 'hello');
  t.true(string.assign(''));
  t.is(string.text(), '');
  t.true(string.assign('a\0b'));
  t.is(string.text(), 'a\0b', 'its length counts, not the first NUL');
});

test('a string may be assigned a part of itself', (t) => {
  const string = new kernel.String();
  string.assign('/tmp/file');
  t.true(string.assignPart(5));
  t.is(string.text(), 'file');
});

test('a string that gets no memory stays as it is', (t) => {
  const string = new kernel.String();
  string.assign('before');
  const allocations = kernel.allocationsInUse();
  kernel.failAllocation(1);
  t.false(string.assign('after'));
  t.is(string.text(), 'before');
  t.is(kernel.allocationsInUse(), allocations);
  t.true(string.assign('after'));
  t.is(kernel.allocationsInUse(), allocations, 'the old copy is given back');
});

test('a string moves with its memory', (t) => {
  const [from, to] = [new kernel.String(), new kernel.String()];
  from.assign('moved');
  to.assign('lost');
  const allocations = kernel.allocationsInUse();
  to.moveFrom(from);
  t.is(to.text(), 'moved');
  t.is(from.text(), '');
  t.is(kernel.allocationsInUse(), allocations - 1);
});

test('views compare by content', (t) => {
  const facts = (text: string, other: string) => Object.values(kernel.viewFacts(text, other));
  t.deepEqual(facts('path', 'path'), [true, false, true, 0]);
  t.deepEqual(facts('path', 'pa'), [false, true, true, 0]);
  t.deepEqual(facts('pa', 'path'), [false, true, false, 0]);
  t.deepEqual(facts('path', 'th'), [false, true, false, 2]);
  t.deepEqual(facts('path', 'x'), [false, true, false, 4]);
  t.deepEqual(facts('path', ''), [false, true, true, 4]);
  t.deepEqual(facts('', ''), [true, false, true, 0]);
});
