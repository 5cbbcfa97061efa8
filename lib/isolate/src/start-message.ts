/** The first message to an isolate: what it is started with. */
import type { Json } from './program.ts';

/** Attachments: the end of the channel to who has started it, then one for each capability. */
export interface StartMessage {
  readonly name: string;
  readonly argument: Json;
  /** Names of the capabilities, in their order. */
  readonly capabilities: readonly string[];
}
