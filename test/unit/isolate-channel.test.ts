/** Channels of isolates over bindings that are made here: what the shim does not decide. */
import test from 'ava';
import { Channels } from '../../lib/isolate/src/channel.ts';
import type { ChannelBindings } from '../../lib/isolate/src/generated/bindings.d.ts';
import type { Channel } from '../../lib/rpc/src/channel.ts';

type Sent = { bytes: Uint8Array; attachments: readonly (object | number)[] };
interface Side {
  readonly inbox: Sent[];
  closure: [number, boolean, string] | undefined;
}

/** RUNTIME_RECEIVED_ATTACHMENTS and RUNTIME_RECEIVED_LAST of native/abi. */
const attachmentMark = 0x4000_0000;
const lastMark = 0x2000_0000;

/** Both ends of all channels, in one place; news come when deliver() is called. */
class FakeBindings implements ChannelBindings {
  readonly capacity: number;
  readonly news = new Set<number>();
  readonly sides = new Map<number, Side>();
  #listener: (kind: number, id: number) => void = () => {};
  #attachments: readonly (object | number)[] | undefined;

  constructor(capacity = 10) {
    this.capacity = capacity;
  }

  #peer(id: number): number {
    return id % 2 === 0 ? id - 1 : id + 1;
  }

  #side(id: number): Side {
    const side = this.sides.get(id);
    if (side === undefined) throw new RangeError(`there is no channel ${id}`);
    return side;
  }

  create(into: { first: number; second: number }): { first: number; second: number } {
    into.first = this.sides.size + 1;
    into.second = into.first + 1;
    for (const id of [into.first, into.second]) {
      this.sides.set(id, { inbox: [], closure: undefined });
    }
    return into;
  }

  post(id: number, bytes: Uint8Array): number {
    return this.send(id, bytes, undefined);
  }

  send(id: number, bytes: Uint8Array, attachments: unknown): number {
    const { closure } = this.#side(id);
    const { inbox } = this.#side(this.#peer(id));
    if (closure !== undefined) return 3;
    if (inbox.length >= this.capacity) return 2;
    inbox.push({ bytes: bytes.slice(), attachments: (attachments ?? []) as object[] });
    this.news.add(this.#peer(id));
    return 1;
  }

  receive(id: number, into: Uint8Array): number {
    const { inbox } = this.#side(id);
    const [next] = inbox;
    if (next === undefined) return this.#side(id).closure === undefined ? -1 : -attachmentMark;
    if (next.bytes.length > into.length) return -1 - next.bytes.length;
    inbox.shift();
    into.set(next.bytes);
    this.#attachments = next.attachments;
    this.news.add(this.#peer(id));
    const isLast = inbox.length === 0 && this.#side(id).closure === undefined;
    return (
      next.bytes.length +
      (next.attachments.length > 0 ? attachmentMark : 0) +
      (isLast ? lastMark : 0)
    );
  }

  attachments(): readonly (ArrayBuffer | SharedArrayBuffer | number)[] | undefined {
    return this.#attachments as readonly (ArrayBuffer | number)[] | undefined;
  }

  close(id: number, reason: string): void {
    this.#side(id).closure = [1, true, reason];
    this.#side(id).inbox.length = 0;
    this.#side(this.#peer(id)).closure = [1, false, reason];
    this.news.add(id).add(this.#peer(id));
  }

  closure(id: number): [number, boolean, string] | undefined {
    return this.#side(id).closure;
  }

  release(id: number): void {
    this.#side(id);
  }

  onNews(listener: (kind: number, id: number) => void): void {
    this.#listener = listener;
  }

  /** A turn of the loop. */
  deliver(): void {
    const news = [...this.news];
    this.news.clear();
    for (const id of news) this.#listener(1, id);
  }
}

/** Channels, and turns of an event loop. */
function setUp(capacity?: number) {
  const bindings = new FakeBindings(capacity);
  let waiting: (() => void)[] = [];
  const channels = new Channels(bindings, { later: (run) => waiting.push(run) });
  const turn = (): void => {
    bindings.deliver();
    const now = waiting;
    waiting = [];
    for (const run of now) run();
  };
  return { bindings, channels, turn };
}

/** Notes what a channel tells. */
function listen(channel: Channel, log: string[], read = true): void {
  channel.start({
    readable: () => {
      log.push('readable');
      while (read && channel.receive() !== undefined);
    },
    writable: () => log.push('writable'),
    closed: ({ cause, by, reason }) => log.push(`closed ${cause} ${by} ${reason}`),
  });
}

test('readable() comes again only after everything was received', (t) => {
  const { channels, turn } = setUp();
  const [one, other] = channels.create();
  const log: string[] = [];
  listen(other, log, false);
  turn();
  other.receive();
  log.length = 0;
  one.send(Uint8Array.of(1));
  one.send(Uint8Array.of(2));
  turn();
  one.send(Uint8Array.of(3));
  turn();
  t.deepEqual(log, ['readable']);
  t.deepEqual([...(other.receive()?.bytes ?? [])], [1]);
  turn();
  t.deepEqual(log, ['readable']);
  other.receive();
  other.receive();
  t.is(other.receive(), undefined);
  one.send(Uint8Array.of(4));
  turn();
  t.deepEqual(log, ['readable', 'readable']);
});

test('a message that comes after the last one is found, whether its news were heard or not', (t) => {
  const { channels, turn } = setUp();
  const [one, other] = channels.create();
  const log: string[] = [];
  listen(other, log, false);
  one.send(Uint8Array.of(1));
  turn();
  t.deepEqual(log, ['readable']);
  t.is(other.receive()?.bytes[0], 1);
  // The reader did not come to the end, and so is told nothing: it finds what has come when it goes on.
  one.send(Uint8Array.of(2));
  turn();
  t.deepEqual(log, ['readable']);
  t.is(other.receive()?.bytes[0], 2);
  // This time it goes on before the news.
  one.send(Uint8Array.of(3));
  t.is(other.receive(), undefined);
  turn();
  t.deepEqual(log, ['readable', 'readable']);
  t.is(other.receive()?.bytes[0], 3);
  t.is(other.receive(), undefined);
  one.close('enough');
  turn();
  t.deepEqual(log, ['readable', 'readable', 'readable']);
  t.is(other.receive(), undefined);
  turn();
  t.deepEqual(log.slice(3), ['closed closed peer enough']);
});

test('a flood leaves the loop its turns', (t) => {
  const { channels, turn } = setUp(10_000);
  const [one, other] = channels.create();
  let got = 0;
  other.start({
    readable: () => {
      while (other.receive() !== undefined) got++;
    },
    writable() {},
    closed() {},
  });
  for (let count = 0; count < 2000; count++) one.send(Uint8Array.of(1));
  const steps: number[] = [];
  for (let count = 0; count < 8; count++) {
    turn();
    steps.push(got);
  }
  t.true((steps[0] as number) < 2000, 'it takes all at once');
  t.is(got, 2000);
});

test('writable() comes after a refusal, and not otherwise', (t) => {
  const { channels, turn } = setUp(2);
  const [one, other] = channels.create();
  const log: string[] = [];
  listen(one, log);
  turn();
  log.length = 0;
  t.is(one.send(Uint8Array.of(1)), 'sent');
  t.is(one.send(Uint8Array.of(2)), 'sent');
  t.is(one.send(Uint8Array.of(3)), 'full');
  turn();
  t.deepEqual(log, []);
  other.receive();
  turn();
  t.deepEqual(log, ['writable', 'readable']);
  other.receive();
  turn();
  t.false(log.slice(2).includes('writable'));
});

test('what came before the end is received, then the end is told, once', (t) => {
  const { channels, turn } = setUp();
  const [one, other] = channels.create();
  const mine: string[] = [];
  const theirs: string[] = [];
  listen(one, mine);
  one.send(Uint8Array.of(1));
  one.close('enough');
  one.close('again');
  t.is(one.send(Uint8Array.of(1)), 'closed');
  listen(other, theirs, false);
  turn();
  turn();
  t.deepEqual(theirs, ['readable']);
  t.is(other.receive()?.bytes.length, 1);
  t.is(other.receive(), undefined);
  turn();
  turn();
  t.deepEqual(theirs, ['readable', 'closed closed peer enough']);
  t.deepEqual(
    mine.filter((each) => each !== 'readable'),
    ['closed closed here enough'],
  );
  t.is(other.send(Uint8Array.of(1)), 'closed');
  t.is(other.receive(), undefined);
});

test('an end moves: it is of no use here any more, and another one there', (t) => {
  const { channels, bindings, turn } = setUp();
  const [one, other] = channels.create();
  const [given, kept] = channels.create();
  t.is(one.send(Uint8Array.of(1), [given]), 'sent');
  t.throws(() => given.send(Uint8Array.of(1)), { message: /sent away/ });
  t.throws(() => given.start({ readable() {}, writable() {}, closed() {} }), {
    message: /sent away/,
  });
  t.throws(() => one.send(Uint8Array.of(1), [given]), { instanceOf: TypeError });
  t.is(given.receive(), undefined);
  const [arrived] = other.receive()?.attachments ?? [];
  t.is((arrived as Channel).send(Uint8Array.of(9)), 'sent');
  t.deepEqual([...(kept.receive()?.bytes ?? [])], [9]);
  turn();
  t.is(bindings.news.size, 0);
});

test('an end is taken out once, for another realm, which adopts it', (t) => {
  const { channels } = setUp();
  const [given, kept] = channels.create();
  const taken = channels.adopt(channels.takeOut(given));
  t.throws(() => channels.takeOut(given), { instanceOf: TypeError });
  t.throws(() => given.send(Uint8Array.of(1)), { message: /sent away/ });
  t.is(taken.send(Uint8Array.of(9)), 'sent');
  t.deepEqual([...(kept.receive()?.bytes ?? [])], [9]);
});

test('what has a listener, is over, or is the channel itself cannot move', (t) => {
  const { channels } = setUp();
  const [one] = channels.create();
  const [used, ended] = channels.create();
  used.start({ readable() {}, writable() {}, closed() {} });
  ended.close();
  for (const each of [one, used, ended]) {
    t.false(one.carries(each));
    t.throws(() => one.send(Uint8Array.of(1), [each]), { instanceOf: TypeError });
  }
});

test('long messages get a longer buffer', (t) => {
  const { channels } = setUp();
  const [one, other] = channels.create();
  for (const length of [0, 1000, 5000, one.longestMessage, 3]) {
    one.send(new Uint8Array(length).fill(7));
    const { bytes } = other.receive() ?? {};
    t.is(bytes?.length, length);
    t.true(bytes?.every((byte) => byte === 7));
  }
});
