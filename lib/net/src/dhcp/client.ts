/**
 * DHCPv4 client (RFC 2131, figure 5) as a state machine: messages and time in, messages and leases
 * out.
 *
 * It is in a hurry, since its work is part of the boot time: it takes the first usable offer, waits
 * one second instead of four before it asks again, and lets the address be used while it is probed
 * (AddressConflictDetection tells it when to decline). It never stops trying.
 */

import { IpAddress } from '../address.ts';
import { formatAddress } from '../address-text.ts';
import type { Counters, Environment } from '../environment.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import {
  type DhcpReply,
  type DhcpRequest,
  dhcpMessageLimit,
  emitDhcpRequest,
  parseDhcpReply,
} from '../wire/dhcpv4.ts';
import { type DhcpLease, isHostAddress, leaseFromReply } from './lease.ts';

/** 255.255.255.255 */
export const broadcastAddress = -1;

/** What the client needs of its interface. Addresses are 32 bits of IPv4. */
export interface DhcpHost {
  readonly environment: Environment;
  /** Name of the interface, for the log. */
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly counters: Counters;
  /**
   * Sends a message from port 68 to port 67.
   * @param message belongs to the client again after the call
   * @param source 0 while there is no address
   * @param destination broadcastAddress, or the server
   */
  send(message: Uint8Array, length: number, source: number, destination: number): void;
  /** Whether IPv4 packets to an address that is not ours yet are to be taken, if their frame is for us. */
  acceptUnconfigured(accept: boolean): void;
  /** A lease was granted or renewed: `previous` is what was in use until now. */
  bound(lease: DhcpLease, previous: DhcpLease | undefined): void;
  /** The address must not be used any longer. */
  unbound(lease: DhcpLease, reason: string): void;
}

/** What may be set. */
export interface DhcpOptions {
  /** Name sent to the server (option 12). */
  readonly hostName?: string | undefined;
  /** Option 61; default: the Ethernet address with its type. */
  readonly clientIdentifier?: Uint8Array | undefined;
}

type State =
  /** Not started, or the link is down. */
  | { readonly kind: 'stopped' }
  /** DISCOVER sent, offers are awaited. */
  | { readonly kind: 'selecting'; attempt: number }
  /** An offer was taken, REQUEST sent. */
  | { readonly kind: 'requesting'; readonly offer: DhcpLease; attempt: number }
  /** The link came back: is the lease still good here? (INIT-REBOOT, section 4.3.2) */
  | { readonly kind: 'verifying'; readonly lease: DhcpLease; attempt: number }
  | { readonly kind: 'bound'; readonly lease: DhcpLease }
  | { readonly kind: 'renewing'; readonly lease: DhcpLease }
  | { readonly kind: 'rebinding'; readonly lease: DhcpLease }
  /** After a refusal, before starting over. */
  | { readonly kind: 'pausing' };

const second = 1e6;
/** Longest pause between two DISCOVERs (section 4.1). */
const longestPause = 64 * second;
/** REQUESTs without an answer before another offer is sought. */
const requestAttempts = 4;
const verifyAttempts = 3;
/** Section 3.1, 5: a client that declined waits at least 10 s. */
const declinePause = 10 * second;
/** Section 4.4.5: the shortest pause between two REQUESTs while renewing, for leases of usual length. */
const renewalPause = 60 * second;

/** The client of one interface. It sends by its host, and acts when a message comes or a timer fires. */
export class DhcpClient {
  readonly #host: DhcpHost;
  readonly #hostName: string | undefined;
  readonly #clientIdentifier: Uint8Array;
  readonly #timer: Timer;
  readonly #expiry: Timer;
  readonly #message = new Uint8Array(dhcpMessageLimit);
  readonly #noise = new Uint8Array(4);
  #state: State = { kind: 'stopped' };
  /** The lease in use; it may outlive states, e.g. while a server for it is sought. */
  #lease: DhcpLease | undefined;
  #transaction = 0;
  #began: Instant = 0;
  #requestedAt: Instant = 0;
  /** Servers are asked to answer by broadcast: safer, but some networks lose either kind. */
  #broadcast = true;
  /** NAKs and conflicts since the last lease. */
  #refusals = 0;

