// Two systems behind one interface: the kernel's own system calls, compiled for the host, and the
// Linux that the tests run on. A scenario that passes on both shows that they agree.
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadKernelCode } from '../native/build.ts';

/** An argument of a system call; of bytes, the address is passed. */
export type Word = number | bigint | null | Uint8Array | Int32Array | BigUint64Array;

/** lib/ring.h; errors are negative numbers. Sizes are those of the byte arrays. */
export interface Ring {
  setCapacity(bytes: number): number;
  write(bytes: Uint8Array): number;
  read(into: Uint8Array): number;
  peek(into: Uint8Array, offset: number): number;
  discard(bytes: number): void;
  used(): number;
  freeSpace(): number;
}

interface Bindings {
  Ring: new () => Ring;
  kernel(name: string, ...words: Word[]): number;
  kernelAsync(name: string, ...words: Word[]): Promise<number>;
  linux(name: string, ...words: Word[]): number;
  address(bytes: Exclude<Word, number | bigint | null>): bigint;
  advance(nanoseconds: number): void;
  sendSignal(signal: number, code: number, value: number): void;
  clearSignals(): void;
  limitFrames(count: number): void;
  state(): {
    sleepers: number;
    frames: number;
    descriptors: number;
    brokenPipes: number;
    signalMask: bigint;
    masksLeftToHandlers: number;
  };
}

/** What only our own kernel offers: its clock, its signals, a look inside. */
export const host: Bindings = await loadKernelCode<Bindings>('kernel_ipc');

/** The result of a system call, or the name of its error. */
export type Outcome = number | string;

const errorNames = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
);
errorNames.set(11, 'EAGAIN'); // also EWOULDBLOCK
errorNames.set(95, 'EOPNOTSUPP'); // also ENOTSUP
errorNames.set(40, 'ELOOP');
errorNames.set(94, 'ESOCKTNOSUPPORT');
errorNames.set(111, 'ECONNREFUSED');
errorNames.set(512, 'restart'); // internal: the call starts again after the handler

const toOutcome = (result: number): Outcome =>
  result < 0 && result > -4096 ? (errorNames.get(-result) ?? `errno ${-result}`) : result;

export const open = { nonBlocking: 0o4000, closeOnExec: 0o2000000, direct: 0o40000 } as const;
export const poll = {
  in: 0x1,
  priority: 0x2,
  out: 0x4,
  error: 0x8,
  hangUp: 0x10,
  invalid: 0x20,
  readNormal: 0x40,
  writeNormal: 0x100,
  readHangUp: 0x2000,
} as const;
export const epoll = {
  add: 1,
  remove: 2,
  modify: 3,
  exclusive: 2 ** 28,
  oneShot: 2 ** 30,
  edge: 2 ** 31,
} as const;
export const socketKind = { stream: 1, datagram: 2, sequencedPacket: 5 } as const;
export const message = {
  peek: 2,
  controlTruncated: 8,
  truncated: 0x20,
  dontWait: 0x40,
  waitAll: 0x100,
  noSignal: 0x4000,
  closeOnExec: 0x40000000,
} as const;

/** What recvmsg(2) returned. */
export interface Received {
  data: string;
  files: number[];
  flags: number;
  name: Buffer;
  credentials: { process: number; user: number; group: number } | undefined;
}

/** Ready descriptors as [data, events]. */
export type Ready = [data: number, events: number][];

const paddedCString = (text: string): Buffer => Buffer.from(`${text}\0`);

export class System {
  readonly name: string;
  /** A directory that tests may write to. */
  readonly directory: string;
  readonly #invoke: (name: string, ...words: Word[]) => number;

  constructor(name: string, directory: string, invoke: Bindings['kernel']) {
    this.name = name;
    this.directory = directory;
    this.#invoke = invoke;
  }

