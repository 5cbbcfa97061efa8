/**
 * Keeps lives going: what ends by itself is started anew, with pauses that grow, until it is of no use to try
 * again. Pure: time and what is started are passed in.
 *
 *   stopped --start()--> running --an end--> waiting --the pause is over--> running
 *                           |                   |
 *                           +--too many ends----+--> gaveUp       stop() leads to stopped from all of them
 */
import type { Ending, Life, Timing } from './life.ts';

/** What a supervisor starts. */
export interface ChildSpecification {
  readonly name: string;
  /**
   * Begins a life. What it throws counts as an end of it.
   * @param part of its share of the processor that it begins with: see SupervisorPolicy.shareAfterFailure
   */
  start(part: number): Life;
}

/** How a supervisor goes about it. */
export interface SupervisorPolicy {
  /**
   * Who is started anew when one child ends: that one, which is the default, or all, after the others were
   * stopped: for children that are of no use without each other.
   */
  readonly strategy?: 'one-for-one' | 'all-for-one';
  /**
   * Which ends are followed by another life: `always` all of them, `on-failure`, the default, those that are no
   * `finished`, `never` none.
   */
  readonly restart?: 'always' | 'on-failure' | 'never';
  /** Milliseconds of the first pause, by default 100. Each one that follows is twice as long. */
  readonly firstPause?: number;
  /** Longest pause in milliseconds, by default 30,000. */
  readonly longestPause?: number;
  /** A life of so many milliseconds, by default 10,000, was a success: the next pause is the first one again. */
  readonly stableLife?: number;
  /**
   * What a life that follows another has of its share of the processor, for each restart in a row: by default 0.25, so
   * that it has 0.25, then 0.0625 of it, and so on. It earns all of it back when it has lasted `stableLife`. So what
   * fails again and again does not cost the others their time. 1 for what others need more than their time.
   */
  readonly shareAfterFailure?: number;
  /** It gives up when there were more restarts than this, by default 5, ... */
  readonly mostRestarts?: number;
  /** ... within so many milliseconds, by default 60,000. */
  readonly restartWindow?: number;
  /** Told what happens. */
  readonly onEvent?: (event: SupervisorEvent) => void;
}

/** Something that happened. */
export type SupervisorEvent = {
  /** Milliseconds on the clock that was passed in. */
  readonly at: number;
} & (
  | { readonly kind: 'started'; readonly child: string }
  | { readonly kind: 'ended'; readonly child: string; readonly ending: Ending }
  | { readonly kind: 'pausing'; readonly child: string; readonly milliseconds: number }
  | { readonly kind: 'gave-up'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly reason: string }
);

/** What can be asked of a child. */
export interface ChildStatus {
  readonly name: string;
  readonly state: 'running' | 'pausing' | 'stopping' | 'ended';
  readonly restarts: number;
  /** How its last life ended, undefined when it has not. */
  readonly lastEnding: Ending | undefined;
}

/** What can be asked of a supervisor. */
export interface SupervisorStatus {
  readonly state: 'stopped' | 'running' | 'gave-up';
  /** Why it gave up or was stopped; empty while it runs. */
  readonly reason: string;
  readonly children: readonly ChildStatus[];
  /** The last things that happened, the oldest first. */
  readonly events: readonly SupervisorEvent[];
}

/** So many events can be asked for. */
const mostEvents = 100;

/** A child as its supervisor knows it. */
interface Child {
  readonly specification: ChildSpecification;
  state: ChildStatus['state'];
  life: Life | undefined;
  startedAt: number;
  restarts: number;
  /** Restarts in a row without a life that was stable. */
  inARow: number;
  lastEnding: Ending | undefined;
  cancelPause: () => void;
  /** Ends the wait for its life to be stable. */
  cancelTrial: () => void;
}

/** A policy with nothing left out. */
type Settings = Required<Omit<SupervisorPolicy, 'onEvent'>>;

