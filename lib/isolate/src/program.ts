/**
 * What a program in an isolate of its own has. Its entry module exports a function as default:
 *
 * ```ts
 * import type { IsolateContext } from '@runtimejs/isolate/program.ts';
 *
 * export default ({ channel, argument }: IsolateContext): void => {
 *   channel.start({ ... });
 * };
 * ```
 */
import type { Channel } from '@runtimejs/rpc/channel.ts';

/** What JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** All that an isolate has besides its own memory: there is no device, no network and no file. */
export interface IsolateContext {
  readonly name: string;
  /** What it was started with. */
  readonly argument: Json;
  /** Leads to who has started it. */
  readonly channel: Channel;
  /** What it was given, by name. */
  readonly capabilities: Readonly<Record<string, Channel>>;
  /** Ends this isolate. It also ends when it has no channel any more, and waits for no timer. */
  finish(): void;
}

/** A program. A promise that it returns is not waited for; when it is rejected, the isolate has failed. */
export type Program = (context: IsolateContext) => unknown;