  call(name: string, ...words: Word[]): Outcome {
    return toOutcome(this.#invoke(name, ...words));
  }

  /** A call that must succeed. */
  must(name: string, ...words: Word[]): number {
    const outcome = this.call(name, ...words);
    if (typeof outcome === 'string') throw new Error(`${name} on ${this.name}: ${outcome}`);
    return outcome;
  }

  path(name: string): Buffer {
    return paddedCString(path.join(this.directory, name));
  }

  pipe(flags: number = open.nonBlocking): [reader: number, writer: number] {
    const pair = new Int32Array(2);
    this.must('pipe2', pair, flags);
    return [pair[0] as number, pair[1] as number];
  }

  eventfd(initial = 0, flags: number = open.nonBlocking): number {
    return this.must('eventfd2', initial, flags);
  }

  write(fd: number, data: string | Uint8Array): Outcome {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    return this.call('write', fd, bytes, bytes.length);
  }

  /** Text that was read; an error is thrown. */
  read(fd: number, size = 65536): string {
    const buffer = Buffer.alloc(size);
    return buffer.toString('latin1', 0, this.must('read', fd, buffer, size));
  }

  /** The count, or the error's name. */
  tryRead(fd: number, size = 65536): Outcome {
    return this.call('read', fd, Buffer.alloc(size), size);
  }

  close(...fds: number[]): void {
    for (const fd of fds) this.must('close', fd);
  }

  /** The bits of `events` (and error, hang-up) that are true now. */
  poll(fd: number, events: number = poll.in | poll.out | poll.readHangUp): number {
    const record = Buffer.alloc(8);
    record.writeInt32LE(fd, 0);
    record.writeInt16LE(events, 4);
    this.must('poll', record, 1, 0);
    return record.readUInt16LE(6);
  }

  epoll(): number {
    return this.must('epoll_create1', 0);
  }

  control(epollFd: number, operation: number, fd: number, events = 0, data = fd): Outcome {
    const record = Buffer.alloc(12);
    record.writeUInt32LE(events >>> 0, 0);
    record.writeBigUInt64LE(BigInt(data), 4);
    return this.call('epoll_ctl', epollFd, operation, fd, record);
  }

  wait(epollFd: number, capacity = 16): Ready {
    const records = Buffer.alloc(12 * capacity);
    const count = this.must('epoll_wait', epollFd, records, capacity, 0);
    return Array.from({ length: count }, (_, index) => [
      Number(records.readBigUInt64LE(index * 12 + 4)),
      records.readUInt32LE(index * 12),
    ]);
  }

  socket(type: number = socketKind.stream, flags: number = open.nonBlocking): number {
    return this.must('socket', 1, type | flags, 0);
  }

  socketPair(type: number = socketKind.stream, flags: number = open.nonBlocking): [number, number] {
    const pair = new Int32Array(2);
    this.must('socketpair', 1, type | flags, 0, pair);
    return [pair[0] as number, pair[1] as number];
  }

  /** A sockaddr_un: a file in the test directory, or with a leading "@" an abstract name. */
  address(name: string): Buffer {
    const text = name.startsWith('@') ? `\0${name.slice(1)}` : path.join(this.directory, name);
    return Buffer.concat([Buffer.from([1, 0]), Buffer.from(text)]);
  }

  bind(fd: number, name: string): Outcome {
    const address = this.address(name);
    return this.call('bind', fd, address, address.length);
  }

  connect(fd: number, name: string): Outcome {
    const address = this.address(name);
    return this.call('connect', fd, address, address.length);
  }

  /** A bound, listening stream socket. */
  listener(name: string, backlog = 8): number {
    const fd = this.socket();
    const bound = this.bind(fd, name);
    if (bound !== 0) throw new Error(`bind ${name} on ${this.name}: ${bound}`);
    this.must('listen', fd, backlog);
    return fd;
  }

  accept(fd: number, flags: number = open.nonBlocking): Outcome {
    return this.call('accept4', fd, null, null, flags);
  }

  option(fd: number, option: number, size = 4): Outcome | number[] {
    const value = new Int32Array(size / 4);
    const length = new Int32Array([size]);
    const outcome = this.call('getsockopt', fd, 1, option, value, length);
    return typeof outcome === 'string' ? outcome : [...value.subarray(0, (length[0] ?? 0) / 4)];
  }

  setOption(fd: number, option: number, ...values: number[]): Outcome {
    return this.call('setsockopt', fd, 1, option, new Int32Array(values), values.length * 4);
  }

  /** getsockname(2) or getpeername(2): the address without its family, or the error. */
  nameOf(call: 'getsockname' | 'getpeername', fd: number): string {
    const address = Buffer.alloc(128);
    const size = new Int32Array([address.length]);
    const outcome = this.call(call, fd, address, size);
    if (typeof outcome === 'string') return outcome;
    return address.toString('latin1', 2, size[0]);
  }

  send(
    fd: number,
    data: string,
    { files = [], flags = message.noSignal, to }: SendOptions = {},
  ): Outcome {
    const control = Buffer.alloc(files.length > 0 ? 16 + files.length * 4 : 0);
    if (files.length > 0) {
      control.writeBigUInt64LE(BigInt(control.length), 0);
      control.writeInt32LE(1, 8);
      control.writeInt32LE(1, 12);
      files.forEach((file, index) => {
        control.writeInt32LE(file, 16 + index * 4);
      });
    }
    const bytes = Buffer.from(data, 'latin1');
    const parts = new MessageParts(bytes, control, to === undefined ? undefined : this.address(to));
    return this.call('sendmsg', fd, parts.header, flags);
  }

  /** Everything that recvmsg(2) gives, or the error's name. */
  receive(
    fd: number,
    { size = 65536, controlSize = 1024, flags = 0 }: ReceiveOptions = {},
  ): Received | string {
    const data = Buffer.alloc(size);
    const control = Buffer.alloc(controlSize);
    const name = Buffer.alloc(128);
    const parts = new MessageParts(data, control, name);
    const outcome = this.call('recvmsg', fd, parts.header, flags);
    if (typeof outcome === 'string') return outcome;
    const received: Received = {
      data: data.toString('latin1', 0, Math.min(outcome, size)),
      files: [],
      flags: parts.header.readInt32LE(48),
      name: name.subarray(0, parts.header.readUInt32LE(8)),
      credentials: undefined,
    };
    const used = Number(parts.header.readBigUInt64LE(40));
    for (let offset = 0; offset + 16 <= used; ) {
      const length = Number(control.readBigUInt64LE(offset));
      const type = control.readInt32LE(offset + 12);
      if (type === 1) {
        for (let at = offset + 16; at < offset + length; at += 4) {
          received.files.push(control.readInt32LE(at));
        }
      } else {
        received.credentials = {
          process: control.readInt32LE(offset + 16),
          user: control.readInt32LE(offset + 20),
          group: control.readInt32LE(offset + 24),
        };
      }
      offset += Math.ceil(length / 8) * 8;
    }
    return received;
  }
}

interface SendOptions {
  files?: number[];
  flags?: number;
  to?: string;
}

interface ReceiveOptions {
  size?: number;
  controlSize?: number;
  flags?: number;
}

/** A msghdr and what it points at, kept together so that nothing of it is collected. */
class MessageParts {
  readonly header = Buffer.alloc(56);
  readonly kept: Buffer[];

