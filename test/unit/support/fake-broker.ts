/**
 * Plays the kernel to a socket service: socket blocks, rings, attention lists, requests, accepting.
 * What a thread of an app would do, tests do through FakeSocket; nothing here blocks, callers run the
 * stack in between.
 */
import { IpAddress } from '@runtimejs/net/address.ts';
import {
  arenaHeapOffset,
  datagramRecord,
  datagramWrap,
  directionSend,
  kernelFlagClosed,
  kernelFlagReceiveShutdown,
  kernelFlagReset,
  kernelFlagSendShutdown,
  kernelFlagWantsSpace,
  requestBind,
  requestConnect,
  requestGetOption,
  requestListen,
  requestSetOption,
  serviceFlagConnected,
  serviceFlagGone,
  serviceFlagListening,
  serviceFlagReceiveEnd,
  serviceFlagSendClosed,
  socketBlock,
  socketDatagram,
  socketStream,
} from '@runtimejs/net/generated/shared-memory.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { AttentionList } from '@runtimejs/net/sockets/attention.ts';
import { blockWord, field, readEndpoint, writeEndpoint } from '@runtimejs/net/sockets/block.ts';
import type { Broker } from '@runtimejs/net/sockets/broker.ts';
import { recordSize } from '@runtimejs/net/sockets/datagram-ring.ts';

/** An address as tests write it. */
export interface FakeAddress {
  readonly address: IpAddress;
  readonly port: number;
  readonly scope?: number;
}

/** A received datagram. */
export interface FakeDatagram {
  readonly data: Uint8Array;
  readonly from: FakeAddress;
  readonly to: IpAddress;
  readonly interfaceIndex: number;
  readonly hopLimit: number;
  readonly trafficClass: number;
}

/** An answered request. */
export interface FakeReply {
  readonly error: number;
  readonly value: number;
  readonly data: Uint8Array;
}

const enomem = 12;
const ebusy = 16;
const einval = 22;
const firstRing = 16 * 1024;

/** The kernel's side. */
export class FakeKernel implements Broker {
  readonly memory: Memory;
  readonly service: AttentionList;
  readonly #kernel: AttentionList;
  readonly #sockets = new Map<number, FakeSocket>();
  readonly #free: number[] = [];
  readonly #rings = new Map<number, number[]>();
  readonly files = new Map<string, string>();
  interfaces: Uint8Array = new Uint8Array(0);
  #nextId = 1;
  #top: number;
  /** Bytes of rings in use. */
  ringBytes = 0;
  notifications = 0;
  /** No memory for rings beyond this many bytes, and no more sockets than that. */
  mostRingBytes = Number.POSITIVE_INFINITY;
  mostSockets = Number.POSITIVE_INFINITY;

  /** @param heap where rings may begin in memory */
  constructor(memory: Memory, heap: number = arenaHeapOffset) {
    this.memory = memory;
    this.#top = heap;
    this.service = new AttentionList(memory, 'service');
    this.#kernel = new AttentionList(memory, 'kernel');
  }

  get socketCount(): number {
    return this.#sockets.size;
  }

  /** Makes a socket, as socket(2). */
  socket(kind: number, family: number): FakeSocket {
    const id = this.#free.pop() ?? this.#nextId++;
    const block = blockWord(id);
    const { words } = this.memory;
    // The attention lists may still hold the block's number from its last life.
    const queued = [socketBlock.serviceQueued, socketBlock.serviceNext].map((at) => at >> 2);
    const kept = queued.map((at) => words[block + at] as number);
    words.fill(0, block, block + socketBlock.size / 4);
    queued.forEach((at, index) => {
      words[block + at] = kept[index] as number;
    });
    words[block + field.kind] = kind;
    words[block + field.family] = family;
    const socket = new FakeSocket(this, id, kind, family);
    this.#sockets.set(id, socket);
    return socket;
  }

