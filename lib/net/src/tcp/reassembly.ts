/**
 * Which bytes ahead of a gap are already in the receive ring, as ranges of sequence numbers: for
 * putting data in order, and for telling the peer (RFC 2018). The number of ranges is bounded.
 */
import { before, distance, notAfter, type SequenceNumber, sequence } from './sequence.ts';

/** Most gaps that a connection keeps; more are dropped, and the peer sends again. */
export const gapMaximum = 256;

/** Ranges in order, none touching another. */
export class Reassembly {
  /** In each: first byte, byte after the last, when it changed last (a count). */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #changed: number[] = [];
  #changes = 0;
  /** Bytes in all ranges. */
  bytes = 0;

  get count(): number {
    return this.#starts.length;
  }

  /**
   * Adds a range that begins after the next byte expected.
   * @returns how many of its bytes are new, or -1 when there are too many gaps: nothing was added
   */
  add(start: SequenceNumber, end: SequenceNumber): number {
    const starts = this.#starts;
    const ends = this.#ends;
    // Most arrivals extend the last range: look from the end.
    let at = starts.length;
    while (at > 0 && before(end, sequence(starts[at - 1] as number))) at -= 1;
    // Ranges [first, at) touch or overlap the new one.
    let first = at;
    while (first > 0 && notAfter(start, sequence(ends[first - 1] as number))) first -= 1;
    this.#changes += 1;
    if (first === at) {
      if (starts.length >= gapMaximum) return -1;
      starts.splice(at, 0, start);
      ends.splice(at, 0, end);
      this.#changed.splice(at, 0, this.#changes);
      const added = distance(end, start);
      this.bytes += added;
      return added;
    }
    let held = 0;
    for (let range = first; range < at; range += 1) {
      held += ((ends[range] as number) - (starts[range] as number)) | 0;
    }
    const mergedStart = before(start, sequence(starts[first] as number))
      ? start
      : sequence(starts[first] as number);
    const mergedEnd = before(sequence(ends[at - 1] as number), end)
      ? end
      : sequence(ends[at - 1] as number);
    if (at - first > 1) {
      starts.splice(first + 1, at - first - 1);
      ends.splice(first + 1, at - first - 1);
      this.#changed.splice(first + 1, at - first - 1);
    }
    starts[first] = mergedStart;
    ends[first] = mergedEnd;
    this.#changed[first] = this.#changes;
    const added = distance(mergedEnd, mergedStart) - held;
    this.bytes += added;
    return added;
  }

  /**
   * Drops what lies before `next`, which all arrived in order meanwhile.
   * @returns the first byte that is missing from `next` on: past the range that begins there, if one does
   */
  advance(next: SequenceNumber): SequenceNumber {
    let result = next;
    while (this.count > 0 && notAfter(sequence(this.#starts[0] as number), result)) {
      const start = sequence(this.#starts.shift() as number);
      const end = sequence(this.#ends.shift() as number);
      this.#changed.shift();
      this.bytes -= distance(end, start);
      if (before(result, end)) result = end;
    }
    return result;
  }

  start(index: number): SequenceNumber {
    return sequence(this.#starts[index] as number);
  }

  end(index: number): SequenceNumber {
    return sequence(this.#ends[index] as number);
  }

  /** Index of the range that changed last before change number `than`, -1: none. For SACK, newest first. */
  newest(than: number): number {
    let best = -1;
    let bestChange = 0;
    for (let range = 0; range < this.#changed.length; range += 1) {
      const change = this.#changed[range] as number;
      if (change < than && change > bestChange) {
        best = range;
        bestChange = change;
      }
    }
    return best;
  }

  changeOf(index: number): number {
    return this.#changed[index] as number;
  }
}
