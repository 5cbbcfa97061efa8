/**
 * Local ports of one transport: who may share them (socket(7), as Linux decides), and random ephemeral
 * ones (RFC 6056).
 */
import type { Endpoint } from './address.ts';
import type { Environment } from './environment.ts';
import type { SocketError } from './errors.ts';
import { broadcastV4, isMulticast } from './ip/addresses.ts';
import type { BindFlags, PortBinding } from './tcp/types.ts';

/** ip_local_port_range of Linux. */
export const firstEphemeral = 32_768;
export const lastEphemeral = 60_999;
const ephemeralCount = lastEphemeral - firstEphemeral + 1;
/** Random draws before ports are tried in order. */
const randomTries = 16;

/** What a port table asks of the IP layer. */
export interface LocalAddressCheck {
  isLocal(address: Endpoint['address']): boolean;
}

/**
 * `bound`: taken by bind(); `shared`: a connection accepted on a listener's port; `connecting`: chosen
 * for an active open, may be shared by connections to different peers.
 */
type ReservationKind = 'bound' | 'shared' | 'connecting';

/** A port that is taken. */
export class PortReservation implements PortBinding {
  readonly local: Endpoint;
  readonly flags: BindFlags;
  readonly kind: ReservationKind;
  /** A TCP socket listens on it. */
  isListening = false;
  readonly #table: PortTable;
  #released = false;
  /** Links of the table: others with the same port. */
  next: PortReservation | null = null;
  previous: PortReservation | null = null;

  constructor(table: PortTable, local: Endpoint, flags: BindFlags, kind: ReservationKind) {
    this.#table = table;
    this.local = local;
    this.flags = flags;
    this.kind = kind;
  }

  /**
   * A TCP socket begins to listen: what SO_REUSEADDR let be bound side by side cannot listen side by
   * side.
   * @returns EADDRINUSE, or null
   */
  listen(): SocketError | null {
    if (this.isListening) return null;
    this.isListening = true;
    if (!this.#table.conflicts(this)) return null;
    this.isListening = false;
    return 'EADDRINUSE';
  }

  /** The listener is gone, its connections live on. */
  stopListening(): void {
    this.isListening = false;
  }

  /** Reserves the port once more, for a connection accepted on it, which may outlive the listener. */
  share(local: Endpoint): PortReservation {
    return this.#table.share(this, local);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#table.remove(this);
  }
}

/** The ports of TCP or of UDP. */
export class PortTable {
  readonly #addresses: LocalAddressCheck;
  readonly #isStream: boolean;
  readonly #environment: Environment;
  readonly #ports = new Map<number, PortReservation>();
  readonly #random = new Uint16Array(64);
  #randomLeft = 0;
  #size = 0;

  /** @param isStream true: TCP's rules */
  constructor(environment: Environment, addresses: LocalAddressCheck, isStream: boolean) {
    this.#environment = environment;
    this.#addresses = addresses;
    this.#isStream = isStream;
  }

  /** Reservations in all; 0 when nothing leaks. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a local address and port.
   * @param local port 0: a random ephemeral one that nobody has
   * @returns EADDRINUSE; EADDRNOTAVAIL when the address is not this machine's
   */
  bind(local: Endpoint, flags: BindFlags): PortReservation | SocketError {
    const { address } = local;
    const isGroup = isMulticast(address) || address.equals(broadcastV4);
    if (isGroup ? this.#isStream : !address.isUnspecified && !this.#addresses.isLocal(address)) {
      return 'EADDRNOTAVAIL';
    }
    if (local.port !== 0) {
      const wanted = new PortReservation(this, local, flags, 'bound');
      if (this.conflicts(wanted)) return 'EADDRINUSE';
      return this.#add(wanted);
    }
    // bind(2) with port 0 asks for a port of its own: SO_REUSEADDR makes it no less so.
    const alone = { ...flags, reuseAddress: false, reusePort: false };
    const port = this.#ephemeral((candidate) => {
      if (!this.#ports.has(candidate)) return true;
      const asked = { address, port: candidate, scope: local.scope };
      return !this.conflicts(new PortReservation(this, asked, alone, 'bound'));
    });
    if (port === 0) return 'EADDRINUSE';
    const chosen = { address, port, scope: local.scope };
    return this.#add(new PortReservation(this, chosen, flags, 'bound'));
  }

