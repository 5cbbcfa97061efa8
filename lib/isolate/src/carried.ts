/** Ends of channels between isolates may be arguments and results of calls. */
import type { Channel } from '@runtimejs/rpc/channel.ts';

declare module '@runtimejs/rpc/calls/types.ts' {
  interface Carried {
    readonly channel: Channel;
  }
}