  stream(family = 2): FakeSocket {
    return this.socket(socketStream, family);
  }

  datagram(family = 2): FakeSocket {
    return this.socket(socketDatagram, family);
  }

  // Broker

  accept(listener: number): number {
    const from = this.#sockets.get(listener);
    if (from === undefined || from.isClosed) return -einval;
    if (this.#sockets.size >= this.mostSockets) return -enomem;
    const socket = this.socket(socketStream, from.family);
    this.memory.words[socket.block + field.listener] = listener;
    from.offered.push(socket);
    return socket.id;
  }

  resize(id: number, direction: number, capacity: number): number {
    const socket = this.#sockets.get(id);
    if (socket === undefined || (capacity & (capacity - 1)) !== 0) return -einval;
    const { words } = this.memory;
    const sending = direction === directionSend;
    const at = socket.block + (sending ? field.sendOffset : field.receiveOffset);
    const head = socket.block + (sending ? field.sendHead : field.receiveHead);
    const tail = socket.block + (sending ? field.sendTail : field.receiveTail);
    const used = ((words[head] as number) - (words[tail] as number)) >>> 0;
    if (used > capacity) return -ebusy;
    const old = words[at] as number;
    const oldCapacity = words[at + 1] as number;
    if (capacity === oldCapacity) return 0;
    let offset = 0;
    if (capacity > 0) {
      offset = this.#allocate(capacity);
      if (offset === 0) return -enomem;
    }
    if (socket.kind === socketStream) {
      this.#moveBytes(words[tail] as number, old, oldCapacity, offset, capacity);
    } else if (!this.#moveRecords(head, tail, old, oldCapacity, offset)) {
      this.#freeRing(offset, capacity);
      return -einval;
    }
    words[at] = offset;
    words[at + 1] = capacity;
    this.#freeRing(old, oldCapacity);
    return 0;
  }

  notify(): void {
    this.notifications += 1;
    const taken = new Int32Array(65536);
    const count = this.#kernel.take(taken);
    for (let index = 0; index < count; index++) {
      this.#sockets.get(taken[index] as number)?.attended();
    }
  }

  release(id: number): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) throw new Error(`release(${id}): there is no such socket`);
    if (!socket.isClosed) throw new Error(`release(${id}): the socket is not closed`);
    const { words } = this.memory;
    for (const at of [field.sendOffset, field.receiveOffset]) {
      this.#freeRing(words[socket.block + at] as number, words[socket.block + at + 1] as number);
    }
    words[socket.block + field.kind] = 0;
    socket.isReleased = true;
    this.#sockets.delete(id);
    this.#free.push(id);
  }

  publishInterfaces(bytes: Uint8Array): void {
    this.interfaces = bytes.slice();
  }

  publishFile(name: string, text: string): void {
    this.files.set(name, text);
  }

  // Rings

  /** Everything in the old ring moves, also what lies ahead of its head. */
  #moveBytes(tail: number, old: number, oldCapacity: number, to: number, capacity: number): void {
    const count = Math.min(oldCapacity, capacity);
    const { bytes } = this.memory;
    for (let index = 0; index < count; index++) {
      const position = (tail + index) >>> 0;
      bytes[to + (position & (capacity - 1))] = bytes[
        old + (position & (oldCapacity - 1))
      ] as number;
    }
  }

  /** Puts what is in a ring of records to another one's start. False: what is there is no row of records. */
  #moveRecords(head: number, tail: number, old: number, oldCapacity: number, to: number): boolean {
    const { words } = this.memory;
    let from = words[tail] as number;
    let left = ((words[head] as number) - from) >>> 0;
    if (left > oldCapacity) return false;
    let at = 0;
    while (left > 0) {
      const position = from & (oldCapacity - 1);
      const length = (words[(old + position) >> 2] as number) >>> 0;
      const isWrap = length === datagramWrap;
      const size = isWrap ? oldCapacity - position : recordSize(length);
      if (size <= 0 || size > left) return false;
      if (!isWrap) {
        this.memory.copy(to + at, old + position, size);
        at += size;
      }
      from = (from + size) | 0;
      left -= size;
    }
    words[tail] = 0;
    words[head] = at;
    return true;
  }

  #allocate(capacity: number): number {
    if (this.ringBytes + capacity > this.mostRingBytes) return 0;
    const reused = this.#rings.get(capacity)?.pop();
    const offset = reused ?? this.#top;
    if (reused === undefined) {
      if (offset + capacity > this.memory.bytes.length) return 0;
      this.#top += capacity;
    }
    this.ringBytes += capacity;
    return offset;
  }

  #freeRing(offset: number, capacity: number): void {
    if (capacity === 0) return;
    this.ringBytes -= capacity;
    const list = this.#rings.get(capacity) ?? [];
    list.push(offset);
    this.#rings.set(capacity, list);
  }
}

