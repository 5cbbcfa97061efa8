/** What the system isolate and a service's isolate call of each other. */
import type {} from '@runtimejs/isolate/carried.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';

/** What a service's isolate begins with. */
export interface Beginning {
  /** JSON. */
  readonly argument: string;
  /** Names of the endpoints that the composition gives it. */
  readonly endpoints: readonly string[];
  /** What the version before has handed over: JSON. */
  readonly inherited?: string;
}

/** What a service's isolate serves. */
export interface ServiceControl {
  /** Starts the service, and has it take over what the version before has left. Once. */
  begin(beginning: Beginning): void;
  /** There is a way to an endpoint. */
  connected(endpoint: string, channel: Channel): void;
  /** Serves a client over a channel. */
  serve(client: string, channel: Channel): void;
  /** @returns JSON, undefined when it has nothing to hand over */
  handOver(): string | undefined;
  takeOver(state: string): void;
  stop(): void;
}
