// Reads clocks in every way that Node has, and tells what that cost: `main.mjs WHAT...`.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';

/** Calls of each system call since boot. */
function systemCalls(): Map<string, number> {
  const lines = readFileSync('/proc/system_calls', 'utf8').trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])] as const));
}

const clockCalls = ['clock_gettime', 'gettimeofday', 'time', 'clock_getres', 'getcpu'];

/** Reads clocks many times; gives the system calls about clocks that this took, and how long. */
function countReadings(): { calls: number; nanosecondsPerReading: number } {
  const rounds = 100_000;
  const before = systemCalls();
  const start = process.hrtime.bigint();
  let sum = 0;
  for (let i = 0; i < rounds; i++) {
    sum += Date.now() + performance.now() + Number(process.hrtime.bigint() & 1n);
    sum += process.hrtime()[1] + new Date().getMilliseconds();
  }
  const elapsed = Number(process.hrtime.bigint() - start);
  const after = systemCalls();
  const calls = clockCalls.map((name) => (after.get(name) ?? 0) - (before.get(name) ?? 0));
  if (Number.isNaN(sum)) throw new Error('a clock gives no number');
  return {
    calls: calls.reduce((total, count) => total + count, 0),
    nanosecondsPerReading: elapsed / rounds / 5,
  };
}

/** Threads hand the latest reading to each other: no one may read less than another has read. */
async function countSteps(threads: number, milliseconds: number): Promise<Record<string, number>> {
  const shared = new SharedArrayBuffer(32);
  const source = `
    const { workerData } = require('node:worker_threads');
    const latest = new BigInt64Array(workerData.shared);
    const end = Date.now() + workerData.milliseconds;
    let backwards = 0n, readings = 0n;
    while (Date.now() < end) {
      for (let i = 0; i < 200; i++) {
        const seen = Atomics.load(latest, 0);
        const now = process.hrtime.bigint();
        if (now < seen) backwards++;
        readings++;
        // Keeps the greatest.
        for (let old = seen; now > old; ) {
          const found = Atomics.compareExchange(latest, 0, old, now);
          if (found === old) break;
          old = found;
        }
      }
    }
    Atomics.add(latest, 1, backwards);
    Atomics.add(latest, 2, readings);
  `;
  const workers = Array.from(
    { length: threads },
    () => new Worker(source, { eval: true, workerData: { shared, milliseconds } }),
  );
  await Promise.all(workers.map((worker) => new Promise((done) => worker.once('exit', done))));
  const words = new BigInt64Array(shared);
  return { backwards: Number(words[1]), readings: Number(words[2]) };
}

const report: Record<string, unknown> = {};
for (const what of process.argv.slice(2)) {
  const [name, value = ''] = what.split('=');
  if (name === 'readings') report.readings = countReadings();
  if (name === 'threads') report.threads = await countSteps(Number(value), 3000);
  if (name === 'interrupts') {
    const lines = readFileSync('/proc/interrupts', 'utf8').split('\n');
    report.strays = lines.filter((line) => line.endsWith("nobody's"));
  }
  if (name === 'maps') {
    report.maps = readFileSync('/proc/self/maps', 'utf8').match(/^.*\[v(dso|var)\]$/gm);
  }
  if (name === 'date') {
    report.date = { text: new Date(1_750_000_000_000).toString(), now: Date.now() };
  }
  if (name === 'wait') await new Promise((done) => setTimeout(done, Number(value)));
  if (name === 'echo') {
    const server = createServer((socket) => socket.pipe(socket).on('error', () => {}));
    await once(server.listen(7), 'listening');
    server.unref();
    console.log('echoes');
  }
  if (name === 'ticks') {
    // One line now and then, for a test that watches from outside.
    for (let i = 0; i < Number(value); i++) {
      await new Promise((done) => setTimeout(done, 100));
      console.log(
        `tick ${i} ${JSON.stringify({ wall: Date.now(), monotonic: performance.now() })}`,
      );
    }
  }
}
console.log(JSON.stringify(report));
