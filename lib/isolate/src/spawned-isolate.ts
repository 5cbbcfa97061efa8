/** An isolate as the one that has started it sees it. */
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { IsolateFigures } from './generated/node-bindings.d.ts';
import type { Ending, EndingKind } from './life.ts';
import type { Isolate, IsolateUsage } from './options.ts';
import type { Starter } from './starter.ts';
import { TurnLimit } from './turn-limit.ts';

/** Kinds by RUNTIME_END_* in native/abi/isolate.abi.ts. */
const kinds: readonly (EndingKind | undefined)[] = [
  undefined,
  'finished',
  'failed',
  'limit',
  'killed',
];
/** What a turn that has taken a quarter of its limit has of the processor, until it ends. */
const shareInLongTurn = 0.035;

/** Of a thread with nice 1 the scheduler counts the time as so much more. */
const niceStep = 1.25;
const mostNice = 19;

/** @throws RangeError when a share of a processor is not above 0 and at most 1 */
export function checkShare(share: number): void {
  if (share > 0 && share <= 1) return;
  throw new RangeError(`cpuShare is ${share}, and must be above 0 and at most 1.`);
}

/** The value for nice(2) that gives a share, as nearly as there is one: the smallest is 1.4 %. */
export function niceOf(share: number): number {
  return Math.min(Math.round(-Math.log(share) / Math.log(niceStep)), mostNice);
}

/** What an isolate needs of who has started it. */
export interface Keeper {
  /** Makes a report one for people. */
  describe(report: string): string;
  /** Looks anew whether Node has a reason to go on. */
  keepAlive(): void;
  readonly cpuShare: number;
  readonly part: number;
}

/** One that runs, or has run. */
export class SpawnedIsolate implements Isolate {
  readonly name: string;
  readonly channel: Channel;
  isRef = true;
  readonly #starter: Starter;
  readonly #id: number;
  readonly #keeper: Keeper;
  #cpuShare: number;
  #part: number;
  #isInLongTurn = false;
  readonly #listeners: ((ending: Ending) => void)[] = [];
  #ending: Ending | undefined;
  #lastUsage: IsolateUsage | undefined;
  #endWatch: () => void = () => {};

  constructor(starter: Starter, id: number, name: string, channel: Channel, keeper: Keeper) {
    this.#starter = starter;
    this.#id = id;
    this.name = name;
    this.channel = channel;
    this.#keeper = keeper;
    this.#cpuShare = keeper.cpuShare;
    this.#part = keeper.part;
  }

  onEnded(listener: (ending: Ending) => void): void {
    if (this.#ending === undefined) this.#listeners.push(listener);
    else listener(this.#ending);
  }

  kill(reason = 'it was killed'): void {
    if (this.#ending === undefined) this.#starter.isolates.kill(this.#id, reason);
  }

  stop(reason: string): void {
    this.kill(reason);
  }

  setCpuShare(share: number): void {
    checkShare(share);
    this.#cpuShare = share;
    this.#setNice();
  }

  setShare(part: number): void {
    this.#part = part;
    this.#setNice();
  }

  unref(): void {
    this.isRef = false;
    this.#keeper.keepAlive();
  }

  ref(): void {
    this.isRef = true;
    this.#keeper.keepAlive();
  }

  usage(): IsolateUsage {
    if (this.#lastUsage !== undefined) return this.#lastUsage;
    const figures = this.#figures();
    const { takenNanoseconds: taken, turnNanoseconds: turn } = figures;
    return {
      name: this.name,
      cpuTime: figures.cpuNanoseconds / 1e6,
      heap: figures.heapBytes,
      buffers: figures.externalBytes,
      messagesSent: figures.messagesSent,
      messagesReceived: figures.messagesReceived,
      busy: turn === 0 ? 0 : Math.max(taken - turn, 0) / 1e6,
      startTime: figures.startedNanoseconds / 1e6,
    };
  }

  #figures(): IsolateFigures {
    return this.#starter.isolates.figures(this.#id, {
      cpuNanoseconds: 0,
      heapBytes: 0,
      externalBytes: 0,
      messagesSent: 0,
      messagesReceived: 0,
      takenNanoseconds: 0,
      turnNanoseconds: 0,
      turnCpuNanoseconds: 0,
      startedNanoseconds: 0,
      hasEnded: 0,
    });
  }

  /** Kills it when a turn of its event loop takes more processor time. */
  limitTurns(milliseconds: number): void {
    const turns = new TurnLimit(milliseconds);
    this.#endWatch = this.#starter.every(turns.interval, () => {
      const { takenNanoseconds, turnNanoseconds, turnCpuNanoseconds } = this.#figures();
      const { excess, isLong } = turns.look({
        now: takenNanoseconds / 1e6,
        turn: turnNanoseconds / 1e6,
        cpu: turnCpuNanoseconds / 1e6,
      });
      if (excess !== undefined) {
        this.kill(excess);
        return;
      }
      if (isLong === this.#isInLongTurn) return;
      this.#isInLongTurn = isLong;
      this.#setNice();
    });
  }

  #setNice(): void {
    if (this.#ending !== undefined) return;
    const share = this.#cpuShare * this.#part * (this.#isInLongTurn ? shareInLongTurn : 1);
    this.#starter.isolates.setNice(this.#id, niceOf(share));
  }

  /** The shim says that it has ended. */
  end(): void {
    const { isolates } = this.#starter;
    const [how, report] = isolates.ending(this.#id) ?? [0, ''];
    this.#lastUsage = this.usage();
    this.#ending = {
      how: kinds[how] ?? 'failed',
      report: this.#keeper.describe(report),
    };
    this.#endWatch();
    isolates.release(this.#id);
    for (const listener of this.#listeners) listener(this.#ending);
  }
}
