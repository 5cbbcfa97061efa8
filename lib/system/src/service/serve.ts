/** Serves what a service offers. */
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Served } from '@runtimejs/rpc/calls/types.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import { timer } from '../reload/within.ts';
import type { MakePair } from './switchboard.ts';
import type { ServiceClient } from './types.ts';

/** A channel within this isolate. */
export const nearPair: MakePair = () => memoryChannels({ later: (run) => void timer(0, run) });

/**
 * Serves one client over a channel.
 * @param make gives what the client may call; when it throws, the client learns why
 */
export function serveClient(
  channel: Channel,
  name: string,
  make: (client: ServiceClient) => object | undefined,
): void {
  const listeners: (() => void)[] = [];
  let isGone = false;
  const client: ServiceClient = {
    name,
    onGone: (listener) => {
      if (isGone) listener();
      else listeners.push(listener);
    },
  };
  let served: object | undefined;
  try {
    served = make(client);
  } catch (error) {
    channel.close(`its serve() failed: ${String(error)}`);
    throw error;
  }
  const connection = connect(
    channel,
    served === undefined ? {} : { serve: served as Served<unknown> },
  );
  void connection.closed.then(() => {
    isGone = true;
    for (const listener of listeners) listener();
  });
}

/** An end of a channel that did not get there is closed, so that nobody waits at the other one. */
export function passOn(channel: Channel, passed: Promise<unknown>): void {
  passed.catch((error) => channel.close(`it was not passed on: ${String(error)}`));
}
