/** TCP sockets: from the first request, through the connection, to the release of the block. */
import type { Endpoint } from '../address.ts';
import { errno, type SocketError } from '../errors.ts';
import {
  directionReceive,
  directionSend,
  kernelFlagReset,
  kernelFlagSendShutdown,
  kernelFlagWantsSpace,
  serviceFlagConnected,
  serviceFlagConnecting,
  serviceFlagGone,
  serviceFlagReceiveEnd,
  serviceFlagSendClosed,
} from '../generated/shared-memory.ts';
import { ReceiveRing, SendRing } from '../storage/ring.ts';
import { defaultSettings } from '../tcp/tcp.ts';
import type {
  BindFlags,
  PortBinding,
  TcpConnection,
  TcpEvents,
  TcpSettings,
  TcpUser,
} from '../tcp/types.ts';
import { anyEndpoint, field, readEndpoint, writeEndpoint } from './block.ts';
import { bindFlags } from './flags.ts';
import { later, ServiceSocket, type SocketHost, tcpState } from './host.ts';
import { ListenerSocket } from './listener.ts';
import { getStreamOption, setStreamOption } from './options/stream.ts';

/** Bounds of what the kernel may keep in a send ring that tunes itself, bytes. */
const leastSendLimit = 64 * 1024;
const mostSendLimit = 4 * 1024 * 1024;

/** Where struct tcp_info goes when only the state in its first byte is wanted. */
const infoScratch = new Uint8Array(256);

/** A TCP socket that does not listen. */
export class StreamSocket extends ServiceSocket implements TcpUser, TcpEvents {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents = this;
  settings: TcpSettings;
  connection: TcpConnection | null = null;
  #binding: PortBinding | null = null;
  /** Where to connect once the network is configured. */
  #destination: Endpoint | null = null;
  #sendHead: number;
  #receiveTail: number;
  #sendShut = false;
  /** connection.close() was called: only its end is waited for. */
  #closing = false;
  /** The connection ended, perhaps while it was being begun. */
  #over = false;
  /** Something for the kernel to look at happened during this turn. */
  #news = false;
  /** A listener took this socket's place. */
  #replaced = false;

  constructor(host: SocketHost, id: number) {
    super(host, id);
    const { memory } = host.parts.environment;
    const { block, words } = this;
    this.send = new SendRing(memory, {
      offset: block + field.sendOffset,
      capacity: block + field.sendCapacity,
      head: block + field.sendHead,
      tail: block + field.sendTail,
    });
    this.receive = new ReceiveRing(
      memory,
      {
        offset: block + field.receiveOffset,
        capacity: block + field.receiveCapacity,
        head: block + field.receiveHead,
        tail: block + field.receiveTail,
      },
      (capacity) => this.#growReceiveRing(capacity),
    );
    this.settings = defaultSettings();
    this.settings.sendBuffer = words[block + field.sendBuffer] as number;
    this.settings.receiveBuffer = words[block + field.receiveBuffer] as number;
    this.#sendHead = words[block + field.sendHead] as number;
    this.#receiveTail = words[block + field.receiveTail] as number;
    words[block + field.sendLimit] = this.settings.sendBuffer || leastSendLimit;
  }

  /** Makes this the socket of a connection that a listener got. */
  adopt(connection: TcpConnection): void {
    this.connection = connection;
    this.settings = connection.settings;
    this.#showAddresses(connection);
    this.changeFlags(serviceFlagConnected, 0);
    this.host.push(this.id);
  }

  get state(): number {
    if (this.connection === null)
      return this.#destination === null ? tcpState.close : tcpState.synSent;
    return this.connection.info(infoScratch) > 0 ? (infoScratch[0] as number) : tcpState.close;
  }

