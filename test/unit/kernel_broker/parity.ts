// One scenario on two systems: on our kernel, with the real network service on another thread, and on
// the Linux that the tests run on. What happened must be the same.
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { addressText, type Bindings, host, type Outcome, outcomeOf, type Word } from './service.ts';

const stop = new Int32Array(new SharedArrayBuffer(4));
let worker: Worker | undefined;

/** Starts the network service. */
async function startService(): Promise<void> {
  worker = new Worker(new URL('./network-worker.ts', import.meta.url), { workerData: { stop } });
  await new Promise((resolve, reject) => {
    worker?.once('message', resolve);
    worker?.once('error', reject);
  });
}

test.before(startService);
test.after.always(async () => {
  Atomics.store(stop, 0, 1);
  await new Promise((resolve) => worker?.once('exit', resolve));
});

/** An argument of `Inet.note`: outcomes of calls, mostly. */
type Noted = Outcome | number[] | boolean;

/** A system's sockets, by calls that do not wait unless they say so. */
export class Inet {
  readonly notes: string[] = [];
  readonly isLinux: boolean;
  readonly #invoke: Bindings['kernel'];
  readonly #ports = new Map<number, string>();

  constructor(isLinux: boolean) {
    this.isLinux = isLinux;
    this.#invoke = isLinux ? host.linux : host.kernel;
  }

  call(name: string, ...words: Word[]): Outcome {
    return outcomeOf(this.#invoke(name, ...words));
  }
  must(name: string, ...words: Word[]): number {
    const outcome = this.call(name, ...words);
    if (typeof outcome === 'string') throw new Error(`${name}: ${outcome}`);
    return outcome;
  }
  /** Remembers what happened, for comparison. */
  note(what: string, outcome: Noted): void {
    this.notes.push(`${what}: ${outcome}`);
  }

  socket(family: number, type: number, protocol = 0): number {
    return this.must('socket', family, type | 0o4000, protocol);
  }
  close(...fds: number[]): void {
    for (const fd of fds) this.must('close', fd);
  }

  /** Waits until one of some events is there (or an error, a hang-up), and says which are. */
  wait(fd: number, events: number, all = 0x3fff): number {
    const record = Buffer.alloc(8);
    record.writeInt32LE(fd, 0);
    record.writeUInt16LE(events, 4);
    const count = this.must('poll', record, 1, this.isLinux ? 5000 : -1);
    if (count === 0) throw new Error(`no event of ${events.toString(16)} came`);
    return this.poll(fd, all);
  }
  /** Waits until one of several descriptors has one of the events that are wanted of it. */
  waitForAny(wanted: readonly (readonly [fd: number, events: number])[]): void {
    const records = Buffer.alloc(8 * wanted.length);
    wanted.forEach(([fd, events], index) => {
      records.writeInt32LE(fd, index * 8);
      records.writeUInt16LE(events, index * 8 + 4);
    });
    this.must('poll', records, wanted.length, this.isLinux ? 5000 : -1);
  }
  poll(fd: number, events = 0x3fff): number {
    const record = Buffer.alloc(8);
    record.writeInt32LE(fd, 0);
    record.writeUInt16LE(events, 4);
    this.must('poll', record, 1, 0);
    return record.readUInt16LE(6);
  }

  address(bytes: readonly number[], port: number): Buffer {
    const isV4 = bytes.length === 4;
    const address = Buffer.alloc(isV4 ? 16 : 28);
    address.writeUInt16LE(isV4 ? 2 : 10, 0);
    address.writeUInt16BE(port, 2);
    Buffer.from(bytes).copy(address, isV4 ? 4 : 8);
    return address;
  }
  bind(fd: number, bytes: readonly number[], port = 0): Outcome {
    const address = this.address(bytes, port);
    return this.call('bind', fd, address, address.length);
  }
  connect(fd: number, bytes: readonly number[], port: number): Outcome {
    const address = this.address(bytes, port);
    return this.call('connect', fd, address, address.length);
  }
  portOf(fd: number): number {
    const address = Buffer.alloc(128);
    this.must('getsockname', fd, address, new Int32Array([128]));
    return address.readUInt16BE(2);
  }
  /** getsockname(2) or getpeername(2), with ports by the order in which they turned up. */
  nameOf(which: 'getsockname' | 'getpeername', fd: number): string {
    const address = Buffer.alloc(128);
    const size = new Int32Array([128]);
    const outcome = this.call(which, fd, address, size);
    if (typeof outcome === 'string') return outcome;
    return this.named(address.subarray(0, size[0]));
  }
  named(address: Buffer): string {
    const port = address.readUInt16BE(2);
    if (port !== 0 && !this.#ports.has(port)) this.#ports.set(port, `port${this.#ports.size}`);
    return addressText(address).replace(/\d+$/, this.#ports.get(port) ?? '0');
  }

  listen(bytes: readonly number[], backlog = 16): { fd: number; port: number } {
    const fd = this.socket(bytes.length === 4 ? 2 : 10, 1);
    const bound = this.bind(fd, bytes);
    if (bound !== 0) throw new Error(`bind: ${bound}`);
    this.must('listen', fd, backlog);
    return { fd, port: this.portOf(fd) };
  }
  /** Two ends of a connection over loopback. */
  pair(bytes: readonly number[] = [127, 0, 0, 1]): { client: number; server: number } {
    const listener = this.listen(bytes);
    const client = this.socket(bytes.length === 4 ? 2 : 10, 1);
    this.connect(client, bytes, listener.port);
    this.wait(listener.fd, 1);
    const server = this.must('accept4', listener.fd, null, null, 0o4000);
    this.wait(client, 4);
    this.close(listener.fd);
    return { client, server };
  }

  write(fd: number, data: string | Uint8Array): Outcome {
    const bytes = Buffer.from(data);
    return this.call('sendto', fd, bytes, bytes.length, 0x4000, null, 0);
  }
  read(fd: number, size = 65536, flags = 0): string {
    const buffer = Buffer.alloc(size);
    const outcome = this.call('recvfrom', fd, buffer, size, flags, null, null);
    return typeof outcome === 'string' ? outcome : `"${buffer.toString('latin1', 0, outcome)}"`;
  }
  option(fd: number, level: number, option: number, size = 4): Noted {
    const value = new Int32Array(size / 4);
    const length = new Int32Array([size]);
    const outcome = this.call('getsockopt', fd, level, option, value, length);
    return typeof outcome === 'string'
      ? outcome
      : [...value.subarray(0, (length[0] as number) / 4)];
  }
  setOption(fd: number, level: number, option: number, ...values: number[]): Outcome {
    return this.call('setsockopt', fd, level, option, new Int32Array(values), values.length * 4);
  }
}

/** Runs a scenario on both systems and compares what it noted. */
export function parity(title: string, scenario: (inet: Inet, t: ExecutionContext) => void): void {
  test.serial(title, (t) => {
    const [linux, ours] = [new Inet(true), new Inet(false)];
    scenario(linux, t);
    scenario(ours, t);
    t.deepEqual(ours.notes, linux.notes);
    t.true(ours.notes.length > 0);
  });
}