const nothing = (): void => {};

/** A supervisor. It does nothing before start(). */
export class Supervisor {
  readonly #children: readonly Child[];
  readonly #settings: Settings;
  readonly #timing: Timing;
  readonly #onEvent: (event: SupervisorEvent) => void;
  readonly #events: SupervisorEvent[] = [];
  /** When children were started anew, within the window. */
  #restartTimes: number[] = [];
  #state: SupervisorStatus['state'] = 'stopped';
  #reason = '';
  /** All for one: children that were stopped because another one has ended; when all have, all start. */
  #isRestartingAll = false;
  #stopped: () => void = nothing;

  constructor(children: readonly ChildSpecification[], policy: SupervisorPolicy, timing: Timing) {
    const names = new Set(children.map(({ name }) => name));
    if (names.size < children.length) throw new RangeError('Two children have the same name.');
    this.#children = children.map((specification) => ({
      specification,
      state: 'ended',
      life: undefined,
      startedAt: 0,
      restarts: 0,
      inARow: 0,
      lastEnding: undefined,
      cancelPause: nothing,
      cancelTrial: nothing,
    }));
    const { onEvent, ...settings } = policy;
    this.#settings = {
      strategy: 'one-for-one',
      restart: 'on-failure',
      firstPause: 100,
      longestPause: 30_000,
      stableLife: 10_000,
      shareAfterFailure: 0.25,
      mostRestarts: 5,
      restartWindow: 60_000,
      ...settings,
    };
    this.#timing = timing;
    this.#onEvent = onEvent ?? nothing;
  }

  /** Starts all children, in their order. Also after it has given up, or was stopped. */
  start(): void {
    if (this.#state === 'running') return;
    this.#state = 'running';
    this.#reason = '';
    this.#restartTimes = [];
    for (const child of this.#children) {
      child.inARow = 0;
      if (this.#state === 'running' && child.life === undefined) this.#begin(child);
    }
  }

  /**
   * Stops all children, the last first.
   * @param reason for people
   * @returns a promise that is fulfilled when all have ended
   */
  stop(reason = 'it was asked to stop'): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'stopped';
      this.#reason = reason;
      this.#record({ kind: 'stopped', reason });
    }
    this.#stopChildren(reason);
    if (this.#haveAllEnded()) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#stopped;
      this.#stopped = () => {
        before();
        resolve();
      };
    });
  }

  /** What happened, and how things are. */
  status(): SupervisorStatus {
    return {
      state: this.#state,
      reason: this.#reason,
      children: this.#children.map(({ specification, state, restarts, lastEnding }) => ({
        name: specification.name,
        state,
        restarts,
        lastEnding,
      })),
      events: [...this.#events],
    };
  }

  #begin(child: Child): void {
    const { name } = child.specification;
    child.state = 'running';
    child.startedAt = this.#timing.now();
    const { shareAfterFailure, stableLife } = this.#settings;
    const part = shareAfterFailure ** child.inARow;
    let life: Life;
    try {
      life = child.specification.start(part);
    } catch (error) {
      this.#ended(child, { how: 'failed', report: `it cannot be started: ${String(error)}` });
      return;
    }
    child.life = life;
    this.#record({ kind: 'started', child: name });
    if (part < 1) {
      child.cancelTrial = this.#timing.after(stableLife, () => life.setShare?.(1), true);
    }
    life.onEnded((ending) => {
      if (child.life === life) this.#ended(child, ending);
    });
  }

  #ended(child: Child, ending: Ending): void {
    const wasStopping = child.state === 'stopping';
    child.cancelTrial();
    child.cancelTrial = nothing;
    child.life = undefined;
    child.state = 'ended';
    child.lastEnding = ending;
    this.#record({ kind: 'ended', child: child.specification.name, ending });
    if (this.#state !== 'running') {
      if (this.#haveAllEnded()) {
        this.#stopped();
        this.#stopped = nothing;
      }
      return;
    }
    if (!wasStopping && this.#isFollowedByRestart(ending)) {
      const wasStable = this.#timing.now() - child.startedAt >= this.#settings.stableLife;
      child.inARow = wasStable ? 1 : child.inARow + 1;
      this.#restartAfter(child, ending);
    } else if (this.#isRestartingAll && this.#haveAllEnded()) {
      this.#pauseBeforeAll();
    }
  }

  #isFollowedByRestart({ how }: Ending): boolean {
    const { restart } = this.#settings;
    return restart === 'always' || (restart === 'on-failure' && how !== 'finished');
  }

  #restartAfter(child: Child, ending: Ending): void {
    const now = this.#timing.now();
    const { restartWindow, mostRestarts, strategy } = this.#settings;
    // With all for one, an end while all are ended anyway is part of the same failure.
    if (!this.#isRestartingAll) {
      this.#restartTimes = this.#restartTimes.filter((at) => now - at < restartWindow);
      if (this.#restartTimes.length >= mostRestarts) {
        this.#giveUp(child, ending);
        return;
      }
      this.#restartTimes.push(now);
    }
    if (strategy === 'one-for-one') {
      this.#pause(child, () => this.#restart(child));
      return;
    }
    if (!this.#isRestartingAll) {
      this.#isRestartingAll = true;
      this.#stopChildren(`${child.specification.name} has ended, without which it is of no use`);
    }
    if (this.#haveAllEnded()) this.#pauseBeforeAll();
  }

  /** All have ended: after the pause of the one that failed most often, all begin, in their order. */
  #pauseBeforeAll(): void {
    const [first, ...others] = this.#children;
    if (first === undefined) return;
    const worst = others.reduce((most, each) => (each.inARow > most.inARow ? each : most), first);
    this.#pause(worst, () => {
      this.#isRestartingAll = false;
      for (const each of this.#children) {
        if (this.#state === 'running' && each.life === undefined && !this.#isRestartingAll) {
          this.#restart(each);
        }
      }
    });
  }

  #pause(child: Child, then: () => void): void {
    const { firstPause, longestPause } = this.#settings;
    const milliseconds = Math.min(firstPause * 2 ** (child.inARow - 1), longestPause);
    child.state = 'pausing';
    this.#record({ kind: 'pausing', child: child.specification.name, milliseconds });
    child.cancelPause();
    child.cancelPause = this.#timing.after(milliseconds, then);
  }

  #restart(child: Child): void {
    child.restarts++;
    this.#begin(child);
  }

  #giveUp(child: Child, { how, report }: Ending): void {
    const { mostRestarts, restartWindow } = this.#settings;
    const [line = ''] = report.split('\n');
    this.#state = 'gave-up';
    this.#reason =
      `${child.specification.name} has ended (${how}${line === '' ? '' : `: ${line}`}), after ` +
      `${mostRestarts} restarts within ${restartWindow / 1000} s`;
    this.#record({ kind: 'gave-up', reason: this.#reason });
    this.#stopChildren(`its supervisor has given up: ${this.#reason}`);
  }

  #stopChildren(reason: string): void {
    for (const child of this.#children.toReversed()) {
      child.cancelPause();
      child.cancelPause = nothing;
      if (child.state === 'pausing') child.state = 'ended';
      if (child.life === undefined || child.state === 'stopping') continue;
      child.state = 'stopping';
      child.life.stop(reason);
    }
  }

  #haveAllEnded(): boolean {
    return this.#children.every(({ life }) => life === undefined);
  }

  #record(event: DistributiveOmit<SupervisorEvent, 'at'>): void {
    const recorded = { at: this.#timing.now(), ...event } as SupervisorEvent;
    this.#events.push(recorded);
    if (this.#events.length > mostEvents) this.#events.shift();
    this.#onEvent(recorded);
  }
}

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown
  ? Omit<Union, Key>
  : never;
