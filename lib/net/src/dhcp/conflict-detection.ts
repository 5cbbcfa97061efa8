/**
 * IPv4 address conflict detection (RFC 5227), made quick: the address is in use while it is probed,
 * so that boot does not wait. A conflict found later ends its use.
 */
import type { Environment } from '../environment.ts';
import { Timer } from '../storage/timers.ts';

/** What the detection needs of its interface. Addresses are 32 bits of IPv4. */
export interface ConflictHost {
  readonly environment: Environment;
  readonly hardwareAddress: Uint8Array;
  /**
   * Broadcasts an ARP request for `address`.
   * @param sender 0 for a probe, the address itself for an announcement (RFC 5227, section 1.1)
   */
  sendArpRequest(address: number, sender: number): void;
  /** Another machine has the address, or insists on it. */
  conflict(address: number, hardwareAddress: Uint8Array): void;
}

/** Probes and announcements, with the pauses before each, in seconds (section 1.1, shortened). */
const schedule: readonly { readonly pause: number; readonly probe: boolean }[] = [
  { pause: 0, probe: true },
  { pause: 0.2, probe: true },
  { pause: 0.3, probe: true },
  { pause: 0.5, probe: false },
  { pause: 2, probe: false },
];
/** Section 2.4, b: a second conflict within this time gives the address up; once is defended. */
const defendInterval = 10e6;

export class ConflictDetection {
  readonly #host: ConflictHost;
  readonly #timer: Timer;
  #address = 0;
  #step = 0;
  #defendedAt = Number.NEGATIVE_INFINITY;

  constructor(host: ConflictHost) {
    this.#host = host;
    this.#timer = new Timer(() => this.#next());
  }

  /** True until all probes were sent: any other user of the address is a conflict. */
  get probing(): boolean {
    return this.#address !== 0 && this.#step < schedule.findIndex((step) => !step.probe);
  }

  /** Probes for an address, then announces it and defends it. */
  start(address: number): void {
    this.#address = address;
    this.#step = 0;
    this.#defendedAt = Number.NEGATIVE_INFINITY;
    this.#next();
  }

  stop(): void {
    this.#address = 0;
    this.#host.environment.timers.remove(this.#timer);
  }

  /**
   * Takes what an ARP packet says; call it for every ARP packet received.
   * @param isRequest false for a reply
   * @param senderHardware its sender, `at` the offset in the array
   */
  receive(
    isRequest: boolean,
    senderHardware: Uint8Array,
    at: number,
    sender: number,
    target: number,
  ): void {
    if (this.#address === 0 || this.#isOurs(senderHardware, at)) return;
    // Section 2.1.1: somebody has it, or probes for it at the same time.
    const rival = isRequest && sender === 0 && target === this.#address && this.probing;
    if (sender !== this.#address && !rival) return;
    const now = this.#host.environment.clock.now;
    if (!this.probing && now - this.#defendedAt >= defendInterval) {
      this.#defendedAt = now;
      this.#host.sendArpRequest(this.#address, this.#address);
      return;
    }
    const address = this.#address;
    this.stop();
    this.#host.conflict(address, senderHardware.slice(at, at + 6));
  }

  #isOurs(hardware: Uint8Array, at: number): boolean {
    return this.#host.hardwareAddress.every((byte, index) => byte === hardware[at + index]);
  }

  #next(): void {
    const step = schedule[this.#step];
    if (step === undefined || this.#address === 0) return;
    this.#step += 1;
    this.#host.sendArpRequest(this.#address, step.probe ? 0 : this.#address);
    const following = schedule[this.#step];
    if (following === undefined) return;
    const { clock, timers } = this.#host.environment;
    timers.set(this.#timer, clock.now + following.pause * 1e6);
  }
}
