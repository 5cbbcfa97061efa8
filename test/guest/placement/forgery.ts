/** What the programs have in common that reach for what they were not given, and those that start them. */
import type { Isolate } from '@runtimejs/isolate/isolates.ts';

/** Runs something. @returns what it gave, or the name of its error, with the code if it has one */
export function attempt(run: () => unknown): unknown {
  try {
    return run() ?? 'done';
  } catch (error) {
    const { name, code } = error as Error & { readonly code?: string };
    return code ?? name;
  }
}

/** Waits for an end. @returns how it was */
export const ended = (isolate: Isolate): Promise<string> =>
  new Promise((resolve) => isolate.onEnded(({ how }) => resolve(how)));

/** Waits for the first message of an isolate. */
export const answer = ({ channel }: Isolate): Promise<Uint8Array> =>
  new Promise((resolve) => {
    channel.start({
      readable() {
        const message = channel.receive();
        if (message !== undefined) resolve(message.bytes.slice());
      },
      writable() {},
      closed() {},
    });
  });
