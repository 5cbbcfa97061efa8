/**
 * Remote calls in virtual time, over channels that are slow and small, between sides that die at any moment. Whatever
 * happens, every promise settles, no answer is another call's, and nothing is left behind.
 */
import test from 'ava';
import { type Connection, connect } from '../../lib/rpc/src/calls/connection.ts';
import { isRpcError } from '../../lib/rpc/src/calls/errors.ts';
import { release, withOptions } from '../../lib/rpc/src/calls/imports.ts';
import { remote } from '../../lib/rpc/src/calls/reference.ts';
import type { Reference, Served } from '../../lib/rpc/src/calls/types.ts';
import { memoryChannels } from '../../lib/rpc/src/channels/memory.ts';
import { encodeValue } from '../../lib/rpc/src/codec/codec.ts';
import { randomValue } from '../fuzz/support/values.ts';
import { Agenda } from './support/clock.ts';
import { type Random, seededRandom } from './support/random.ts';
import { everySeedInTurn } from './support/seeds.ts';

interface Cell {
  swap(value: number): number;
}

interface Service {
  echo(value: unknown): unknown;
  later(value: number, signal: AbortSignal): number;
  cell(): Reference<Cell>;
  apply(run: (value: number) => number, value: number): number;
  count(to: number): AsyncIterable<number>;
  sum(values: AsyncIterable<number>): number;
  fail(message: string): never;
}

