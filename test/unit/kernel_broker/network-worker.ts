// The real network service on a thread of its own, with nothing but its loopback interface: what runs in
// the system isolate of a guest.
import { randomFillSync } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { Environment } from '@runtimejs/net/environment.ts';
import { sharedPage } from '@runtimejs/net/generated/shared-memory.ts';
import { internetChecksum, type Memory } from '@runtimejs/net/memory.ts';
import { NetworkService } from '@runtimejs/net/network-service.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { type Bindings, host } from './service.ts';

const regionSize = 8 << 20;
const longestSleep = 10_000; // microseconds: how soon the end is noticed
const { stop } = workerData as { stop: Int32Array };
const bindings: Bindings = host;

const arena = bindings.attach();
if (typeof arena === 'number') throw new Error(`attach: ${arena}`);
const bytes = new Uint8Array(arena);
const words = new Int32Array(arena);
const memory: Memory = {
  bytes,
  words,
  copy: (to, from, length) => {
    bytes.copyWithin(to, from, from + length);
  },
  checksum: (offset, length, sum) => internetChecksum(bytes, offset, length, sum),
};
const block = bindings.allocate(regionSize, false);
if (typeof block === 'number') throw new Error(`allocate: ${block}`);
const now = () => Math.floor(performance.now() * 1000);
const environment: Environment = {
  memory,
  clock: { now: now() },
  timers: new TimerQueue(),
  random: (into) => {
    randomFillSync(into);
  },
  log: () => {},
};
const service = new NetworkService({
  environment,
  broker: {
    accept: bindings.accept,
    resize: bindings.resize,
    notify: () => {
      bindings.notify();
    },
    release: bindings.release,
    publishInterfaces: bindings.publishInterfaces,
    publishFile: (name, text) => {
      const outcome = bindings.publishFile(name, text);
      if (outcome !== 0) throw new Error(`publish ${name}: ${outcome}`);
    },
  },
  region: { offset: block[0], size: regionSize },
  now,
});
service.start();
parentPort?.postMessage('ready');

const awake = sharedPage.serviceAwake >> 2;
const attention = sharedPage.serviceAttention >> 2;
while (Atomics.load(stop, 0) === 0) {
  const deadline = service.turn(now());
  if (deadline <= now()) continue;
  Atomics.store(words, awake, 0);
  if (Atomics.load(words, attention) === 0) {
    bindings.waitForDoorbell(Math.max(0, Math.min(deadline - now(), longestSleep)));
  }
  Atomics.store(words, awake, 1);
}
bindings.detach();
