/** Gives commands to the adapter, one after the other, and waits for no answer longer than it should take. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import {
  createExchange,
  type Exchange,
  type ExchangeQueue,
  takeExchange,
} from '@runtimejs/virtio/exchange.ts';
import { answerBytes, type Command, commandBytes, refusal, writeCommand } from './protocol.ts';

/** How long an answer may take, and how often it is looked for meanwhile, microseconds. */
const answerTime = 10_000_000;
const lookPeriod = 500_000;

/** What becomes of a command: its answer, or why there is none. */
export type Done = (answer: Uint8Array, problem: string | undefined) => void;

/** The commands that wait, and the one that the adapter has. */
export class CommandRunner {
  readonly #platform: Platform;
  readonly #queue: ExchangeQueue;
  readonly #failed: (reason: string) => void;
  readonly #waiting: { readonly command: Command; readonly done: Done }[] = [];
  #exchange: Exchange;
  #sentAt = 0;
  #cancelLook: () => void = () => {};

  /** @param failed runs when the adapter broke the rules or does not answer: nothing more is sent then */
  constructor(platform: Platform, queue: ExchangeQueue, failed: (reason: string) => void) {
    this.#platform = platform;
    this.#queue = queue;
    this.#failed = failed;
    this.#exchange = createExchange(platform.allocateDma(commandBytes + answerBytes));
  }

  /** Whether there is nothing to wait for. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Gives a command, after those that wait. */
  run(command: Command, done: Done = () => {}): void {
    this.#waiting.push({ command, done });
    if (this.#waiting.length === 1) this.#send();
  }

  /** Takes the answer, when it has come. */
  receive(): void {
    const [current] = this.#waiting;
    const used = takeExchange(this.#queue);
    if (this.#queue.violation !== null) {
      this.#fail(this.#queue.violation);
      return;
    }
    if (used === null || current === undefined) return;
    const answer = used.bytes.slice(used.replyOffset, used.replyOffset + this.#queue.usedLength);
    this.#exchange = used.finish();
    this.#queue.enableInterrupts();
    this.#waiting.shift();
    this.#cancelLook();
    current.done(answer, refusal(answer, current.command));
    this.#send();
  }

  stop(): void {
    this.#waiting.length = 0;
    this.#cancelLook();
  }

  #send(): void {
    const [current] = this.#waiting;
    if (current === undefined || this.#exchange.state !== 'idle') return;
    const length = writeCommand(this.#exchange.bytes, current.command);
    const flying = this.#exchange.start(this.#queue, length, current.command.answerBytes);
    if (flying === null) {
      this.#fail('its queue is full of one command');
      return;
    }
    this.#exchange = flying;
    this.#sentAt = this.#platform.now();
    this.#queue.flush();
    this.#look();
  }

  #look(): void {
    this.#cancelLook();
    this.#cancelLook = this.#platform.at(this.#platform.now() + lookPeriod, () => {
      this.receive(); // should the interrupt have been lost
      if (this.#waiting.length === 0) return;
      if (this.#platform.now() - this.#sentAt > answerTime) {
        this.#fail('it does not answer');
        return;
      }
      this.#queue.kickIfStuck(false);
      this.#look();
    });
  }

  #fail(reason: string): void {
    this.stop();
    this.#failed(reason);
  }
}