/** Lets promises settle that nothing in the agenda waits for. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Simulation {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly sides: readonly [Connection<Service>, Connection<Service>];
  readonly channels: ReturnType<typeof memoryChannels>;
  readonly slowest: number;
  begun = 0;
  settled = 0;
  /** What came out otherwise than it may. */
  readonly wrong: string[] = [];
  ends = false;

  /** @param fewestCalls that a side may allow: with very few, calls that call back can wait for each other */
  constructor(seed: number, fewestCalls: number) {
    this.random = seededRandom(seed);
    this.slowest = this.random.pick([0, 10, 1000]);
    const later = (run: () => void): void => this.#in(this.random.integer(0, this.slowest), run);
    this.channels = memoryChannels({ later, capacity: this.random.pick([2048, 8192, 65_536]) });
    const host = {
      later,
      setTimeout: (run: () => void, milliseconds: number) => {
        const timer = { run };
        this.#in(milliseconds * 1000, () => timer.run());
        return timer;
      },
      clearTimeout: (timer: unknown) => {
        (timer as { run: () => void }).run = () => {};
      },
    };
    const allowance = { calls: this.random.pick([fewestCalls, 1024]) };
    this.sides = [0, 1].map((side) =>
      connect<Service, Service>(this.channels[side as 0 | 1], {
        host,
        allowance,
        serve: this.#service(),
        tracesCalls: false,
      }),
    ) as unknown as readonly [Connection<Service>, Connection<Service>];
  }

  #in(microseconds: number, run: () => void): void {
    this.agenda.at(this.agenda.now + microseconds, run);
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#in(this.random.integer(0, 2000), resolve));
  }

  #service(): Served<Service> {
    return {
      echo: (value) => value,
      later: async (value, signal) => {
        await this.#wait();
        signal.throwIfAborted();
        return value;
      },
      cell: () => {
        let held = 0;
        return remote<Cell>({
          swap: (value) => {
            const before = held;
            held = value;
            return before;
          },
        });
      },
      apply: async (run, value) => (await run(value)) + 1,
      count: async function* (to) {
        for (let number = 0; number < to; number += 1) yield number;
      },
      sum: async (values) => {
        let sum = 0;
        for await (const value of values) sum += value;
        return sum;
      },
      fail: (message) => {
        throw new RangeError(message);
      },
    };
  }

  /** Plans something at a random instant. */
  plan(): void {
    const { random } = this;
    const side = this.sides[random.integer(0, 1) as 0 | 1];
    const number = random.integer(0, 1e6);
    const what = random.integer(0, 7);
    this.#in(random.integer(0, 20_000), () => {
      this.begun += 1;
      const done = this.#try(side, what, number);
      done.then(
        () => {
          this.settled += 1;
        },
        (error: unknown) => {
          this.settled += 1;
          if (this.ends && isRpcError(error, 'peer-gone')) return;
          this.wrong.push(`${what}: ${String((error as Error).stack)}`);
        },
      );
    });
  }

  async #try(side: Connection<Service>, what: number, number: number): Promise<void> {
    const { remote: peer } = side;
    const expect = (got: unknown, expected: unknown): void => {
      if (got !== expected) throw new Error(`${String(got)} instead of ${String(expected)}`);
    };
    switch (what) {
      case 0: {
        const value = randomValue(this.random, 3);
        const sent = encodeValue(value).bytes.slice();
        expect(String(encodeValue(await peer.echo(value)).bytes), String(sent));
        break;
      }
      case 1: {
        const control = new AbortController();
        if (this.random.chance(0.5))
          this.#in(this.random.integer(0, 3000), () => control.abort('stop'));
        const got = await peer.later(number, control.signal).catch((error: unknown) => {
          if (error === 'stop') return number;
          throw error;
        });
        expect(got, number);
        break;
      }
      case 2: {
        const cell = await peer.cell();
        expect(await cell.swap(number), 0);
        expect(await cell.swap(1), number);
        release(cell);
        break;
      }
      case 3:
        expect(await peer.apply((value) => value * 2, number), number * 2 + 1);
        break;
      case 4: {
        let at = 0;
        const stopAt = this.random.integer(1, 100);
        for await (const got of await peer.count(60)) {
          expect(got, at);
          at += 1;
          if (at === stopAt) break;
        }
        expect(at, Math.min(60, stopAt));
        break;
      }
      case 5: {
        const numbers = async function* (): AsyncGenerator<number> {
          for (let value = 0; value <= 40; value += 1) yield value;
        };
        expect(await peer.sum(numbers()), 820);
        break;
      }
      case 6: {
        const error = await peer.fail(`failed ${number}`).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (isRpcError(error)) throw error;
        expect(error instanceof RangeError && error.message, `failed ${number}`);
        break;
      }
      default: {
        const slow = withOptions(peer, { timeout: 1 }).later(number, new AbortController().signal);
        const got = await slow.catch((error: unknown) => {
          if (isRpcError(error, 'timed-out')) return number;
          throw error;
        });
        expect(got, number);
      }
    }
  }

  /** One side ends at a random instant: closed, or dead with its last messages lost. */
  planEnd(): void {
    const { random } = this;
    this.#in(random.integer(0, 25_000), () => {
      this.ends = true;
      const side = random.integer(0, 1) as 0 | 1;
      if (random.chance(0.4)) this.sides[side].close('as planned');
      else this.channels[side].die('killed', random.integer(0, 10));
    });
  }

  async run(): Promise<void> {
    for (let steps = 0; ; steps += 1) {
      if (steps > 100_000) throw new Error('endless activity');
      await settle();
      if (this.agenda.next === Number.POSITIVE_INFINITY) break;
      this.agenda.step();
    }
  }

  check(): void {
    if (this.wrong.length > 0) throw new Error(this.wrong.join('\n'));
    if (this.settled !== this.begun) throw new Error(`${this.begun - this.settled} never settled`);
    for (const side of this.sides) {
      const { unanswered, waiting, running, waitingBytes, streams, exported } = side.statistics;
      // Functions that were passed wait for a collection, which virtual time does not have.
      const left = unanswered + waiting + running + waitingBytes + streams;
      if (left + (this.ends ? exported : 0) > 0) {
        throw new Error(`Something is left: ${JSON.stringify(side.statistics)}`);
      }
    }
  }
}

test('with sides that live, everything comes out right', async (t) => {
  await everySeedInTurn(t, 12, async (seed) => {
    const simulation = new Simulation(seed, 16);
    for (let count = 0; count < 60; count += 1) simulation.plan();
    await simulation.run();
    simulation.check();
  });
});

test('with sides that die at any moment, everything settles', async (t) => {
  await everySeedInTurn(t, 40, async (seed) => {
    const simulation = new Simulation(seed, 1);
    for (let count = 0; count < 60; count += 1) simulation.plan();
    simulation.planEnd();
    await simulation.run();
    simulation.check();
  });
});
