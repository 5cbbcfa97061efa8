// A network service that a test plays itself, over the same memory as in the guest, and the system
// calls of an app beside it.
import { constants } from 'node:os';
import * as abi from '@runtimejs/net/generated/shared-memory.ts';
import { loadKernelCode } from '../native/build.ts';

export { abi };

/** An argument of a system call; of bytes, the address is passed. */
export type Word = number | bigint | null | Uint8Array | Int32Array | BigUint64Array;

interface Statistics {
  readonly arenaBytes: number;
  readonly arenaLimit: number;
  readonly sockets: number;
  readonly badIndices: number;
  readonly badCalls: number;
  readonly failedReplays: number;
  readonly lostConnections: number;
  readonly doorbells: number;
  readonly pages: number;
}

export interface Bindings {
  linux(name: string, ...words: Word[]): number;
  kernel(name: string, ...words: Word[]): number;
  kernelAsync(name: string, ...words: Word[]): Promise<number>;
  address(bytes: Exclude<Word, number | bigint | null>): bigint;
  advance(nanoseconds: number): void;
  sendSignal(signal: number, code: number, value: number): void;
  clearSignals(): void;
  state(): { sleepers: number; descriptors: number; brokenPipes: number };
  attach(): ArrayBuffer | number;
  detach(): void;
  noService(): void;
  notify(): number;
  accept(listener: number): number;
  resize(socket: number, direction: number, capacity: number): number;
  release(socket: number): void;
  publishInterfaces(bytes: Uint8Array): void;
  publishFile(name: string, text: string): number;
  allocate(size: number, contiguous: boolean): [number, number, number] | number;
  free(offset: number): void;
  limitPages(count: number): void;
  statistics(): Statistics;
  waitForDoorbell(microseconds: number): void;
  Buddy: new () => {
    allocate(order: number): number;
    free(page: number): number;
    isEmpty(): boolean;
  };
}

export const host: Bindings = await loadKernelCode<Bindings>('kernel_broker');

/** The result of a system call, or the name of its error. */
export type Outcome = number | string;

const names = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
);
for (const [number, name] of [
  [11, 'EAGAIN'],
  [95, 'EOPNOTSUPP'],
  [94, 'ESOCKTNOSUPPORT'],
  [512, 'restart'],
] as const) {
  names.set(number, name);
}

export const outcomeOf = (result: number): Outcome =>
  result < 0 && result > -4096 ? (names.get(-result) ?? `errno ${-result}`) : result;

export const call = (name: string, ...words: Word[]): Outcome =>
  outcomeOf(host.kernel(name, ...words));

/** A call that must succeed. */
export function must(name: string, ...words: Word[]): number {
  const outcome = call(name, ...words);
  if (typeof outcome === 'string') throw new Error(`${name}: ${outcome}`);
  return outcome;
}

/** A call on a thread of its own, which may sleep. */
export const callAsync = async (name: string, ...words: Word[]): Promise<Outcome> =>
  outcomeOf(await host.kernelAsync(name, ...words));

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves once `count` threads sleep in the kernel. */
export async function sleepers(count: number): Promise<void> {
  while (host.state().sleepers !== count) await turnOfLoop();
}

export const nonBlocking = 0o4000;
export const inet = 2;
export const inet6 = 10;
export const stream = 1;
export const datagram = 2;
export const poll = {
  in: 0x41,
  out: 0x104,
  error: 8,
  hangUp: 0x10,
  readHangUp: 0x2000,
  band: 0x200,
} as const;
export const message = {
  peek: 2,
  truncated: 0x20,
  dontWait: 0x40,
  waitAll: 0x100,
  noSignal: 0x4000,
};

/** A sockaddr_in or sockaddr_in6 of numbers: four of them are IPv4. */
export function socketAddress(bytes: readonly number[], port: number, scope = 0): Buffer {
  if (bytes.length === 4) {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(inet, 0);
    address.writeUInt16BE(port, 2);
    Buffer.from(bytes).copy(address, 4);
    return address;
  }
  const address = Buffer.alloc(28);
  address.writeUInt16LE(inet6, 0);
  address.writeUInt16BE(port, 2);
  Buffer.from(bytes).copy(address, 8);
  address.writeUInt32LE(scope, 24);
  return address;
}

