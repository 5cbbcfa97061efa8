/**
 * The first attempt to configure an interface: until when it is worth waiting for. Protocols go on
 * trying afterwards; only nobody waits for them any longer.
 */
import type { Environment } from '../environment.ts';
import { type Instant, Timer } from '../storage/timers.ts';

/** How one address family is doing. `off`: nothing is awaited. */
export type FamilyState = 'off' | 'trying' | 'succeeded' | 'gaveUp';

export type Family = 'ipv4' | 'ipv6';

/** Microseconds that the first answer may take. */
const patience: Readonly<Record<Family, number>> = { ipv4: 10_000_000, ipv6: 3_000_000 };
/**
 * The same, once the other family works: networks of one family are common. Some DHCP servers ping an
 * address for three seconds before they offer it.
 */
const patienceBeside: Readonly<Record<Family, number>> = { ipv4: 5_000_000, ipv6: 250_000 };

/** One try to get addresses for an interface, and how long applications wait for it. */
export class ConfigurationAttempt {
  readonly #environment: Environment;
  readonly #gaveUp: (family: Family) => void;
  readonly #over: () => void;
  readonly #families: Record<Family, FamilyState> = { ipv4: 'off', ipv6: 'off' };
  readonly #timers: Readonly<Record<Family, Timer>>;
  #isOver = false;

  /**
   * @param families those that are awaited
   * @param gaveUp one of them took too long
   * @param over called once, when none is awaited any longer; not from within the constructor
   */
  constructor(
    environment: Environment,
    families: readonly Family[],
    gaveUp: (family: Family) => void,
    over: () => void,
  ) {
    this.#environment = environment;
    this.#gaveUp = gaveUp;
    this.#over = over;
    this.#timers = {
      ipv4: new Timer(() => this.#timeout('ipv4')),
      ipv6: new Timer(() => this.#timeout('ipv6')),
    };
    for (const family of families) {
      this.#families[family] = 'trying';
      environment.timers.set(this.#timers[family], environment.clock.now + patience[family]);
    }
  }

  /** True while somebody should wait. */
  get configuring(): boolean {
    return this.#families.ipv4 === 'trying' || this.#families.ipv6 === 'trying';
  }

  state(family: Family): FamilyState {
    return this.#families[family];
  }

  /** A family has got its addresses. Also counts after it was given up. */
  succeeded(family: Family): void {
    if (this.#families[family] === 'succeeded') return;
    this.#families[family] = 'succeeded';
    this.#environment.timers.remove(this.#timers[family]);
    const other = family === 'ipv4' ? 'ipv6' : 'ipv4';
    if (this.#families[other] === 'trying') {
      const { clock, timers } = this.#environment;
      const timer = this.#timers[other];
      const soon: Instant = clock.now + patienceBeside[other];
      if (soon < timer.deadline) timers.set(timer, soon);
    }
    this.#check();
  }

  /** Ends it: the link went down. */
  abandon(): void {
    for (const family of ['ipv4', 'ipv6'] as const) {
      this.#environment.timers.remove(this.#timers[family]);
      if (this.#families[family] === 'trying') this.#families[family] = 'gaveUp';
    }
    this.#check();
  }

  #timeout(family: Family): void {
    this.#families[family] = 'gaveUp';
    this.#gaveUp(family);
    this.#check();
  }

  #check(): void {
    if (this.configuring || this.#isOver) return;
    this.#isOver = true;
    this.#over();
  }
}
