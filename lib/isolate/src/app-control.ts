/** What the system isolate and a thread of an app in Node call of each other. */
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type {} from './carried.ts';

/** What the system isolate serves to one thread of the app. */
export interface AppExchange {
  /**
   * Has the thread connected with each life of an endpoint from now on.
   * @throws RangeError when the composition does not give it to the app
   */
  demand(endpoint: string): void;
}

/** What a thread of the app serves to the system isolate. */
export interface AppControl {
  /** There is a way to an endpoint. */
  connected(endpoint: string, channel: Channel): void;
}
