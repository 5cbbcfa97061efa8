// The SNTP client against a server that is right, wrong, silent, hostile or tired.
import test, { type ExecutionContext } from 'ava';
import { SntpClient, type SntpHost, type SntpOptions } from '../../lib/sntp/src/client.ts';
import {
  nanosecondsToTimestamp,
  packetSize,
  type Refusal,
  readAnswer,
  timestampToNanoseconds,
  writeRequest,
} from '../../lib/sntp/src/wire.ts';

const second = 1_000_000;
/** 2026-11-22, in nanoseconds. */
const start = 1_795_300_000_000_000_000n;

interface Answer {
  stratum?: number;
  leap?: number;
  mode?: number;
  version?: number;
  code?: string;
  cookie?: bigint;
  rootDelay?: number;
  rootDispersion?: number;
  received?: bigint;
  transmitted?: bigint;
}

function makeAnswer(request: Uint8Array, time: bigint, answer: Answer = {}): Uint8Array {
  const bytes = new Uint8Array(packetSize);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ((answer.leap ?? 0) << 6) | ((answer.version ?? 4) << 3) | (answer.mode ?? 4));
  view.setUint8(1, answer.stratum ?? 2);
  view.setUint32(4, answer.rootDelay ?? 0x100);
  view.setUint32(8, answer.rootDispersion ?? 0x100);
  bytes.set(new TextEncoder().encode(answer.code ?? ''), 12);
  view.setBigUint64(24, answer.cookie ?? new DataView(request.buffer).getBigUint64(40));
  view.setBigUint64(32, answer.received ?? nanosecondsToTimestamp(time));
  view.setBigUint64(40, answer.transmitted ?? nanosecondsToTimestamp(time));
  return bytes;
}

/** A machine whose clock is wrong, in virtual time. */
class Machine implements SntpHost {
  time = 1000;
  /** How much its wall clock is ahead of the truth, nanoseconds. */
  error: bigint;
  readonly requests: { server: number; at: number; packet: Uint8Array }[] = [];
  readonly adjustments: { nanoseconds: bigint; how: string }[] = [];
  readonly client: SntpClient;
  /** Answers a request; undefined: says nothing. */
  answer: (server: number, request: Uint8Array, time: bigint) => Uint8Array | undefined;
  /** Microseconds to a server, and back. */
  there = 5000;
  back = 5000;
  #pending: { server: number; bytes: Uint8Array; at: number } | undefined;
  #random = 0x9e3779b9;

  constructor(error: bigint, servers = 1, options: SntpOptions = {}) {
    this.error = error;
    this.answer = (_, request, time) => makeAnswer(request, time);
    this.client = new SntpClient(this, servers, options);
  }

  truth(at = this.time): bigint {
    return start + BigInt(at) * 1000n;
  }
  now = (): number => this.time;
  wall = (): bigint => this.truth() + this.error;
  random = (into: Uint8Array): void => {
    for (let i = 0; i < into.length; i++) {
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
      into[i] = this.#random >>> 24;
    }
  };
  send = (server: number, packet: Uint8Array): void => {
    const copy = packet.slice();
    this.requests.push({ server, at: this.time, packet: copy });
    const bytes = this.answer(server, copy, this.truth(this.time + this.there));
    if (bytes !== undefined) {
      this.#pending = { server, bytes, at: this.time + this.there + this.back };
    }
  };
  adjust = (nanoseconds: bigint, how: 'step' | 'slew'): void => {
    this.adjustments.push({ nanoseconds, how });
    this.error += nanoseconds;
  };
  log = (): void => {};

  /** Lets time pass. */
  run(microseconds: number): void {
    const end = this.time + microseconds;
    let next = this.client.wake();
    for (;;) {
      const pending = this.#pending;
      const at = Math.min(next, pending?.at ?? Number.POSITIVE_INFINITY);
      if (at > end) break;
      this.time = Math.max(this.time, at);
      if (pending !== undefined && pending.at <= next) {
        this.#pending = undefined;
        next = this.client.receive(pending.server, pending.bytes, this.time);
      } else {
        next = this.client.wake();
      }
    }
    this.time = end;
  }
}

function isRight(t: ExecutionContext, machine: Machine, within = 1000n): void {
  const { error } = machine;
  t.true(error < within && error > -within, `wrong by ${error} ns`);
}

test('timestamps go both ways, across the end of the first era in 2036', (t) => {
  for (const seconds of [
    1_600_000_000n,
    1_795_300_000n,
    2_085_978_495n,
    2_085_978_496n,
    4_000_000_000n,
  ]) {
    const time = seconds * 1_000_000_000n + 123_456_789n;
    const read = timestampToNanoseconds(nanosecondsToTimestamp(time));
    t.true(time - read <= 1n && time >= read, `${time} became ${read}`);
  }
});

test('a request tells nothing of the machine', (t) => {
  const packet = new Uint8Array(packetSize).fill(0xff);
  writeRequest(packet, 0x0123456789abcdefn);
  t.is(packet[0], 0x23);
  t.true(packet.subarray(1, 40).every((byte) => byte === 0));
  t.is(new DataView(packet.buffer).getBigUint64(40), 0x0123456789abcdefn);
});

const refusals: [Refusal, Answer][] = [
  ['not from a server', { mode: 3 }],
  ['unknown version', { version: 2 }],
  ['not an answer to this request', { cookie: 7n }],
  ['server not synchronised', { leap: 3 }],
  ['invalid stratum', { stratum: 16 }],
  ['no transmit time', { transmitted: 0n }],
  ['root too far away', { rootDispersion: 0x10000 }],
  ['root too far away', { rootDelay: 0x80000000 }],
  ['times out of order', { received: nanosecondsToTimestamp(start + 1_000_000n) }],
];
for (const [why, answer] of refusals) {
  test(`refused: ${why} (${Object.keys(answer).join()})`, (t) => {
    const request = new Uint8Array(packetSize);
    writeRequest(request, 42n);
    t.is(readAnswer(makeAnswer(request, start, answer), 42n), why);
  });
}