export const loopback = (port: number): Buffer => socketAddress([127, 0, 0, 1], port);
export const mapped = (...bytes: number[]): number[] => [
  ...new Array<number>(10).fill(0),
  0xff,
  0xff,
  ...bytes,
];

/** getsockname(2) or getpeername(2) as text. */
export function nameOf(which: 'getsockname' | 'getpeername', fd: number): string {
  const address = Buffer.alloc(128);
  const size = new Int32Array([address.length]);
  const outcome = call(which, fd, address, size);
  if (typeof outcome === 'string') return outcome;
  return addressText(address.subarray(0, size[0]));
}

export function addressText(address: Buffer): string {
  const port = address.readUInt16BE(2);
  if (address.readUInt16LE(0) === inet) return `${[...address.subarray(4, 8)].join('.')}:${port}`;
  return `[${address.toString('hex', 8, 24)}%${address.readUInt32LE(24)}]:${port}`;
}

export const readiness = (fd: number, events = 0x3fff): number => {
  const record = Buffer.alloc(8);
  record.writeInt32LE(fd, 0);
  record.writeUInt16LE(events, 4);
  must('poll', record, 1, 0);
  return record.readUInt16LE(6);
};

export function setOption(fd: number, level: number, option: number, ...values: number[]): Outcome {
  return call('setsockopt', fd, level, option, new Int32Array(values), values.length * 4);
}

export function getOption(fd: number, level: number, option: number, size = 4): Outcome | number[] {
  const value = new Int32Array(size / 4);
  const length = new Int32Array([size]);
  const outcome = call('getsockopt', fd, level, option, value, length);
  return typeof outcome === 'string' ? outcome : [...value.subarray(0, (length[0] as number) / 4)];
}

/** What the service was asked. */
export interface Asked {
  readonly id: number;
  readonly operation: number;
  readonly value0: number;
  readonly value1: number;
  readonly port: number;
  readonly family: number;
  readonly address: number[];
  readonly data: Buffer;
}

/** Returns the errno of the answer, or undefined: no answer now. */
export type Answer = (asked: Asked) => number | undefined;

/** The service's side of the arena. */
export class Service {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  /** Every request, in order. */
  readonly asked: Asked[] = [];
  /** Decides about requests; by default everything works at once. */
  answer: Answer = (asked) => this.#agree(asked);
  #nextPort = 40000;

  /** Begins a life of the service. */
  constructor() {
    const arena = host.attach();
    if (typeof arena === 'number') throw new Error(`attach: ${names.get(-arena)}`);
    this.bytes = Buffer.from(arena);
    this.words = new Int32Array(arena);
    Atomics.store(this.words, abi.sharedPage.serviceAwake >> 2, 0);
  }