  attend(): void {
    this.handleRequest();
    const { connection, words, block } = this;
    const flags = this.kernelFlags;
    if (connection === null) {
      if (this.isClosed && !this.#replaced) this.#discard();
      return;
    }
    if (this.#closing) {
      if ((flags & kernelFlagReset) !== 0) this.#abort(connection);
      return;
    }
    const tail = Atomics.load(words, block + field.receiveTail);
    if (tail !== this.#receiveTail) {
      this.#receiveTail = tail;
      this.active = true;
      connection.received();
      this.touch();
    }
    const head = Atomics.load(words, block + field.sendHead);
    if (head !== this.#sendHead) {
      this.#sendHead = head;
      this.#useRings();
      connection.sendMore();
    }
    if (this.isClosed) {
      this.#closing = true;
      if ((flags & kernelFlagReset) !== 0) this.#abort(connection);
      else connection.close();
      return;
    }
    if ((flags & kernelFlagSendShutdown) !== 0 && !this.#sendShut) {
      this.#sendShut = true;
      connection.shutdownSend();
    }
    if ((flags & kernelFlagWantsSpace) !== 0) this.touch();
  }

  // Requests

  protected override bind(): number {
    if (this.#binding !== null || this.connection !== null) return errno.EINVAL;
    const local = readEndpoint(
      this.host.parts.environment.memory,
      this.block + field.requestEndpoint,
    );
    return this.#bind(local, bindFlags(this.words[this.block + field.requestValue0] as number));
  }

  #bind(local: Endpoint, flags: BindFlags): number {
    const { tcp, network } = this.host.parts;
    const binding = tcp.bind(local, flags);
    if (typeof binding === 'string') {
      return binding === 'EADDRNOTAVAIL' && network.configuring ? later : errno[binding];
    }
    this.#binding = binding;
    this.#showLocal(binding.local);
    return 0;
  }

  protected override connect(): number {
    if (this.connection !== null) return this.isConnecting ? errno.EALREADY : errno.EISCONN;
    if (this.#destination !== null) return errno.EALREADY;
    const { memory } = this.host.parts.environment;
    this.#over = false;
    this.changeFlags(0, serviceFlagGone | serviceFlagReceiveEnd | serviceFlagSendClosed);
    return this.#begin(readEndpoint(memory, this.block + field.requestEndpoint));
  }

  /** Begins the active open; without a route it waits for one, and connect(2) goes on meanwhile. */
  #begin(destination: Endpoint): number {
    const { network } = this.host.parts;
    this.changeFlags(serviceFlagConnecting, 0);
    const connection = this.host.parts.tcp.connect(destination, this.#binding, this, this.settings);
    if (typeof connection === 'string') {
      if (isNoRoute(connection) && network.configuring) {
        this.#destination = destination;
        this.host.awaitConfiguration(this);
        return 0;
      }
      this.changeFlags(0, serviceFlagConnecting);
      return errno[connection];
    }
    this.#binding = null;
    this.#destination = null;
    // It may be over already: a reset can come back while the first segment is being sent.
    if (this.#over) return 0;
    this.connection = connection;
    this.#showAddresses(connection);
    return 0;
  }

  override configured(): void {
    super.configured();
    const destination = this.#destination;
    if (destination === null) return;
    this.#destination = null;
    if (this.isClosed) {
      this.#discard();
      return;
    }
    const outcome = this.#begin(destination);
    if (outcome === 0) return;
    Atomics.store(this.words, this.block + field.error, outcome);
    this.changeFlags(serviceFlagGone, 0);
    this.host.push(this.id);
  }

  protected override listen(backlog: number): number {
    if (this.connection !== null || this.#destination !== null) return errno.EINVAL;
    if (this.#binding === null) {
      const outcome = this.#bind(anyEndpoint(this.family), bindFlags(0));
      if (outcome !== 0) return outcome;
    }
    const listener = new ListenerSocket(this.host, this.id, this.settings);
    const outcome = listener.start(this.#binding as PortBinding, backlog);
    if (outcome !== 0) return outcome;
    this.#binding = null;
    this.#replaced = true;
    this.host.replace(listener);
    return 0;
  }

  protected override autobind(): number {
    return this.#binding === null && this.connection === null
      ? this.#bind(anyEndpoint(this.family), bindFlags(0))
      : 0;
  }

  protected override setOption(level: number, name: number): number {
    const outcome = setStreamOption(this, this.settings, level, name);
    if (outcome === 0) this.connection?.settingsChanged();
    return outcome;
  }

  protected override getOption(level: number, name: number): number {
    return getStreamOption(this, this.settings, this.connection, level, name);
  }

  // TcpEvents

  established(): void {
    this.changeFlags(serviceFlagConnected, serviceFlagConnecting);
    if (this.connection !== null) this.#showAddresses(this.connection);
    this.host.push(this.id);
  }

  receivable(): void {
    this.#useRings();
    this.#news = true;
    this.touch();
  }

  sendable(): void {
    this.active = true;
    this.touch();
  }

  receiveEnded(): void {
    this.changeFlags(serviceFlagReceiveEnd, 0);
    this.host.push(this.id);
  }

  failed(error: SocketError): void {
    this.setError(error);
    this.#end();
  }

  closed(): void {
    this.#end();
  }

  #end(): void {
    this.connection = null;
    this.#over = true;
    this.changeFlags(
      serviceFlagGone | serviceFlagReceiveEnd | serviceFlagSendClosed,
      serviceFlagConnecting | serviceFlagConnected,
    );
    if (this.isClosed) this.#discard();
    else this.host.push(this.id);
  }

  #abort(connection: TcpConnection): void {
    this.connection = null;
    connection.abort();
    this.#discard();
  }

  /** Nothing is left of the connection, and the app has closed the socket. */
  #discard(): void {
    this.#binding?.release();
    this.#binding = null;
    this.#destination = null;
    this.changeFlags(serviceFlagGone, 0);
    this.host.release(this);
  }

  // Rings and windows

  override settle(): void {
    const { connection } = this;
    if (connection !== null && !this.#closing) {
      this.#tuneSendLimit(connection);
      this.#armReceiveNotification(connection);
    }
    if (this.#news || this.#hasWantedSpace()) this.host.push(this.id);
    this.#news = false;
  }

  /** Somebody waits for space, and a third of what the ring may hold is free. */
  #hasWantedSpace(): boolean {
    if ((this.kernelFlags & kernelFlagWantsSpace) === 0) return false;
    const { words, block } = this;
    const limit = words[block + field.sendLimit] as number;
    const capacity = words[block + field.sendCapacity] as number;
    const most = capacity === 0 ? limit : Math.min(limit, capacity);
    return (most - this.send.length) * 3 >= most;
  }

  /** Has the kernel say when the app has read so much that the peer should hear of it. */
  #armReceiveNotification(connection: TcpConnection): void {
    const { words, block } = this;
    const due = connection.windowUpdateAfter;
    if (due === Number.POSITIVE_INFINITY) return;
    // An update may come due without a read: more arrived, or the limit grew.
    if (due <= 0) connection.received();
    const after = Math.max(1, due);
    const tail = Atomics.load(words, block + field.receiveTail);
    words[block + field.receiveNotifyAt] = tail + after;
    Atomics.store(words, block + field.receiveNotify, 1);
    // The kernel may have moved on before it could see the request.
    const moved = (Atomics.load(words, block + field.receiveTail) - tail) >>> 0;
    if (moved < after) return;
    Atomics.store(words, block + field.receiveNotify, 0);
    this.host.attendAgain(this);
  }

  /** Lets the kernel keep as much as the path needs; a ring that is too small for it grows. */
  #tuneSendLimit(connection: TcpConnection): void {
    const { words, block } = this;
    const fixed = words[block + field.sendBuffer] as number;
    const target = connection.sendTarget;
    const limit = fixed > 0 ? fixed : Math.min(Math.max(target, leastSendLimit), mostSendLimit);
    if (limit !== words[block + field.sendLimit]) {
      Atomics.store(words, block + field.sendLimit, limit);
    }
    if ((this.kernelFlags & kernelFlagWantsSpace) === 0) return;
    const capacity = words[block + field.sendCapacity] as number;
    if (capacity >= limit || capacity <= 0) return; // none yet, or nonsense
    let wanted = capacity;
    while (wanted < limit) wanted *= 2;
    if (this.host.parts.broker.resize(this.id, directionSend, wanted) === 0) this.#news = true;
  }

