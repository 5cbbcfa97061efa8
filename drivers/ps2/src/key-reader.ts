/** What a keyboard sends: scan codes, and answers between them (IBM PC AT technical reference, section 4). */
import { ScancodeDecoder, type ScanResult } from '@runtimejs/tty/keyboard/scancodes.ts';

const answer = { acknowledge: 0xfa, resend: 0xfe, echo: 0xee, testPassed: 0xaa } as const;

/** What a byte means, if it ends something. */
export type Meaning = ScanResult | 'acknowledged' | 'resend' | 'plugged';

/** Makes keys of bytes, and knows which ones are held. */
export class KeyReader {
  readonly held: Set<number>;
  /** Bytes of a scan code that has begun. */
  begun: readonly number[] = [];
  readonly #decoder: ScancodeDecoder;

  constructor(set: 1 | 2, held: Iterable<number> = [], begun: Iterable<number> = []) {
    this.held = new Set(held);
    this.#decoder = new ScancodeDecoder(set);
    for (const byte of begun) this.take(byte);
  }

  take(byte: number): Meaning {
    if (byte === answer.acknowledge) return 'acknowledged';
    if (byte === answer.resend) return 'resend';
    if (byte === answer.echo) return undefined;
    if (byte === answer.testPassed && this.held.size === 0) {
      // It was plugged in just now, and begins with its keys off. (As a release it means that of left shift.)
      this.forget();
      return 'plugged';
    }
    const result = this.#decoder.take(byte);
    this.begun = result === undefined ? [...this.begun, byte] : [];
    if (result === 'overrun') this.forget();
    else if (typeof result === 'object') {
      if (result.isDown) this.held.add(result.code);
      else this.held.delete(result.code);
    }
    return result;
  }

  /** Keys were lost: none counts as held any more. */
  forget(): void {
    this.held.clear();
    this.begun = [];
    this.#decoder.reset();
  }
}
