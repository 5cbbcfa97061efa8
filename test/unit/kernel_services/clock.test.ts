// The clocks' arithmetic, the search for the second's edge, and who notices a counter that is wrong.
import test from 'ava';
import { kernel } from './addon.ts';

const second = 1_000_000_000n;
const one = 1n << 32n;

test('ticks become nanoseconds, over years', (t) => {
  for (const frequency of [1_193_182n, 3_579_545n, 100_000_000n, 2_600_000_000n, 5_000_000_000n]) {
    const rate = kernel.fixedRatio(second, frequency);
    const page = { baseTicks: 500n, base: 7n, raw: 9n, rate, rawRate: rate, wallOffset: 0n };
    const years = 10n * 365n * 86_400n;
    const now = kernel.clockAt(0, 500n + frequency * years, page);
    const error = now - 7n - years * second;
    // The rate is exact to 2^-32 ns in a tick.
    t.true(error <= 0n && -error <= (frequency * years) / one + 1n, `${frequency} Hz: ${error} ns`);
    t.is(kernel.clockAt(1, 500n, page), 9n);
  }
});

test('a counter that is a little behind the page reads as at the page, never as far ahead', (t) => {
  const page = { baseTicks: 1000n, base: 50n, raw: 60n, rate: one, rawRate: one, wallOffset: -20n };
  t.is(kernel.clockAt(0, 999n, page), 50n);
  t.is(kernel.clockAt(1, 0n, page), 60n);
  t.is(kernel.clockAt(2, 1005n, page), 35n);
});

test('rates change by parts per billion', (t) => {
  for (const rate of [one / 3n, one, one * 279n]) {
    for (const parts of [500_000n, -500_000n, 1_000_000n, 0n, 1000n]) {
      const expected = rate + (rate * parts) / second;
      const error = kernel.scaleByBillionths(rate, parts) - expected;
      t.true(error < 1000n && error > -1000n, `${rate} by ${parts}: ${error}`);
    }
  }
});

test("KVM's clock: shifts both ways, and counters before the record", (t) => {
  // 2.6 GHz: the multiplier for a shift of 0 is 2^32 / 2.6.
  const multiplier = Number((one * 10n) / 26n);
  const now = kernel.paravirtualNanoseconds(2_600_000_100n, 100n, 5n, multiplier, 0);
  t.true(now >= second && now <= second + 5n, String(now));
  t.is(kernel.paravirtualNanoseconds(108n, 100n, 5n, 0x80000000, 1), 5n + 8n);
  t.is(kernel.paravirtualNanoseconds(108n, 100n, 5n, 0x80000000, -1), 5n + 2n);
  t.is(kernel.paravirtualNanoseconds(99n, 100n, 5n, 0x80000000, 1), 5n);
});

/** A clock that tells seconds, `ahead` nanoseconds ahead of the monotonic one. */
function findEdge(ahead: bigint, start: bigint, lateness: (reading: number) => bigint) {
  const edge = new kernel.SecondEdge();
  let now = start;
  let readings = 0;
  let least: bigint | undefined;
  const falls: bigint[] = [];
  while (readings === 0 || (edge.width() > 1_000_000n && readings < 100)) {
    const after = now + 20_000n;
    edge.add((now + 10_000n + ahead) / second, now, after);
    if (least !== undefined && edge.least() < least) falls.push(edge.least());
    least = edge.least();
    readings++;
    now = edge.nextReading(after) + lateness(readings);
  }
  return { readings, error: edge.middle() - ahead, falls, took: now - start };
}

test("the second's edge is found to a millisecond in about ten readings, and no clock goes back", (t) => {
  for (let sample = 0n; sample < 200n; sample++) {
    const ahead = 1_795_300_000n * second + ((sample * 7_654_321_987n) % second);
    const start = (sample * 12_345_678_901n) % (5n * second);
    const { readings, error, falls, took } = findEdge(ahead, start, () => 100_000n);
    t.true(readings <= 12, `${readings} readings`);
    t.true(error < 1_000_000n && error > -1_000_000n, `wrong by ${error}`);
    t.deepEqual(falls, []);
    t.true(took < 13n * second);
  }
});

test('readings that come late still narrow it down', (t) => {
  for (let sample = 0n; sample < 50n; sample++) {
    const ahead = 1_795_300_000n * second + ((sample * 7_654_321_987n) % second);
    const { error } = findEdge(ahead, 0n, (reading) => BigInt(reading % 7) * 40_000_000n);
    t.true(error < 100_000_000n && error > -100_000_000n, `wrong by ${error}`);
  }
});