  /**
   * Takes an ephemeral port for an active open. Connections to different peers may share one.
   * @param local its port is not looked at
   * @param isFree whether no connection has this port and the same peer
   * @returns EADDRNOTAVAIL when all ports are taken, as connect(2) says it
   */
  connect(
    local: Endpoint,
    flags: BindFlags,
    isFree: (port: number) => boolean,
  ): PortReservation | SocketError {
    const port = this.#ephemeral((candidate) => {
      for (let one = this.#ports.get(candidate) ?? null; one !== null; one = one.next) {
        if (one.kind !== 'connecting') return false;
      }
      return isFree(candidate);
    });
    if (port === 0) return 'EADDRNOTAVAIL';
    const chosen = { address: local.address, port, scope: local.scope };
    return this.#add(new PortReservation(this, chosen, flags, 'connecting'));
  }

  /** Reserves a listener's port for a connection. */
  share(listener: PortReservation, local: Endpoint): PortReservation {
    return this.#add(new PortReservation(this, local, listener.flags, 'shared'));
  }

  /** True when somebody else has what a reservation asks for, and neither side lets it be shared. */
  conflicts(wanted: PortReservation): boolean {
    let other = this.#ports.get(wanted.local.port) ?? null;
    for (; other !== null; other = other.next) {
      if (other !== wanted && !this.#mayShare(wanted, other) && overlap(wanted, other)) return true;
    }
    return false;
  }

  remove(reservation: PortReservation): void {
    const { next, previous } = reservation;
    if (next !== null) next.previous = previous;
    if (previous !== null) previous.next = next;
    else if (next !== null) this.#ports.set(reservation.local.port, next);
    else this.#ports.delete(reservation.local.port);
    reservation.next = null;
    reservation.previous = null;
    this.#size -= 1;
  }

  /** Linux: inet_csk_bind_conflict() and udp_lib_lport_inuse(); all sockets here have one owner. */
  #mayShare(wanted: PortReservation, other: PortReservation): boolean {
    if (wanted.flags.reusePort && other.flags.reusePort) return true;
    if (!wanted.flags.reuseAddress || !other.flags.reuseAddress) return false;
    return !(this.#isStream && other.isListening);
  }

  #add(reservation: PortReservation): PortReservation {
    const { port } = reservation.local;
    const first = this.#ports.get(port) ?? null;
    reservation.next = first;
    if (first !== null) first.previous = reservation;
    this.#ports.set(port, reservation);
    this.#size += 1;
    return reservation;
  }

  /** RFC 6056, algorithm 2 for some tries, then algorithm 1. @returns 0 when no port will do */
  #ephemeral(isFree: (port: number) => boolean): number {
    for (let tries = 0; tries < randomTries; tries += 1) {
      const port = firstEphemeral + this.#randomBelow(ephemeralCount);
      if (isFree(port)) return port;
    }
    const start = this.#randomBelow(ephemeralCount);
    for (let at = 0; at < ephemeralCount; at += 1) {
      const port = firstEphemeral + ((start + at) % ephemeralCount);
      if (isFree(port)) return port;
    }
    return 0;
  }

  /** An even choice: what would make small numbers likelier is drawn again. */
  #randomBelow(limit: number): number {
    const most = 0x10000 - (0x10000 % limit);
    for (;;) {
      if (this.#randomLeft === 0) {
        this.#environment.random(new Uint8Array(this.#random.buffer));
        this.#randomLeft = this.#random.length;
      }
      this.#randomLeft -= 1;
      const drawn = this.#random[this.#randomLeft] as number;
      if (drawn < most) return drawn % limit;
    }
  }
}

/** True when a packet could be for both. */
function overlap(one: PortReservation, other: PortReservation): boolean {
  const { local: a } = one;
  const { local: b } = other;
  if (a.scope !== 0 && b.scope !== 0 && a.scope !== b.scope) return false;
  if (a.address.isUnspecified) return covers(one, other);
  if (b.address.isUnspecified) return covers(other, one);
  return a.address.equals(b.address);
}

/** True when a wildcard takes packets that are for another reservation, too. */
function covers(wildcard: PortReservation, other: PortReservation): boolean {
  const isV4 = wildcard.local.address.isV4;
  if (isV4 === other.local.address.isV4) return true;
  // The families differ: :: takes IPv4 unless told otherwise, and so may the other side.
  if (!isV4) return !wildcard.flags.v6Only;
  return other.local.address.isUnspecified && !other.flags.v6Only;
}
