/** Bounds how much ICMP a stranger can make this machine send (RFC 1812, section 4.3.2.8; RFC 4443, section 2.4(f)). */
import type { Environment } from '../environment.ts';
import { hashWords } from '../interface/address-map.ts';
import { loopbackIndex, type ReceivedHeader } from '../network.ts';
import { TokenBucket } from '../storage/token-bucket.ts';

const echoesPerSecond = 10_000;
const echoBurst = 1000;
const errorsPerSecond = 1000;
const errorBurst = 50;
/** A destination's share of the errors: a burst, then so many a second. */
const destinationErrorsPerSecond = 1;
const destinationErrorBurst = 6;
const slotCount = 64;

/**
 * The limits of one version of ICMP. Errors are bounded all together and for each of a fixed number of
 * groups of destinations, chosen by a keyed hash, so that one flooded destination does not take
 * everybody's share.
 */
export class IcmpRateLimit {
  readonly #environment: Environment;
  readonly #seed: number;
  readonly #echoes = new TokenBucket(echoesPerSecond, echoBurst);
  readonly #errors = new TokenBucket(errorsPerSecond, errorBurst);
  readonly #slots: TokenBucket[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
    const random = new Int32Array(1);
    environment.random(new Uint8Array(random.buffer));
    this.#seed = random[0] as number;
    for (let at = 0; at < slotCount; at += 1) {
      this.#slots.push(new TokenBucket(destinationErrorsPerSecond, destinationErrorBurst));
    }
  }

  /** Whether an echo request may be answered. */
  takeEcho(): boolean {
    return this.#echoes.take(this.#environment.clock.now);
  }

  /** Whether an error may be sent to the source of a packet. This machine may hear of each of its own. */
  takeError({ interface: on, source0, source1, source2, source3 }: ReceivedHeader): boolean {
    if (on.index === loopbackIndex) return true;
    const { now } = this.#environment.clock;
    const hash = hashWords(source0, source1, source2, source3, this.#seed);
    const slot = this.#slots[(hash >>> 0) % slotCount] as TokenBucket;
    return slot.take(now) && this.#errors.take(now);
  }
}