  constructor(data: Buffer, control: Buffer, name: Buffer | undefined) {
    const vector = Buffer.alloc(16);
    vector.writeBigUInt64LE(data.length > 0 ? host.address(data) : 0n, 0);
    vector.writeBigUInt64LE(BigInt(data.length), 8);
    if (name) {
      this.header.writeBigUInt64LE(host.address(name), 0);
      this.header.writeUInt32LE(name.length, 8);
    }
    this.header.writeBigUInt64LE(host.address(vector), 16);
    this.header.writeBigUInt64LE(1n, 24);
    if (control.length > 0) {
      this.header.writeBigUInt64LE(host.address(control), 32);
      this.header.writeBigUInt64LE(BigInt(control.length), 40);
    }
    this.kept = [data, control, vector, ...(name ? [name] : [])];
  }
}

export const ours = new System('our kernel', '/tmp', host.kernel);
const linuxFolder = mkdtempSync(path.join(tmpdir(), 'kernel-ipc-'));
const linux = new System('Linux', linuxFolder, host.linux);
test.after.always(() => rmSync(linuxFolder, { recursive: true, force: true }));

/** Runs a scenario on our kernel and on Linux: the expectations must hold on both. */
export function onBoth(
  title: string,
  scenario: (t: ExecutionContext, system: System) => void,
): void {
  for (const system of [ours, linux]) {
    test.serial(`${title} (${system.name})`, (t) => scenario(t, system));
  }
}

/** A blocking call on a thread of its own. Keep what its buffers point at until it resolves. */
export async function callAsync(name: string, ...words: Word[]): Promise<Outcome> {
  return toOutcome(await host.kernelAsync(name, ...words));
}

/** Resolves once `count` threads sleep in the kernel. */
export async function sleepers(count: number): Promise<void> {
  while (host.state().sleepers !== count) await new Promise((resolve) => setImmediate(resolve));
}
