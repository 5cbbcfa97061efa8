/** Compares the arena's native copy and checksum with those in TypeScript, hot and cold. */
import { HostMemory, internetChecksum } from '@runtimejs/net/memory.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { createMemory } from '@runtimejs/system/memory.ts';

const bindings = prepareIsolate();
const memory = createMemory(bindings);
const size = 8192;
const base = 1 << 20;
const host = new HostMemory(size);
const say = (text: string): void => bindings.log.write(2, text);

let state = 1;
/** Numbers below `limit`, the same in every run. */
function random(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % limit;
}

function fill(value: (at: number) => number): void {
  for (let at = 0; at < size; at += 1) {
    host.bytes[at] = value(at);
    memory.bytes[base + at] = value(at);
  }
}

/** Every alignment with every length up to 100, then longer ones. Returns how often the sums differed. */
function compare(): number {
  let differences = 0;
  const check = (offset: number, length: number, sum: number): void => {
    const wanted = internetChecksum(host.bytes, offset, length, sum);
    if (memory.checksum(base + offset, length, sum) !== wanted) differences += 1;
  };
  for (let offset = 0; offset < 16; offset += 1)
    for (let length = 0; length <= 100; length += 1) check(offset, length, random(0x10000));
  for (let round = 0; round < 3000; round += 1) check(random(64), random(2000), random(0x20000));
  check(0, 40, 2 ** 52 + 12345);
  return differences;
}

const bytes = new Uint8Array(size);
bindings.random.fill(bytes);
for (const [name, value] of [
  ['zeroes', () => 0],
  ['ones', () => 0xff],
  ['random', (at: number) => bytes[at] as number],
  ['a carry in every word', (at: number) => (at & 1 ? 0x01 : 0xff)],
] as const) {
  fill(value);
  say(`${name}: ${compare()}`);
}

let unequal = 0;
for (let round = 0; round < 20_000; round += 1) {
  const from = random(4000);
  const to = random(4000);
  const length = random(200);
  memory.copy(base + to, base + from, length);
  host.copy(to, from, length);
}
for (let at = 0; at < size; at += 1) if (host.bytes[at] !== memory.bytes[base + at]) unequal += 1;
say(`copies: ${unequal}`);

const { arena } = bindings;
const end = memory.bytes.length;
/** Hot code must refuse as cold code does. */
function refused(run: () => unknown): string {
  try {
    return String(run());
  } catch (error) {
    return (error as Error).message;
  }
}
const copyTo = (to: number): void => arena.copy(to, base, 4);
for (let round = 0; round < 50_000; round += 1) copyTo(base + (round & 1023));
say(refused(() => copyTo(end - 3)));
say(refused(() => copyTo(-1)));
say(refused(() => copyTo(1.5)));
say(refused(() => copyTo(Number.NaN)));
say(refused(() => arena.checksum(0, end + 1, 0)));
say(refused(() => arena.checksum(0, 1, 0.5)));
say('done');