test('refused: too short, and any length of noise', (t) => {
  for (let size = 0; size < packetSize; size++) {
    t.is(readAnswer(new Uint8Array(size).fill(0x24), 0n), 'too short');
  }
});

test('a clock that is far out is set at once, then measured again', (t) => {
  const machine = new Machine(-86_400_000_000_000n);
  machine.run(20_000);
  t.deepEqual(
    machine.adjustments.map(({ how }) => how),
    ['step'],
  );
  isRight(t, machine);
  machine.run(10 * second);
  t.is(machine.requests.length, 2);
  t.true(machine.client.isSynchronised);
});

test('a clock that is nearly right is corrected slowly', (t) => {
  const machine = new Machine(100_000_000n);
  machine.run(20_000);
  t.deepEqual(
    machine.adjustments.map(({ how }) => how),
    ['slew'],
  );
  isRight(t, machine);
});

test('an uneven way costs half of its difference', (t) => {
  const machine = new Machine(0n);
  machine.back = 45_000;
  machine.run(100_000);
  isRight(t, { ...machine, error: machine.error + 20_000_000n } as Machine);
});

test('intervals double while the clock is right, up to the greatest', (t) => {
  const machine = new Machine(0n);
  machine.run(2 * 3600 * second);
  const times = machine.requests.map(({ at }) => at);
  const intervals = times.slice(1).map((at, index) => Math.round((at - times[index]!) / second));
  t.deepEqual(intervals.slice(0, 6), [128, 256, 512, 1024, 1024, 1024]);
});

test('one answer that is far out does not move a clock that was right', (t) => {
  const machine = new Machine(0n);
  machine.run(second);
  machine.answer = (_, request, time) => {
    machine.answer = (_server, later, now) => makeAnswer(later, now);
    return makeAnswer(request, time + 3_600_000_000_000n);
  };
  machine.run(600 * second);
  t.true(machine.adjustments.every(({ how }) => how === 'slew'));
  isRight(t, machine);
});

test('a difference that is seen twice is a step', (t) => {
  const machine = new Machine(0n);
  machine.run(second);
  machine.error = -30_000_000_000n; // it was paused
  machine.run(300 * second);
  t.is(machine.adjustments.filter(({ how }) => how === 'step').length, 1);
  isRight(t, machine);
});

test('a server that does not answer is asked less and less often', (t) => {
  const machine = new Machine(0n);
  machine.answer = () => undefined;
  machine.run(3600 * second);
  const times = machine.requests.map(({ at }) => at);
  const intervals = times.slice(1).map((at, index) => Math.round((at - times[index]!) / second));
  t.deepEqual(intervals.slice(0, 5), [7, 11, 19, 35, 67]);
  t.true(intervals.at(-1)! >= 1024);
});

test('the next server is asked when one is silent', (t) => {
  const machine = new Machine(5_000_000_000n, 3);
  machine.answer = (server, request, time) =>
    server === 2 ? makeAnswer(request, time) : undefined;
  machine.run(60 * second);
  t.deepEqual(machine.requests.map(({ server }) => server).slice(0, 4), [0, 1, 2, 2]);
  isRight(t, machine);
});

for (const code of ['DENY', 'RSTR']) {
  test(`a server that says ${code} is never asked again`, (t) => {
    const machine = new Machine(0n, 2);
    machine.answer = (server, request, time) =>
      makeAnswer(request, time, server === 0 ? { stratum: 0, code } : {});
    machine.run(4 * 3600 * second);
    t.is(machine.requests.filter(({ server }) => server === 0).length, 1);
    t.true(machine.requests.length > 3);
  });

  test(`when all say ${code} there is silence`, (t) => {
    const machine = new Machine(1_000_000_000n, 2);
    machine.answer = (_, request, time) => makeAnswer(request, time, { stratum: 0, code });
    machine.run(24 * 3600 * second);
    t.is(machine.requests.length, 2);
    t.is(machine.client.wake(), Number.POSITIVE_INFINITY);
    t.is(machine.adjustments.length, 0);
  });
}

test('RATE makes it ask more slowly', (t) => {
  const machine = new Machine(0n);
  machine.answer = (_, request, time) => makeAnswer(request, time, { stratum: 0, code: 'RATE' });
  machine.run(600 * second);
  const times = machine.requests.map(({ at }) => Math.round(at / second));
  t.deepEqual(times, [0, 128, 384]);
});

test('a kiss of death from who did not see the request changes nothing', (t) => {
  const machine = new Machine(1_000_000_000n);
  machine.run(1);
  const forged = makeAnswer(new Uint8Array(packetSize), start, {
    stratum: 0,
    code: 'DENY',
    cookie: 1n,
  });
  machine.client.receive(0, forged, machine.time);
  machine.run(second);
  isRight(t, machine);
  t.is(machine.client.counters['not an answer to this request'], 1);
});

test('an answer that took too long, or came out of nowhere, is not used', (t) => {
  const machine = new Machine(0n);
  machine.back = 1_500_000;
  machine.run(2 * second);
  t.is(machine.adjustments.length, 0);
  t.is(machine.client.counters['delay out of range'], 1);
  const request = machine.requests[0]!.packet;
  machine.client.receive(0, makeAnswer(request, start), machine.time);
  t.is(machine.client.counters['unexpected answers'], 1);
});