  #at(id: number, field: number): number {
    return (abi.socketTableOffset + id * abi.socketBlock.size + field) >> 2;
  }
  get(id: number, field: number): number {
    return Atomics.load(this.words, this.#at(id, field)) >>> 0;
  }
  set(id: number, field: number, value: number): void {
    Atomics.store(this.words, this.#at(id, field), value | 0);
  }
  block(id: number): Buffer {
    const at = abi.socketTableOffset + id * abi.socketBlock.size;
    return this.bytes.subarray(at, at + abi.socketBlock.size);
  }
  setAddress(id: number, field: number, address: readonly number[], port: number, scope = 0): void {
    const block = this.block(id);
    block.writeUInt16LE(address[10] === 0xff && address[0] === 0 ? inet : inet6, field);
    block.writeUInt16LE(port, field + 2);
    block.writeUInt32LE(scope, field + 4);
    Buffer.from(address).copy(block, field + 8);
  }

  /** The sockets that the kernel wants looked at, oldest first. */
  take(): number[] {
    const ids: number[] = [];
    let id = Atomics.exchange(this.words, abi.sharedPage.serviceAttention >> 2, 0);
    while (id !== 0) {
      ids.unshift(id);
      const next = this.get(id, abi.socketBlock.serviceNext);
      this.set(id, abi.socketBlock.serviceQueued, 0);
      id = next;
    }
    return ids;
  }

  /** Has the kernel look at sockets. */
  push(...ids: number[]): void {
    for (const id of ids) {
      const queued = this.#at(id, abi.socketBlock.kernelQueued);
      if (Atomics.compareExchange(this.words, queued, 0, 1) !== 0) continue;
      const head = abi.sharedPage.kernelAttention >> 2;
      this.set(id, abi.socketBlock.kernelNext, Atomics.load(this.words, head));
      Atomics.store(this.words, head, id);
    }
    host.notify();
  }

  /** Sets flags and tells the kernel. */
  flags(id: number, set: number, clear = 0): void {
    const now = this.get(id, abi.socketBlock.serviceFlags);
    this.set(id, abi.socketBlock.serviceFlags, (now & ~clear) | set);
    this.push(id);
  }

  fail(id: number, errno: number): void {
    this.set(id, abi.socketBlock.error, errno);
    this.flags(id, abi.serviceFlagGone, abi.serviceFlagConnecting);
  }

  reply(id: number, errno: number, data: Uint8Array = new Uint8Array()): void {
    Buffer.from(data).copy(this.block(id), abi.socketBlock.requestData);
    this.set(id, abi.socketBlock.replyLength, data.length);
    this.set(id, abi.socketBlock.replyError, errno);
    this.set(id, abi.socketBlock.replySequence, this.get(id, abi.socketBlock.requestSequence));
    this.push(id);
  }

  #agree(asked: Asked): number {
    const { id } = asked;
    const { localFamily, peerFamily } = abi.socketBlock;
    const isV4 = this.get(id, abi.socketBlock.family) === inet;
    const any = isV4 ? mapped(0, 0, 0, 0) : new Array<number>(16).fill(0);
    const isStream = this.get(id, abi.socketBlock.kind) === abi.socketStream;
    const bound = this.block(id).readUInt16LE(localFamily + 2);
    switch (asked.operation) {
      case abi.requestBind:
        this.setAddress(id, localFamily, asked.address, asked.port || this.#nextPort++);
        break;
      case abi.requestAutobind:
        if (!bound) this.setAddress(id, localFamily, any, this.#nextPort++);
        break;
      case abi.requestConnect:
        if (!bound) this.setAddress(id, localFamily, mapped(127, 0, 0, 1), this.#nextPort++);
        if (asked.family === 0) {
          this.setAddress(id, peerFamily, any, 0);
          this.flags(id, 0, abi.serviceFlagConnected);
        } else {
          this.setAddress(id, peerFamily, asked.address, asked.port);
          this.flags(id, isStream ? abi.serviceFlagConnecting : abi.serviceFlagConnected);
        }
        break;
      case abi.requestListen:
        this.flags(id, abi.serviceFlagListening);
        break;
    }
    return 0;
  }

  /** Looks at what the kernel asked, once. Returns the sockets that were in the list. */
  turn(): number[] {
    const ids = this.take();
    for (const id of ids) {
      const sequence = this.get(id, abi.socketBlock.requestSequence);
      if (sequence === this.get(id, abi.socketBlock.replySequence)) continue;
      const block = this.block(id);
      const { requestFamily, requestData } = abi.socketBlock;
      const asked: Asked = {
        id,
        operation: this.get(id, abi.socketBlock.requestOperation),
        value0: this.get(id, abi.socketBlock.requestValue0),
        value1: this.get(id, abi.socketBlock.requestValue1),
        family: block.readUInt16LE(requestFamily),
        port: block.readUInt16LE(requestFamily + 2),
        address: [...block.subarray(requestFamily + 8, requestFamily + 24)],
        data: Buffer.from(
          block.subarray(requestData, requestData + this.get(id, abi.socketBlock.requestLength)),
        ),
      };
      this.asked.push(asked);
      const errno = this.answer(asked);
      if (errno !== undefined) this.reply(id, errno);
    }
    return ids;
  }

  /** Makes a system call that needs the service, and serves it meanwhile. */
  async serve(name: string, ...words: Word[]): Promise<Outcome> {
    return this.until(callAsync(name, ...words));
  }
  /** Serves until something is over. */
  async until<T>(pending: Promise<T>): Promise<T> {
    let isOver = false;
    const settle = () => {
      isOver = true;
    };
    pending.then(settle, settle);
    while (!isOver) {
      this.turn();
      await turnOfLoop();
    }
    return pending;
  }

  /** The socket that the kernel told of last. */
  newest(): number {
    return (this.asked.at(-1) as Asked).id;
  }

  /** Puts bytes into a receive ring, growing it as needed. */
  deliver(id: number, data: string | Uint8Array, announce = true): void {
    const bytes = Buffer.from(data);
    const head = this.get(id, abi.socketBlock.receiveHead);
    const used = (head - this.get(id, abi.socketBlock.receiveTail)) >>> 0;
    let capacity = this.get(id, abi.socketBlock.receiveCapacity);
    if (used + bytes.length > capacity) {
      capacity = Math.max(capacity, 4096);
      while (used + bytes.length > capacity) capacity *= 2;
      const resized = host.resize(id, abi.directionReceive, capacity);
      if (resized !== 0) throw new Error(`resize: ${resized}`);
    }
    const ring = this.get(id, abi.socketBlock.receiveOffset);
    for (let index = 0; index < bytes.length; index++) {
      this.bytes[ring + ((head + index) & (capacity - 1))] = bytes[index] as number;
    }
    this.set(id, abi.socketBlock.receiveHead, head + bytes.length);
    if (announce) this.push(id);
  }

  /** Takes bytes out of a send ring, at most `count`. */
  drain(id: number, count = Number.POSITIVE_INFINITY): Buffer {
    const head = this.get(id, abi.socketBlock.sendHead);
    const tail = this.get(id, abi.socketBlock.sendTail);
    const capacity = this.get(id, abi.socketBlock.sendCapacity);
    const ring = this.get(id, abi.socketBlock.sendOffset);
    const size = Math.min((head - tail) >>> 0, count);
    const bytes = Buffer.alloc(size);
    for (let index = 0; index < size; index++) {
      bytes[index] = this.bytes[ring + ((tail + index) & (capacity - 1))] as number;
    }
    this.set(id, abi.socketBlock.sendTail, tail + size);
    return bytes;
  }

  /** Puts a datagram into a receive ring. */
  deliverDatagram(id: number, data: string | Uint8Array, from: DatagramOrigin): void {
    const bytes = Buffer.from(data);
    const record = abi.datagramRecord;
    const size = (record.size + bytes.length + 7) & ~7;
    if (this.get(id, abi.socketBlock.receiveCapacity) === 0) {
      host.resize(id, abi.directionReceive, 32768);
    }
    const capacity = this.get(id, abi.socketBlock.receiveCapacity);
    const ring = this.get(id, abi.socketBlock.receiveOffset);
    let head = this.get(id, abi.socketBlock.receiveHead);
    const place = head & (capacity - 1);
    if (capacity - place < size) {
      this.bytes.writeUInt32LE(abi.datagramWrap, ring + place);
      head += capacity - place;
    }
    const at = ring + (head & (capacity - 1));
    this.bytes.fill(0, at, at + record.size);
    this.bytes.writeUInt32LE(from.length ?? bytes.length, at + record.length);
    this.bytes.writeUInt16LE(from.port, at + record.remoteFamily + 2);
    Buffer.from(from.address).copy(this.bytes, at + record.remoteAddress);
    Buffer.from(from.local ?? mapped(127, 0, 0, 1)).copy(this.bytes, at + record.localAddress);
    this.bytes.writeUInt32LE(1, at + record.interfaceIndex);
    this.bytes.writeUInt32LE(61, at + record.hopLimit);
    this.bytes.writeUInt32LE(8, at + record.trafficClass);
    bytes.copy(this.bytes, at + record.size);
    this.set(id, abi.socketBlock.receiveHead, head + size);
    this.push(id);
  }

  /** Ends this life. */
  end(): void {
    host.detach();
  }
}

export interface DatagramOrigin {
  readonly address: readonly number[];
  readonly port: number;
  readonly local?: readonly number[];
  /** A length that is not that of the data. */
  readonly length?: number;
}

/** A blocking stream socket that the service has connected: its descriptor and id. */
export async function connected(
  service: Service,
  flags = 0,
  sendLimit = 65536,
): Promise<{ fd: number; id: number }> {
  const fd = must('socket', inet, stream | flags, 0);
  const address = loopback(80);
  const outcome = callAsync('connect', fd, address, address.length);
  const before = service.asked.length;
  while (service.asked.length === before) {
    service.turn();
    await turnOfLoop();
  }
  const id = service.newest();
  service.set(id, abi.socketBlock.sendLimit, sendLimit);
  if (flags & nonBlocking) await outcome;
  service.flags(id, abi.serviceFlagConnected, abi.serviceFlagConnecting);
  if (!(flags & nonBlocking)) {
    const result = await service.until(outcome);
    if (result !== 0) throw new Error(`connect: ${result}`);
  } else {
    must('connect', fd, address, address.length);
  }
  return { fd, id };
}

/** A listening socket: its descriptor and id. */
export async function listening(
  service: Service,
  flags = 0,
  port = 8080,
): Promise<{ fd: number; id: number }> {
  const fd = must('socket', inet, stream | flags, 0);
  const address = loopback(port);
  const bound = await service.serve('bind', fd, address, address.length);
  const listens = await service.serve('listen', fd, 16);
  if (bound !== 0 || listens !== 0) throw new Error(`bind: ${bound}, listen: ${listens}`);
  return { fd, id: service.newest() };
}

/** A connection to a listener: makes its socket and offers it. */
export function offer(service: Service, listener: number, port = 50000): number {
  const id = host.accept(listener);
  if (id <= 0) throw new Error(`accept: ${id}`);
  service.setAddress(id, abi.socketBlock.localFamily, mapped(127, 0, 0, 1), 8080);
  service.setAddress(id, abi.socketBlock.peerFamily, mapped(127, 0, 0, 1), port);
  service.set(id, abi.socketBlock.sendLimit, 65536);
  service.set(
    listener,
    abi.socketBlock.acceptOffered,
    service.get(listener, abi.socketBlock.acceptOffered) + 1,
  );
  service.flags(id, abi.serviceFlagConnected);
  return id;
}

/** Reads at most `size` bytes: text, or the error. */
export function read(fd: number, size = 65536): string {
  const buffer = Buffer.alloc(size);
  const outcome = call('read', fd, buffer, size);
  return typeof outcome === 'string' ? outcome : buffer.toString('latin1', 0, outcome);
}

export function receive(fd: number, size: number, flags: number): string {
  const buffer = Buffer.alloc(size);
  const outcome = call('recvfrom', fd, buffer, size, flags, null, null);
  return typeof outcome === 'string' ? outcome : buffer.toString('latin1', 0, outcome);
}

export function write(fd: number, data: string | Uint8Array): Outcome {
  const bytes = Buffer.from(data);
  return call('write', fd, bytes, bytes.length);
}

/** Closes a socket and plays the service's part in that. */
export function closeAndRelease(service: Service, fd: number, id: number): void {
  must('close', fd);
  service.turn();
  if (service.get(id, abi.socketBlock.kernelFlags) & abi.kernelFlagClosed) {
    service.flags(id, abi.serviceFlagGone);
    host.release(id);
  }
}
