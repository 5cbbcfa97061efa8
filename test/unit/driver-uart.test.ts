/** The driver of serial ports, with a model of a 16550: honest ones, lossy ones, and one that never stops. */
import { attach, type SerialLine } from '@runtimejs/uart/driver.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';
import { FakePlatform } from './support/fake-platform.ts';
import { UartModel } from './support/uart-model.ts';

const interruptEnable = 1;
const fifoControl = 2;
const lineControl = 3;

function start(model: UartModel) {
  const platform = new FakePlatform();
  platform.ports.push(model);
  const [line] = attach(platform);
  if (line === undefined) throw new Error('no line');
  const told = { readable: 0, writable: 0, breaks: 0 };
  line.start({
    readable: () => {
      told.readable += 1;
    },
    writable: () => {
      told.writable += 1;
    },
    resized: () => {},
    breakReceived: () => {
      told.breaks += 1;
    },
    connectionChanged: () => {},
  });
  return { platform, line, told };
}

/** Takes what there is. */
function readAll(line: SerialLine, most = Number.POSITIVE_INFINITY): number[] {
  const into = new Uint8Array(100);
  const all: number[] = [];
  while (all.length < most) {
    const count = line.read(into);
    if (count === 0) break;
    all.push(...into.subarray(0, count));
  }
  return all;
}

const bytes = (text: string): number[] => [...Buffer.from(text, 'latin1')];

test('a port is set up as a terminal wants it, the boot console only as far as it is not yet', (t) => {
  const own = new UartModel(1, false);
  const { line } = start(own);
  t.is(line.name, 'serial1');
  t.is(line.fileName, 'ttyS1');
  t.deepEqual(
    own.writes.filter(({ number }) => number === lineControl).map(({ value }) => value),
    [0x80, 0x03],
    'the divisor, then eight bits',
  );
  const boot = new UartModel();
  const { line: first } = start(boot);
  t.is(first.name, 'serial');
  t.true(first.isBootConsole);
  t.false(boot.writes.some(({ number }) => number === lineControl || number === 0));
  const fifo = boot.writes.find(({ number }) => number === fifoControl);
  t.is((fifo?.value ?? 0) & 7, 1, 'what has arrived is kept');
});

test('what is in the port stays when a driver follows another one, and its line is not set up again', (t) => {
  for (const model of [new UartModel(0, true), new UartModel(1, false)]) {
    const { line: first } = start(model);
    readAll(first);
    model.send(bytes('between'));
    const writes = model.writes.length;
    const { line: second } = start(model);
    t.deepEqual(readAll(second), bytes('between'));
    const later = model.writes.slice(writes).map(({ number, value }) => [number, value]);
    t.true(later.every(([number = 0, value = 0]) => number !== fifoControl || (value & 7) === 1));
    t.false(
      later.some(([number]) => number === 0),
      'the divisor',
    );
  }
  const other = new UartModel(1, false);
  start(other);
  other.write(lineControl, 0x83);
  other.write(0, 12); // 9600 bits per second
  other.write(lineControl, 0x03);
  const writes = other.writes.length;
  start(other);
  t.true(other.writes.slice(writes).some(({ number, value }) => number === 0 && value === 1));
});

test('what arrived before the start is read; what comes later interrupts', (t) => {
  const model = new UartModel();
  model.send(bytes('e')); // The other side waits with the rest: there is one register, without FIFOs.
  const { line, told } = start(model);
  model.send(bytes('arly'));
  t.is(told.readable, 1);
  t.deepEqual(readAll(line), bytes('early'));
  for (const key of 'keys') {
    model.send(bytes(key));
    model.pause();
    model.line.deliver();
    t.deepEqual(readAll(line), bytes(key));
  }
  t.is(line.counters.receivedBytes, 9);
});

test('a paste arrives whole, however fast either side is', (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed);
    const model = new UartModel();
    const { line, told } = start(model);
    const paste = new Uint8Array(20_000);
    random.fill(paste);
    const received: number[] = [];
    let sent = 0;
    for (let step = 0; step < 1_000_000 && received.length < paste.length; step += 1) {
      const burst = Math.min(random.integer(0, 19), model.receiveRoom, paste.length - sent);
      model.send(paste.subarray(sent, sent + burst));
      sent += burst;
      if (burst === 0) model.pause();
      if (random.chance(0.5)) model.line.deliver();
      if (told.readable === 0 || random.chance(0.3)) continue;
      const part = readAll(line, random.integer(1, 50));
      received.push(...part);
      if (part.length === 0) told.readable = 0;
    }
    t.true(Buffer.from(received).equals(Buffer.from(paste)), `seed ${seed}: ${received.length}`);
    t.is(line.counters.overruns, 0, `seed ${seed}`);
  }
});

