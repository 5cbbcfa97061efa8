/** Runs what may take its time, but not for ever. */

/** An error that says all in its message. */
export class ReloadFailure extends Error {}

/** How long handOver() and takeOver() may take, in milliseconds. */
export const handoverLimit = 5000;

/** Calls a function once, later. @returns what keeps it from being called */
export type After = (milliseconds: number, run: () => void) => () => void;

/**
 * Runs a function, which may give a promise. What it does too late has no effect.
 * @param name for the message, such as `handOver() of service clock`
 * @param limit milliseconds
 * @throws ReloadFailure when it fails, or does not end within the limit
 */
export function within<Value>(
  name: string,
  after: After,
  limit: number,
  run: () => Value | Promise<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = after(limit, () =>
      reject(new ReloadFailure(`${name} has not ended after ${limit / 1000} s.`)),
    );
    Promise.resolve()
      .then(run)
      .then(resolve, (error) => reject(new ReloadFailure(`${name} failed: ${describe(error)}`)))
      .finally(stop);
  });
}

/** An error for people, with its stack, unless its message says all. It may be of another realm's classes. */
export function describe(error: unknown): string {
  if (error instanceof ReloadFailure) return error.message;
  try {
    const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown };
    return String(stack ?? message ?? error);
  } catch {
    return String(error);
  }
}

/** The timers of a bare isolate. */
export const timer: After = (milliseconds, run) => {
  const { setTimeout, clearTimeout } = globalThis as unknown as {
    setTimeout(run: () => void, milliseconds: number): unknown;
    clearTimeout(timer: unknown): void;
  };
  const id = setTimeout(run, milliseconds);
  return () => clearTimeout(id);
};