/** A socket from the app's side. */
export class FakeSocket {
  readonly kernel: FakeKernel;
  readonly id: number;
  readonly kind: number;
  readonly family: number;
  /** Number of the block's first word. */
  readonly block: number;
  /** Connections that the service made for a listener; acceptable once they are connected. */
  readonly offered: FakeSocket[] = [];
  /** How often the service had the kernel look at it. */
  attentions = 0;
  isReleased = false;

  constructor(kernel: FakeKernel, id: number, kind: number, family: number) {
    this.kernel = kernel;
    this.id = id;
    this.kind = kind;
    this.family = family;
    this.block = blockWord(id);
  }

  #get(at: number): number {
    return this.kernel.memory.words[this.block + at] as number;
  }

  #set(at: number, value: number): void {
    Atomics.store(this.kernel.memory.words, this.block + at, value);
  }

  #push(): void {
    this.kernel.service.push(this.id);
  }

  /** The service pushed the socket. */
  attended(): void {
    this.attentions += 1;
    if (this.#get(field.kernelFlags) & kernelFlagWantsSpace) {
      this.#set(field.kernelFlags, this.#get(field.kernelFlags) & ~kernelFlagWantsSpace);
    }
  }

  get flags(): number {
    return this.#get(field.serviceFlags);
  }

  get isConnected(): boolean {
    return (this.flags & serviceFlagConnected) !== 0;
  }

  get isListening(): boolean {
    return (this.flags & serviceFlagListening) !== 0;
  }

  get isGone(): boolean {
    return (this.flags & serviceFlagGone) !== 0;
  }

  /** Once it is released, its block may be another socket's. */
  get isClosed(): boolean {
    return this.isReleased || (this.#get(field.kernelFlags) & kernelFlagClosed) !== 0;
  }

  /** Takes the pending error (SO_ERROR), 0 for none. */
  takeError(): number {
    return Atomics.exchange(this.kernel.memory.words, this.block + field.error, 0);
  }

  get local(): FakeAddress {
    return readEndpoint(this.kernel.memory, this.block + field.localEndpoint);
  }

  get peer(): FakeAddress {
    return readEndpoint(this.kernel.memory, this.block + field.peerEndpoint);
  }

  get sendLimit(): number {
    return this.#get(field.sendLimit);
  }

  get sendCapacity(): number {
    return this.#get(field.sendCapacity);
  }

  get receiveCapacity(): number {
    return this.#get(field.receiveCapacity);
  }

  // Requests

  /** Asks something of the service; reply() is undefined until it has answered. */
  request(
    operation: number,
    value0 = 0,
    value1 = 0,
    address?: FakeAddress,
    data: Uint8Array = new Uint8Array(0),
  ): void {
    this.#set(field.requestOperation, operation);
    this.#set(field.requestValue0, value0);
    this.#set(field.requestValue1, value1);
    this.#set(field.requestLength, data.length);
    const { memory } = this.kernel;
    if (address === undefined) {
      memory.words.fill(
        0,
        this.block + field.requestEndpoint,
        this.block + field.requestEndpoint + 6,
      );
    } else {
      const endpoint = { scope: 0, ...address };
      writeEndpoint(memory, this.block + field.requestEndpoint, this.family, endpoint);
    }
    memory.bytes.set(data, (this.block + field.requestData) << 2);
    this.#set(field.requestSequence, this.#get(field.requestSequence) + 1);
    this.#push();
  }

  get reply(): FakeReply | undefined {
    if (this.#get(field.requestSequence) !== this.#get(field.replySequence)) return undefined;
    const at = (this.block + field.requestData) << 2;
    return {
      error: this.#get(field.replyError),
      value: this.#get(field.replyValue),
      data: this.kernel.memory.bytes.slice(at, at + this.#get(field.replyLength)),
    };
  }

  bind(address: FakeAddress, flags = 0): void {
    this.request(requestBind, flags, 0, address);
  }

  connect(address: FakeAddress | undefined): void {
    this.request(requestConnect, 0, 0, address);
  }

  listen(backlog: number): void {
    this.request(requestListen, backlog);
  }

  setOption(level: number, name: number, value: number | Uint8Array): void {
    const data = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
    this.request(requestSetOption, level, name, undefined, data);
  }

  getOption(level: number, name: number): void {
    this.request(requestGetOption, level, name);
  }

  // Streams

  /** accept(2): undefined when none waits. */
  accept(): FakeSocket | undefined {
    const socket = this.offered[0];
    if (socket === undefined || !(socket.isConnected || socket.isGone)) return undefined;
    this.offered.shift();
    this.#set(field.acceptTaken, this.#get(field.acceptTaken) + 1);
    return socket;
  }

  /**
   * write(2) on a stream, non-blocking.
   * @returns bytes taken; -1 when nothing may be sent any more
   */
  write(data: Uint8Array): number {
    const closed = serviceFlagSendClosed | serviceFlagGone;
    if ((this.flags & closed) !== 0) return -1;
    if (this.sendCapacity === 0) this.kernel.resize(this.id, directionSend, firstRing);
    const head = this.#get(field.sendHead);
    const used = (head - this.#get(field.sendTail)) >>> 0;
    const room = Math.max(Math.min(this.sendLimit, this.sendCapacity) - used, 0);
    const count = Math.min(room, data.length);
    const offset = this.#get(field.sendOffset);
    for (let index = 0; index < count; index++) {
      const position = (head + index) & (this.sendCapacity - 1);
      this.kernel.memory.bytes[offset + position] = data[index] as number;
    }
    this.#set(field.sendHead, (head + count) | 0);
    if (count < data.length) this.#wantSpace();
    if (count > 0) this.#push();
    return count;
  }

  #wantSpace(): void {
    this.#set(field.kernelFlags, this.#get(field.kernelFlags) | kernelFlagWantsSpace);
    this.#push();
  }

  /**
   * read(2) on a stream, non-blocking.
   * @returns the bytes, null at the end, undefined when there are none yet
   */
  read(most = Number.POSITIVE_INFINITY): Uint8Array | null | undefined {
    const tail = this.#get(field.receiveTail);
    const available = (this.#get(field.receiveHead) - tail) >>> 0;
    if (available === 0) {
      return (this.flags & (serviceFlagReceiveEnd | serviceFlagGone)) !== 0 ? null : undefined;
    }
    const count = Math.min(available, most);
    const offset = this.#get(field.receiveOffset);
    const mask = this.receiveCapacity - 1;
    const data = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      data[index] = this.kernel.memory.bytes[offset + ((tail + index) & mask)] as number;
    }
    this.#set(field.receiveTail, (tail + count) | 0);
    this.#tellOfReading((tail + count) | 0);
    return data;
  }

  #tellOfReading(tail: number): void {
    if (this.#get(field.receiveNotify) === 0) return;
    if (((tail - this.#get(field.receiveNotifyAt)) | 0) < 0) return;
    this.#set(field.receiveNotify, 0);
    this.#push();
  }

  /** shutdown(2). */
  shutdown(direction: 'send' | 'receive'): void {
    const flag = direction === 'send' ? kernelFlagSendShutdown : kernelFlagReceiveShutdown;
    this.#set(field.kernelFlags, this.#get(field.kernelFlags) | flag);
    this.#push();
  }

  /** close(2) of the last descriptor. */
  close(reset = false): void {
    const flag = kernelFlagClosed | (reset ? kernelFlagReset : 0);
    this.#set(field.kernelFlags, this.#get(field.kernelFlags) | flag);
    for (const socket of this.offered.splice(0)) socket.close(true);
    this.#push();
  }

  // Datagrams

  /** Makes the send ring large enough before the first datagram. */
  #sendRing(size: number): boolean {
    if (this.sendCapacity === 0) this.kernel.resize(this.id, directionSend, 1 << 18);
    const used = (this.#get(field.sendHead) - this.#get(field.sendTail)) >>> 0;
    return used + 2 * size <= this.sendCapacity;
  }

  /**
   * sendmsg(2) with a datagram.
   * @returns false when the ring is full
   */
  sendTo(data: Uint8Array, to?: FakeAddress, hopLimit = 0): boolean {
    const size = recordSize(data.length);
    if (!this.#sendRing(size)) {
      this.#wantSpace();
      return false;
    }
    const { words, bytes } = this.kernel.memory;
    const offset = this.#get(field.sendOffset);
    let head = this.#get(field.sendHead);
    let position = head & (this.sendCapacity - 1);
    if (this.sendCapacity - position < size) {
      words[(offset + position) >> 2] = datagramWrap | 0;
      head = (head + this.sendCapacity - position) | 0;
      position = 0;
    }
    const at = offset + position;
    words.fill(0, at >> 2, (at + datagramRecord.size) >> 2);
    words[at >> 2] = data.length;
    words[(at + datagramRecord.hopLimit) >> 2] = hopLimit;
    words[(at + datagramRecord.trafficClass) >> 2] = -1;
    if (to !== undefined) {
      const endpoint = { scope: 0, ...to };
      writeEndpoint(
        this.kernel.memory,
        (at + datagramRecord.remoteFamily) >> 2,
        this.family,
        endpoint,
      );
    }
    bytes.set(data, at + datagramRecord.size);
    this.#set(field.sendHead, (head + size) | 0);
    this.#push();
    return true;
  }

  /** recvmsg(2): undefined when there is none. */
  receiveFrom(): FakeDatagram | undefined {
    const { words, bytes } = this.kernel.memory;
    for (;;) {
      const tail = this.#get(field.receiveTail);
      if (tail === this.#get(field.receiveHead)) return undefined;
      const position = tail & (this.receiveCapacity - 1);
      const at = this.#get(field.receiveOffset) + position;
      const length = (words[at >> 2] as number) >>> 0;
      if (length === datagramWrap) {
        this.#set(field.receiveTail, (tail + this.receiveCapacity - position) | 0);
        continue;
      }
      const data = bytes.slice(at + datagramRecord.size, at + datagramRecord.size + length);
      const datagram: FakeDatagram = {
        data,
        from: readEndpoint(this.kernel.memory, (at + datagramRecord.remoteFamily) >> 2),
        to: IpAddress.readV6(bytes, at + datagramRecord.localAddress),
        interfaceIndex: words[(at + datagramRecord.interfaceIndex) >> 2] as number,
        hopLimit: words[(at + datagramRecord.hopLimit) >> 2] as number,
        trafficClass: words[(at + datagramRecord.trafficClass) >> 2] as number,
      };
      this.#set(field.receiveTail, (tail + recordSize(length)) | 0);
      return datagram;
    }
  }
}
