/** Live reload, as its parts and the tool on the host name things. */

/** What JSON can hold. */
export type State =
  | null
  | boolean
  | number
  | string
  | readonly State[]
  | { readonly [name: string]: State };

/** What can hand over its state to the version that replaces it. Each function may take 5 s. */
export interface Reloadable {
  /** Gives the state for the next version. When it throws or does not end, this version goes on. */
  handOver?(): State | Promise<State>;
  /** Takes the state of the version before, after the start. When it throws or does not end, that one is back. */
  takeOver?(state: State): unknown;
  /** Milliseconds that takeOver() may take, where 5 s are not enough: the system isolate has 60 s in all. */
  readonly takeOverLimit?: number;
}

/** Something in the system isolate that runs a script in an isolate of its own, and can replace it. */
export interface ReplaceablePart {
  /** For people, such as `virtio-net0`. */
  readonly name: string;
  /** The script's path in the image. */
  readonly script: string;
  /**
   * Asks the program that runs for its state; it goes on.
   * @returns undefined when it has none
   * @throws ReloadFailure when it cannot give it
   */
  handOver(): Promise<State | undefined>;
  /**
   * Ends the program that runs, at a clean point, and starts the one that is in the script's place now.
   * @param state what handOver() has given
   * @throws ReloadFailure when the new one does not start: restore() has to follow
   */
  replace(state: State | undefined): Promise<void>;
  /** Starts the program that is in the script's place again, the one before, which gets the state. */
  restore(): Promise<void>;
}

/** What became of a reload. */
export type ReloadOutcome =
  | {
      readonly outcome: 'reloaded';
      /** What was replaced, for people. */
      readonly parts: readonly string[];
      /** From the request until the new version ran, in milliseconds. */
      readonly milliseconds: number;
      readonly hasHandedOver: boolean;
    }
  /** The system isolate is about to start anew: `life` changes when it has, and the outcome can be asked for. */
  | { readonly outcome: 'restarting'; readonly life: string }
  /** This life of the system isolate has no scripts for it: the one before may have had. */
  | { readonly outcome: 'unknown' }
  /** The version before goes on. `reason` is for people, with a stack where there is one. */
  | { readonly outcome: 'failed' | 'busy'; readonly reason: string }
  /** What has changed needs another start of the machine. */
  | { readonly outcome: 'impossible'; readonly reason: string };

/** What can be asked of the machine at any time. */
export interface ReloadStatus {
  /** Differs for each life of the system isolate. */
  readonly life: string;
  /** Of the reload that has begun this life; null when none has. */
  readonly last: ReloadOutcome | null;
}
