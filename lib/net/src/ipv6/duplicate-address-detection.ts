/**
 * Duplicate address detection (RFC 4862, section 5.4), which tells its own looped-back solicitations
 * from another node's by a nonce (RFC 7527).
 */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { Timer } from '../storage/timers.ts';

/** What the detection needs of its interface. */
export interface DetectionHost {
  readonly environment: Environment;
  /** Asks from the unspecified address whether anybody has `target`. */
  sendProbe(target: IpAddress, nonce: Uint8Array): void;
  /** Nobody else has the address. */
  unique(address: IpAddress): void;
  /** Another node has it, or wants it at the same time. */
  duplicate(address: IpAddress): void;
}

interface Check {
  readonly address: IpAddress;
  readonly nonce: Uint8Array;
  probes: number;
  /** Probes of ours that came back: as many more are sent (RFC 7527, section 4.2). */
  looped: number;
  readonly timer: Timer;
}

/** RFC 4862, section 5.1: DupAddrDetectTransmits, and RetransTimer between probes. */
const probeCount = 1;
const probeInterval = 1e6;
/** A link that loops everything back for ever must not keep an address from being used. */
const loopedLimit = 3;

/** Probes the addresses of an interface (RFC 4862, section 5.4). */
export class DuplicateAddressDetection {
  readonly #host: DetectionHost;
  readonly #checks: Check[] = [];

  constructor(host: DetectionHost) {
    this.#host = host;
  }

  /** True while an address is being checked. */
  isChecking(address: IpAddress): boolean {
    return this.#find(address) !== undefined;
  }

  /** Checks an address; unique() or duplicate() follows, unless stop() comes before. */
  start(address: IpAddress): void {
    this.stop(address);
    const nonce = new Uint8Array(6);
    this.#host.environment.random(nonce);
    const check: Check = {
      address,
      nonce,
      probes: 0,
      looped: 0,
      timer: new Timer(() => this.#next(check)),
    };
    this.#checks.push(check);
    this.#next(check);
  }

  /** The address is gone. */
  stop(address: IpAddress): void {
    const check = this.#find(address);
    if (check !== undefined) this.#forget(check);
  }

  stopAll(): void {
    for (const check of [...this.#checks]) this.#forget(check);
  }

  /**
   * A solicitation from the unspecified address came: another node checks `target`, or it is ours
   * that came back.
   */
  solicited(target: IpAddress, nonce: Uint8Array | undefined): void {
    const check = this.#find(target);
    if (check === undefined) return;
    if (nonce !== undefined && equalBytes(nonce, check.nonce)) {
      check.looped = Math.min(check.looped + 1, loopedLimit);
      return;
    }
    this.#forget(check);
    this.#host.duplicate(target);
  }

  /** An advertisement came: another node has `target`. */
  advertised(target: IpAddress): void {
    const check = this.#find(target);
    if (check === undefined) return;
    this.#forget(check);
    this.#host.duplicate(target);
  }

  #next(check: Check): void {
    if (check.probes >= probeCount + check.looped) {
      this.#forget(check);
      this.#host.unique(check.address);
      return;
    }
    check.probes += 1;
    const { clock, timers } = this.#host.environment;
    timers.set(check.timer, clock.now + probeInterval);
    this.#host.sendProbe(check.address, check.nonce);
  }

  #find(address: IpAddress): Check | undefined {
    return this.#checks.find((check) => check.address.equals(address));
  }

  #forget(check: Check): void {
    this.#host.environment.timers.remove(check.timer);
    const at = this.#checks.indexOf(check);
    if (at >= 0) this.#checks.splice(at, 1);
  }
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