  constructor(host: DhcpHost, options: DhcpOptions = {}) {
    this.#host = host;
    this.#hostName = options.hostName;
    this.#clientIdentifier = options.clientIdentifier ?? Uint8Array.of(1, ...host.hardwareAddress);
    this.#timer = new Timer((now) => this.#timeout(now));
    this.#expiry = new Timer(() => this.#expired());
  }

  /** The lease in use. */
  get lease(): DhcpLease | undefined {
    return this.#lease;
  }

  /** What the client is doing, for the log and for tests. */
  get state(): State['kind'] {
    return this.#state.kind;
  }

  /** Starts asking, when the link comes up. A lease from before is checked first and stays in use. */
  start(): void {
    if (this.#state.kind !== 'stopped') return;
    const lease = this.#lease;
    if (lease === undefined) {
      this.#discover();
    } else {
      this.#newTransaction();
      this.#state = { kind: 'verifying', lease, attempt: 0 };
      this.#timeout(this.#now);
    }
  }

  /** Stops asking, when the link goes down. The lease stays until its time is over. */
  stop(): void {
    this.#state = { kind: 'stopped' };
    this.#host.environment.timers.cancel(this.#timer);
    this.#host.acceptUnconfigured(false);
  }

  /** Gives the address back to the server and stops for good. */
  release(): void {
    const lease = this.#lease;
    if (lease !== undefined) {
      this.#newTransaction();
      this.#send({ type: 'release', clientAddress: lease.address, serverIdentifier: lease.server });
      this.#drop('released');
    }
    this.#state = { kind: 'stopped' };
    this.#host.environment.timers.remove(this.#timer);
    this.#host.environment.timers.remove(this.#expiry);
  }

  /** Another machine uses the address (RFC 2131, section 3.1, 5): declines it and starts over. */
  decline(reason: string): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#send({
      type: 'decline',
      requestedAddress: lease.address,
      serverIdentifier: lease.server,
      message: reason,
    });
    this.#drop(reason);
    if (this.#state.kind !== 'stopped') this.#pause(declinePause);
  }

  /**
   * Takes a UDP payload that came to port 68. What is not used is counted under its reason.
   * @param source the IP source address, for the log
   */
  receive(bytes: Uint8Array, offset: number, length: number, source: number): void {
    const reply = parseDhcpReply(bytes, offset, length);
    const reason = typeof reply === 'string' ? reply : this.#take(reply, source);
    if (reason === null) return;
    const name = `dhcp: ${reason}`;
    this.#host.counters[name] = (this.#host.counters[name] ?? 0) + 1;
  }

  /** Acts on a message. Returns why it was not used, or null. */
  #take(reply: DhcpReply, source: number): string | null {
    const state = this.#state;
    if (!equalBytes(reply.hardwareAddress, this.#host.hardwareAddress)) return 'for another client';
    if (reply.transaction !== this.#transaction) return 'unknown transaction';
    // RFC 6842, section 3.
    const identifier = reply.clientIdentifier;
    if (identifier !== undefined && !equalBytes(identifier, this.#clientIdentifier)) {
      return 'for another client identifier';
    }
    switch (state.kind) {
      case 'selecting':
        if (reply.type === 'offer') return this.#offered(reply);
        // RFC 4039: two messages instead of four.
        return reply.type === 'ack' && reply.rapidCommit
          ? this.#answered(reply, source)
          : 'unexpected';
      case 'requesting':
        if (reply.type === 'offer') return 'later offer';
        if (reply.serverIdentifier !== state.offer.server) return 'another server';
        return this.#answered(reply, source);
      case 'renewing':
        if (reply.type === 'offer') return 'unexpected';
        if (reply.serverIdentifier !== state.lease.server) return 'another server';
        return this.#answered(reply, source);
      case 'rebinding':
      case 'verifying':
        return reply.type === 'offer' ? 'unexpected' : this.#answered(reply, source);
      case 'bound':
      case 'pausing':
      case 'stopped':
        return 'unexpected';
      default:
        return state satisfies never;
    }
  }

  get #now(): Instant {
    return this.#host.environment.clock.now;
  }

  /** The time for the next message, or for the next state, has come. */
  #timeout(now: Instant): void {
    const state = this.#state;
    switch (state.kind) {
      case 'stopped':
        break;
      case 'pausing':
        this.#discover();
        break;
      case 'selecting':
        this.#broadcast = (state.attempt & 2) === 0;
        this.#requestedAt = now;
        this.#send({ type: 'discover' });
        this.#again(state.attempt++);
        break;
      case 'requesting':
        this.#request(state, now);
        break;
      case 'verifying':
        if (state.attempt < verifyAttempts) {
          this.#requestedAt = now;
          this.#send({ type: 'request', requestedAddress: state.lease.address });
          this.#again(state.attempt++);
        } else {
          this.#discover(); // the lease stays; a server that does not know it gives another one
        }
        break;
      case 'bound':
        this.#newTransaction();
        this.#state = { kind: 'renewing', lease: state.lease };
        this.#timeout(now);
        break;
      case 'renewing':
        if (now < state.lease.rebindAt) {
          this.#renew(state.lease, state.lease.server, state.lease.rebindAt, now);
        } else {
          this.#newTransaction();
          this.#state = { kind: 'rebinding', lease: state.lease };
          this.#timeout(now);
        }
        break;
      case 'rebinding':
        this.#renew(state.lease, broadcastAddress, state.lease.expiresAt, now);
        break;
      default:
        state satisfies never;
    }
  }

  /** Asks for what was offered; another offer is sought when that fails. */
  #request(state: State & { kind: 'requesting' }, now: Instant): void {
    if (state.attempt === requestAttempts) {
      this.#note('info', `DHCP server ${v4(state.offer.server)} does not answer a request`);
      this.#discover();
      return;
    }
    this.#requestedAt = now;
    this.#send({
      type: 'request',
      requestedAddress: state.offer.address,
      serverIdentifier: state.offer.server,
    });
    this.#again(state.attempt++);
  }

  /** Asks for more time (section 4.4.5): again after half of what is left. */
  #renew(lease: DhcpLease, destination: number, until: Instant, now: Instant): void {
    this.#requestedAt = now;
    this.#send({ type: 'request', clientAddress: lease.address }, lease.address, destination);
    const shortest = Math.min(renewalPause, (lease.leaseTime * second) / 20);
    const next = now + Math.max((until - now) / 2, shortest);
    this.#host.environment.timers.set(this.#timer, Math.min(next, until));
  }

  #discover(): void {
    this.#began = this.#now;
    this.#newTransaction();
    this.#state = { kind: 'selecting', attempt: 0 };
    this.#host.acceptUnconfigured(this.#lease === undefined);
    this.#timeout(this.#now);
  }

  #offered(reply: DhcpReply): string | null {
    const offer = leaseFromReply(reply, this.#now, 0);
    if (typeof offer === 'string') return `offer: ${offer}`;
    this.#state = { kind: 'requesting', offer, attempt: 0 };
    this.#timeout(this.#now);
    return null;
  }

  #answered(reply: DhcpReply, source: number): string | null {
    if (reply.type === 'nak') {
      this.#refused(reply, source);
      return null;
    }
    const lease = leaseFromReply(reply, this.#requestedAt, this.#signedRandom());
    if (typeof lease === 'string') return `acknowledgement: ${lease}`;
    const previous = this.#lease;
    if (previous !== undefined && previous.address !== lease.address) {
      this.#drop(`DHCP server ${v4(lease.server)} gave another address`);
    }
    this.#refusals = 0;
    this.#lease = lease;
    this.#state = { kind: 'bound', lease };
    this.#host.acceptUnconfigured(false);
    this.#host.environment.timers.set(this.#timer, lease.renewAt);
    this.#host.environment.timers.set(this.#expiry, lease.expiresAt);
    this.#host.bound(lease, previous);
    return null;
  }

  /** A DHCPNAK: the address must not be used any longer. */
  #refused(reply: DhcpReply, source: number): void {
    const server = v4(reply.serverIdentifier ?? source);
    const why = reply.message === '' ? '' : `: ${reply.message}`;
    this.#note('warn', `DHCP server ${server} refused the address${why}`);
    this.#drop(`refused by DHCP server ${server}`);
    // At once the first time (section 3.1, 6); a server that goes on refusing is not to be flooded.
    this.#refusals += 1;
    this.#pause(this.#refusals === 1 ? 0 : this.#backOff(this.#refusals));
  }

  #expired(): void {
    this.#drop('lease expired');
    if (this.#state.kind !== 'stopped' && this.#state.kind !== 'selecting') this.#discover();
  }

  /** Forgets the lease. */
  #drop(reason: string): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    this.#host.environment.timers.cancel(this.#expiry);
    this.#host.unbound(lease, reason);
  }

  #pause(duration: number): void {
    this.#state = { kind: 'pausing' };
    this.#host.environment.timers.set(this.#timer, this.#now + duration);
  }

  /** Sets the timer for the attempt after number `attempt`. */
  #again(attempt: number): void {
    this.#host.environment.timers.set(this.#timer, this.#now + this.#backOff(attempt));
  }

  /** 1, 2, 4 ... 64 s, each up to a quarter more or less (section 4.1). */
  #backOff(attempt: number): number {
    const pause = Math.min(second * 2 ** Math.min(attempt, 6), longestPause);
    return Math.round(pause * (1 + this.#signedRandom() / 4));
  }

  #send(
    fields: Partial<DhcpRequest> & Pick<DhcpRequest, 'type'>,
    source = 0,
    destination = broadcastAddress,
  ): void {
    const elapsed = Math.max(0, Math.floor((this.#now - this.#began) / second));
    const length = emitDhcpRequest(this.#message, 0, {
      transaction: this.#transaction,
      seconds: fields.clientAddress === undefined ? elapsed : 0,
      broadcast: this.#broadcast && fields.clientAddress === undefined && fields.type !== 'decline',
      clientAddress: 0,
      hardwareAddress: this.#host.hardwareAddress,
      clientIdentifier: this.#clientIdentifier,
      requestedAddress: 0,
      serverIdentifier: 0,
      hostName: this.#hostName,
      message: undefined,
      ...fields,
    });
    const isRelease = fields.type === 'release';
    this.#host.send(
      this.#message,
      length,
      isRelease ? (fields.clientAddress as number) : source,
      isRelease ? (fields.serverIdentifier as number) : destination,
    );
  }

  #newTransaction(): void {
    this.#transaction = this.#randomWord();
  }

  #randomWord(): number {
    const noise = this.#noise;
    this.#host.environment.random(noise);
    return (
      ((noise[0] as number) << 24) |
      ((noise[1] as number) << 16) |
      ((noise[2] as number) << 8) |
      (noise[3] as number)
    );
  }

  /** From -1 to 1. */
  #signedRandom(): number {
    return this.#randomWord() / 0x80000000;
  }

  #note(level: 'info' | 'warn', text: string): void {
    this.#host.environment.log(level, `${this.#host.name}: ${text}`);
  }
}

function v4(address: number): string {
  return isHostAddress(address) ? formatAddress(IpAddress.v4(address)) : 'without an address';
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
