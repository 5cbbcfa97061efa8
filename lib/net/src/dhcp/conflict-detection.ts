/**
 * IPv4 address conflict detection (RFC 5227), made quick: the address is in use while it is probed,
 * so that boot does not wait. ARP announces and defends; this decides when to give the address up.
 */
import type { Environment } from '../environment.ts';
import { type Instant, Timer } from '../storage/timers.ts';

/** What the detection needs of its interface. Addresses are 32 bits of IPv4. */
export interface ConflictHost {
  readonly environment: Environment;
  /** Broadcasts an ARP probe for an address. */
  probe(address: number): void;
  /** Another machine has the address, or insists on it: stop using it. */
  giveUp(address: number, hardwareAddress: Uint8Array): void;
}

/** When probes are sent after the first, and when answers are not awaited any longer (section 1.1, shortened). */
const probeTimes: readonly number[] = [200_000, 500_000];
const probingEnds = 1_000_000;
/** Section 2.4(b): one conflict is answered by an announcement, a second one within this time is lost. */
const defendInterval = 10_000_000;

/** Watches over one address at a time. */
export class ConflictDetection {
  readonly #host: ConflictHost;
  readonly #timer: Timer;
  #address = 0;
  #began: Instant = 0;
  #probes = 0;
  #defended: Instant = Number.NEGATIVE_INFINITY;

  constructor(host: ConflictHost) {
    this.#host = host;
    this.#timer = new Timer(() => this.#next());
  }

  /** True until all probes were sent and answers had their time: any other user is a conflict. */
  get probing(): boolean {
    return this.#address !== 0 && this.#host.environment.clock.now - this.#began < probingEnds;
  }

  /** Begins to use an address. */
  start(address: number): void {
    this.#address = address;
    this.#began = this.#host.environment.clock.now;
    this.#probes = 0;
    this.#defended = Number.NEGATIVE_INFINITY;
    this.#next();
  }

  stop(): void {
    this.#address = 0;
    this.#host.environment.timers.remove(this.#timer);
  }

  /** ARP saw another machine use an address. */
  conflict(address: number, hardwareAddress: Uint8Array): void {
    if (address !== this.#address) return;
    const { now } = this.#host.environment.clock;
    if (!this.probing && now - this.#defended >= defendInterval) {
      this.#defended = now;
      return;
    }
    this.stop();
    this.#host.giveUp(address, hardwareAddress);
  }

  #next(): void {
    this.#host.probe(this.#address);
    const after = probeTimes[this.#probes];
    this.#probes += 1;
    if (after === undefined) return;
    this.#host.environment.timers.set(this.#timer, this.#began + after);
  }
}
