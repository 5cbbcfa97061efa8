/** What lib/web asks of its host, by Node. */
import { provideHost } from '@runtimejs/web/host.ts';

/** Has this process be the host of lib/web. */
export function provideNodeAsHost(): void {
  provideHost({
    now: () => performance.now(),
    timeOrigin: performance.timeOrigin,
    random: (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
    decodeUtf8: (bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
    encodeUtf8: (text) => new TextEncoder().encode(text),
    clone: (value) => structuredClone(value),
    report: (error) => console.error(error),
    setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  });
}
