/** What the web's API needs of a bare isolate. */
import { provideHost } from '@runtimejs/web/host.ts';
import type { BareBindings } from './generated/bindings.d.ts';

/**
 * Provides it.
 * @param bindings of the isolate
 * @param report tells about an exception that nobody catches
 */
export function provideBareHost(
  { clock, random, text }: Pick<BareBindings, 'clock' | 'random' | 'text'>,
  report: (error: unknown) => void,
): void {
  const globals = globalThis as unknown as {
    self: unknown;
    setTimeout(run: () => void, milliseconds: number): unknown;
  };
  globals.self = globalThis;
  const startedAt = clock.now();
  provideHost({
    now: () => (clock.now() - startedAt) / 1000,
    timeOrigin: Number(clock.wall() / 1000n) / 1000,
    random: (into) => random.fill(into),
    decodeUtf8: (bytes) => text.decodeUtf8(bytes),
    encodeUtf8: (value) => text.encodeUtf8(value),
    clone: (value) => text.clone(value),
    report,
    setTimeout: (run, milliseconds) => globals.setTimeout(run, milliseconds),
  });
}
