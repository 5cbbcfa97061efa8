/** A card whose driver has an isolate of its own, when that driver is honest, and when it is not. */
import test from 'ava';
import { memoryChannels } from '../../lib/rpc/src/channels/memory.ts';
import { PlacedBench } from './support/placed.ts';

const frame = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at & 0xff);

/** A bench whose driver is ready, with its link up. */
function ready(): PlacedBench {
  const bench = new PlacedBench();
  bench.say({ is: 'ready', linkUp: true });
  bench.poll();
  return bench;
}

test('frames go both ways', (t) => {
  const bench = ready();
  t.deepEqual(bench.upper.links, [true]);
  for (const length of [14, 60, 1514, 40_000]) t.true(bench.arrive(frame(length)));
  bench.poll();
  t.deepEqual(
    bench.takeReceived().map(({ length }) => length),
    [14, 60, 1514, 40_000],
  );
  t.true(bench.transmit(frame(100)));
  t.true(bench.sent.next());
  t.is(bench.sent.length, 100);
  t.is(bench.device.counters.sentPackets, 1);
  t.deepEqual(bench.violations, []);
});

test('what is sent while there is no driver is dropped and counted, the link stays a while', (t) => {
  const bench = ready();
  bench.device.ended();
  t.true(bench.transmit(frame(100)));
  bench.poll();
  t.is(bench.device.counters.dropSendDown, 1);
  bench.platform.advance(4_000_000);
  bench.poll();
  t.true(bench.device.linkUp);
  bench.platform.advance(2_000_000);
  bench.poll();
  t.deepEqual(bench.upper.links, [true, false]);
  bench.begin();
  bench.say({ is: 'ready', linkUp: true });
  bench.poll();
  t.deepEqual(bench.upper.links, [true, false, true]);
});

test('what is sent while a driver is replaced waits for the next one, and what the old one left is taken', (t) => {
  const bench = ready();
  bench.device.stopping();
  t.true(bench.transmit(frame(100)));
  bench.arrive(frame(60));
  let isTaken = false;
  bench.device.stopped(() => {
    isTaken = true;
  });
  t.false(isTaken);
  bench.poll();
  t.true(isTaken);
  t.deepEqual(bench.takeReceived(), [frame(60)]);
  t.false(bench.sent.next(), 'the old one gets nothing more');
  bench.device.ended();
  t.true(bench.transmit(frame(200)));
  bench.begin();
  bench.poll();
  bench.say({ is: 'ready', linkUp: true });
  for (const length of [100, 200]) {
    t.true(bench.sent.next());
    t.is(bench.sent.length, length);
    bench.sent.advance();
  }
  t.true(bench.transmit(frame(300)));
  t.true(bench.sent.next());
  t.is(bench.device.counters.dropSendDown, 0);
  t.deepEqual(bench.upper.links, [true]);
});

test('when no driver follows the one that was to be replaced, what waits is dropped and counted', (t) => {
  const bench = ready();
  bench.device.stopping();
  t.true(bench.transmit(frame(100)));
  bench.device.ended();
  bench.platform.advance(6_000_000);
  bench.poll();
  t.is(bench.device.counters.dropSendDown, 1);
  t.deepEqual(bench.upper.links, [true, false]);
});

test('counters go on from one driver to the next', (t) => {
  const bench = ready();
  bench.say({ is: 'counters', counters: { interrupts: 5, resets: 1 } });
  bench.device.ended();
  bench.begin();
  bench.say({ is: 'ready', linkUp: true });
  bench.say({ is: 'counters', counters: { interrupts: 2 } });
  t.is(bench.device.counters.interrupts, 7);
  t.is(bench.device.counters.resets, 1);
  t.is(bench.device.counters.driverEnds, 1);
});

test('a driver hears of groups at its start, and once however often it says that it is ready', (t) => {
  const bench = ready();
  const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
  bench.device.setMulticast(group, true);
  bench.device.ended();
  bench.begin();
  for (let count = 0; count < 3; count++) bench.say({ is: 'ready', linkUp: true });
  const told: string[] = [];
  for (let got = bench.channel.receive(); got !== undefined; got = bench.channel.receive()) {
    told.push(new TextDecoder().decode(got.bytes.subarray(1)));
  }
  t.is(told.filter((text) => text.includes('multicast')).length, 1);
});

const lies: Readonly<Record<string, (bench: PlacedBench) => void>> = {
  'no JSON': (bench) => bench.say('{'),
  'a message without content': (bench) => bench.say(''),
  'JSON that nests deeply': (bench) => bench.say('['.repeat(16_000)),
  null: (bench) => bench.say(null),
  'an array': (bench) => bench.say([]),
  'a message that there is not': (bench) => bench.say({ is: 'constructor' }),
  'counters that are none': (bench) => bench.say({ is: 'counters' }),
  'counters that are no numbers': (bench) =>
    bench.say({ is: 'counters', counters: { interrupts: {} } }),
  'counters without end': (bench) => bench.say('{"is":"counters","counters":{"resets":1e999}}'),
  'counters that go down': (bench) => bench.say({ is: 'counters', counters: { resets: -1 } }),
  'a link that is neither': (bench) => bench.say({ is: 'link', up: 'yes' }),
  'a kind of message that there is not': (bench) => bench.say('', 99),
  'an empty message': (bench) => {
    bench.channel.send(new Uint8Array(0));
    bench.turn();
  },
  'a buffer that nobody asked for': (bench) => {
    bench.channel.send(Uint8Array.of(0), [new ArrayBuffer(10)]);
    bench.turn();
  },
  'a part of a frame': (bench) => {
    bench.memory.words[(bench.block.offset + 1.5 * 2 ** 20) / 4] = 8;
  },
  'a ring that was read before it was written': (bench) => {
    bench.memory.words[(bench.block.offset + 1.5 * 2 ** 20 + 256) / 4 + 16] = 4096;
    bench.transmit(frame(100));
  },
};

for (const [what, tell] of Object.entries(lies)) {
  test(`a driver's life ends that sends ${what}; the next one works`, (t) => {
    const bench = ready();
    tell(bench);
    bench.poll();
    t.is(bench.violations.length, 1);
    t.regex(bench.violations[0] ?? '', /^it broke the rules: /);
    t.is(bench.device.counters.ruleViolations, 1);
    bench.say({ is: 'counters', counters: { resets: 9 } });
    t.is(bench.device.counters.resets, 0, 'it is not listened to any more');
    bench.poll();
    t.is(bench.violations.length, 1);
    bench.device.ended();
    bench.begin();
    bench.say({ is: 'ready', linkUp: true });
    bench.arrive(frame(60));
    bench.poll();
    t.deepEqual(bench.takeReceived(), [frame(60)]);
  });
}

test('ends of channels that a driver sends are closed', (t) => {
  const bench = ready();
  const later: (() => void)[] = [];
  const [one, other] = memoryChannels({ later: (run) => later.push(run) });
  bench.channel.send(Uint8Array.of(0), [one]);
  bench.turn();
  t.is(one.closure?.cause, 'closed');
  other.start({ readable() {}, writable() {}, closed() {} });
  while (later.length > 0) later.shift()?.();
  t.is(other.closure?.cause, 'closed');
  t.is(bench.violations.length, 1);
});

test('a driver that does not listen ends before what it should hear takes all memory', (t) => {
  const bench = ready();
  for (let count = 0; count < 10_000 && bench.violations.length === 0; count++) {
    bench.device.setMulticast(Uint8Array.of(1, 0, 0x5e, 0, count >> 8, count & 0xff), true);
  }
  t.deepEqual(bench.violations, ['it broke the rules: it does not take what it is told']);
});