test('a jump of either clock starts the search again', (t) => {
  const edge = new kernel.SecondEdge();
  t.true(edge.add(1000n, 0n, 10n));
  t.true(edge.add(1000n, second / 2n, second / 2n + 10n));
  t.false(edge.add(1030n, second, second + 10n));
  t.is(edge.least(), 1029n * second - 10n);
});

test('a reading just before the second is over shows a short pause, and drift is none', (t) => {
  const ahead = 1_795_300_000n * second + 123_456_789n;
  const millisecond = 1_000_000n;
  const read = (edge: InstanceType<typeof kernel.SecondEdge>, gained: bigint): boolean => {
    const now = 20n * second + (second - (ahead % second)) - 40n * millisecond;
    edge.widen(2n * millisecond); // what two seconds of drift may be
    return edge.add((now + ahead + gained) / second, now, now + 20_000n);
  };
  for (const [gained, fits] of [
    [0n, true],
    [-2n * millisecond, true],
    [2n * millisecond, true],
    [50n * millisecond, false],
    [600n * millisecond, false],
    [30n * second, false],
    [-3n * second, false],
  ] as const) {
    const edge = new kernel.SecondEdge();
    // Known to a millisecond.
    const early = second - (ahead % second);
    edge.add((early + ahead) / second, early, early + 400_000n);
    edge.add((early + ahead) / second - 1n, early - 400_000n, early - 1n);
    t.true(edge.width() <= millisecond && edge.least() <= ahead && ahead <= edge.most());
    t.is(read(edge, gained), fits, `${gained}`);
    const error = edge.least() - (ahead + gained);
    t.true(error <= 0n && error > -second, `the clock is never set ahead: ${error}`);
  }
});

test('a counter is broken when it is wrong three times in succession', (t) => {
  const right: [bigint, bigint, bigint] = [2n * second, 2n * second + 500_000n, 0n];
  const stopped: [bigint, bigint, bigint] = [0n, 2n * second, 0n];
  const fast: [bigint, bigint, bigint] = [3n * second, 2n * second, 0n];
  t.deepEqual(kernel.judgeClock([right, right]), [0, 0]);
  t.deepEqual(kernel.judgeClock([stopped, stopped, stopped]), [1, 1, 2]);
  t.deepEqual(kernel.judgeClock([fast, stopped, fast]), [1, 1, 2]);
  // The machine was paused once, or the reference wrapped: that is over with the next interval.
  t.deepEqual(kernel.judgeClock([fast, right, fast, fast, right]), [1, 0, 1, 1, 0]);
  // Readings that were far apart prove nothing.
  t.deepEqual(kernel.judgeClock([[3n * second, 2n * second, second]]), [0]);
});

const text = (value: string) => [...new TextEncoder().encode(value)];

test("the generation's address: QEMU's form, and a package of two numbers", (t) => {
  const id = text('VM_Gen_Counter');
  const qemu = [0x08, ...text('VGIA'), 0x0c, 0x00, 0xf0, 0xfe, 0x1f, ...id];
  t.is(kernel.findGenerationAddress(Uint8Array.from(qemu)), 0x1ffef000n + 40n);
  const low = [0x0c, 0x00, 0x10, 0x00, 0x80];
  const package_ = [...id, 0x08, ...text('ADDR'), 0x12, 0x08, 2, ...low, 0x01];
  t.is(kernel.findGenerationAddress(Uint8Array.from(package_)), 0x1_8000_1000n);
  const zero = [...id, 0x08, ...text('ADDR'), 0x12, 0x08, 2, ...low, 0x00];
  t.is(kernel.findGenerationAddress(Uint8Array.from(zero)), 0x8000_1000n);
});

test('tables without it, cut anywhere, or with something else of that name', (t) => {
  const id = text('VM_Gen_Counter');
  const whole = [...id, 0x08, ...text('ADDR'), 0x12, 0x08, 2, 0x0a, 5, 0x0e, ...Array(8).fill(1)];
  for (let size = 0; size < whole.length - 9; size++) {
    t.is(kernel.findGenerationAddress(Uint8Array.from(whole.slice(0, size))), undefined);
  }
  t.is(kernel.findGenerationAddress(Uint8Array.from([...id, ...text('VGIA'), 0x0c])), undefined);
  t.is(
    kernel.findGenerationAddress(Uint8Array.from([...id, 0x08, ...text('ADDR'), 0x12, 8, 3, 0, 0])),
    undefined,
  );
  t.is(kernel.findGenerationAddress(Uint8Array.from([0x08, ...text('VGIA'), 0x0a, 5])), undefined);
});