  #growReceiveRing(capacity: number): boolean {
    this.#useRings();
    return this.host.parts.broker.resize(this.id, directionReceive, capacity) === 0;
  }

  #useRings(): void {
    this.active = true;
    if (!this.watched) this.host.watchRings(this);
  }

  /** Frees the rings of a connection over which nothing moves, so that it costs its block only. */
  override freeRings(): boolean {
    const { words, block, connection } = this;
    const { broker } = this.host.parts;
    if (connection === null) return true;
    if (this.send.length > 0 || this.receive.length > 0 || !connection.isQuiescent) return false;
    if ((words[block + field.sendCapacity] as number) > 0) {
      broker.resize(this.id, directionSend, 0);
    }
    if ((words[block + field.receiveCapacity] as number) > 0) {
      broker.resize(this.id, directionReceive, 0);
    }
    return words[block + field.sendCapacity] === 0 && words[block + field.receiveCapacity] === 0;
  }

  // Addresses

  #showLocal(local: Endpoint): void {
    const { memory } = this.host.parts.environment;
    writeEndpoint(memory, this.block + field.localEndpoint, this.family, local);
  }

  #showAddresses(connection: TcpConnection): void {
    const { memory } = this.host.parts.environment;
    this.#showLocal(connection.local);
    writeEndpoint(memory, this.block + field.peerEndpoint, this.family, connection.remote);
  }
}

function isNoRoute(error: SocketError): boolean {
  return error === 'ENETUNREACH' || error === 'EADDRNOTAVAIL' || error === 'EHOSTUNREACH';
}