test('input that nobody reads stays in the port and does not interrupt over and over', (t) => {
  const model = new UartModel();
  const { line, told } = start(model);
  readAll(line);
  for (let round = 0; round < 100; round += 1) {
    model.send(bytes('x').slice(0, model.receiveRoom));
    model.pause();
    model.line.deliver();
  }
  t.is(line.counters.interrupts, 1);
  t.is(told.readable, 2);
  t.is(model.receiveRoom, 0, 'the other side waits');
  t.is(readAll(line).length, 16);
  model.send(bytes('more'));
  model.pause();
  model.line.deliver();
  t.deepEqual(readAll(line), bytes('more'));
});

test('output goes on by interrupts as fast as the other side reads', (t) => {
  const model = new UartModel();
  model.room = 16;
  const { platform, line, told } = start(model);
  readAll(line);
  const text = Uint8Array.from(bytes('0123456789'.repeat(100)));
  let taken = line.write(text);
  t.is(taken, 16);
  for (let round = 0; round < 100 && taken < text.length; round += 1) {
    model.drain(16);
    model.line.deliver();
    t.is(told.writable, round + 1, 'one word each time');
    taken += line.write(text.subarray(taken));
  }
  t.deepEqual(model.sent, [...text]);
  model.drain(16);
  model.line.deliver();
  t.is(platform.timers, 0, 'an idle line has no timer');
  t.is(line.counters.lostInterrupts, 0);
});

test('both directions at once', (t) => {
  const random = seededRandom(7);
  const model = new UartModel();
  model.room = 0;
  const { line } = start(model);
  const output = Uint8Array.from({ length: 3000 }, (_, index) => index & 0xff);
  const input = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff);
  const received: number[] = [];
  let [sent, taken] = [0, 0];
  for (let step = 0; step < 100_000 && (received.length < 3000 || taken < 3000); step += 1) {
    const burst = Math.min(random.integer(0, 8), model.receiveRoom, input.length - sent);
    model.send(input.subarray(sent, sent + burst));
    sent += burst;
    if (random.chance(0.25)) model.pause();
    if (random.chance(0.5)) model.drain(16);
    model.line.deliver();
    received.push(...readAll(line));
    if (taken < 3000) taken += line.write(output.subarray(taken));
  }
  t.deepEqual(received, [...input]);
  t.deepEqual(model.sent, [...output]);
});

test('a transmitter whose interrupt was lost is found within a second', (t) => {
  const model = new UartModel();
  model.room = 4;
  const { platform, line, told } = start(model);
  readAll(line);
  t.is(line.write(Uint8Array.from(bytes('lost word'))), 4);
  model.line.toLose = 1;
  model.drain(100);
  model.line.deliver();
  t.is(told.writable, 0);
  platform.advance(1_000_001);
  t.is(told.writable, 1);
  t.is(line.counters.lostInterrupts, 1);
  // One that is slow is only looked at.
  model.room = 0;
  t.is(line.write(Uint8Array.from(bytes('slow'))), 0);
  platform.advance(10_000_000);
  t.is(told.writable, 1);
  t.is(line.counters.lostInterrupts, 1);
  t.is(platform.timers, 1);
});

test('what goes wrong on the line is counted; a break is told', (t) => {
  const model = new UartModel();
  const { line, told } = start(model);
  readAll(line);
  model.send(new Array(20).fill(0x55));
  model.line.deliver();
  t.is(readAll(line).length, 16);
  t.is(line.counters.overruns, 1);
  for (const bits of [4, 8, 16]) {
    model.fail(bits);
    model.line.deliver();
    readAll(line);
  }
  const { parityErrors, framingErrors, breaks } = line.counters;
  t.deepEqual(
    { parityErrors, framingErrors, breaks },
    { parityErrors: 1, framingErrors: 1, breaks: 1 },
  );
  t.is(told.breaks, 1);
});

test('a port that never stops to interrupt does not hold the loop', (t) => {
  const model = new UartModel();
  const { line } = start(model);
  model.stuckCause = 0x00;
  model.line.edge();
  model.line.deliver();
  t.is(line.counters.endlessInterrupts, 1);
});

test('a port that is taken cannot be started; one that is stopped is silent', (t) => {
  const taken = new UartModel();
  taken.isTaken = true;
  t.throws(() => start(taken), { message: 'EBUSY' });
  const model = new UartModel();
  model.room = 0;
  const { platform, line } = start(model);
  readAll(line);
  line.write(Uint8Array.of(1));
  line.stop();
  t.is(model.interruptEnable, 0);
  t.is(model.writes.at(-1)?.number, interruptEnable);
  t.true(model.line.isReleased);
  t.is(platform.timers, 0);
});
