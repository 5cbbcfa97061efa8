/**
 * Brings those who offer endpoints together with those whom the composition gives them, in every life of either. Pure:
 * channels are made by who takes part.
 */
import type { Channel } from '@runtimejs/rpc/channel.ts';

/** Makes a channel. */
export type MakePair = () => readonly [Channel, Channel];

/** Somebody, for one life. */
interface Party {
  /** Its name in the composition. */
  readonly name: string;
  /** Whether it is in an isolate of its own: then channels with it are of its kind. */
  readonly isFar: boolean;
  readonly pair: MakePair;
}

/** Who offers an endpoint, which has its name. */
export interface Offer extends Party {
  /** Serves a client over a channel. */
  serve(channel: Channel, client: string): void;
}

/** Who wants endpoints. */
export interface Demand extends Party {
  readonly endpoints: readonly string[];
  /** There is a way to an endpoint, or a new one. */
  connected(endpoint: string, channel: Channel): void;
}

/** See the top of the file. */
export class Switchboard {
  readonly #offers = new Map<string, Offer>();
  readonly #demands = new Set<Demand>();

  /**
   * Offers an endpoint to whoever the composition gives it, now and later.
   * @returns what ends that; channels that were made stay
   * @throws RangeError when another one offers it
   */
  offer(offer: Offer): () => void {
    if (this.#offers.has(offer.name)) {
      throw new RangeError(`Two services have the name ${offer.name}: others could not tell them.`);
    }
    this.#offers.set(offer.name, offer);
    for (const demand of this.#demands) {
      if (demand.endpoints.includes(offer.name)) connect(offer, demand);
    }
    return () => {
      if (this.#offers.get(offer.name) === offer) this.#offers.delete(offer.name);
    };
  }

  /** Has endpoints connected, as far as they are offered, now and later. @returns what ends that */
  demand(demand: Demand): () => void {
    this.#demands.add(demand);
    for (const name of demand.endpoints) {
      const offer = this.#offers.get(name);
      if (offer !== undefined) connect(offer, demand);
    }
    return () => {
      this.#demands.delete(demand);
    };
  }
}

function connect(offer: Offer, demand: Demand): void {
  const [served, calling] = (offer.isFar ? offer : demand).pair();
  offer.serve(served, demand.name);
  demand.connected(offer.name, calling);
}
