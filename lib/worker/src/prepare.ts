/**
 * The first thing in a bare app's bundle, before the app's own modules: the console, stack traces that name
 * TypeScript, and what the web's API needs of the machine.
 */
import { type Console, createConsole, level } from '@runtimejs/system/console.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { provideHost } from '@runtimejs/web/host.ts';

/** File descriptors of the app. */
const standardOutput = 1;
const standardError = 2;

const bindings = prepareIsolate();
const { app, clock, random, text } = bindings;

/** The app's console is its output; drivers and the network stack write to the kernel's log. */
const console: Console = createConsole((atLevel, line) => {
  app.write(atLevel <= level.warn ? standardError : standardOutput, `${line}\n`);
});

const globals = globalThis as unknown as {
  console: Console;
  self: unknown;
  setTimeout(run: () => void, milliseconds: number): unknown;
};
globals.console = console;
globals.self = globalThis;

const startedAt = clock.now();
const timeOrigin = Number(clock.wall() / 1000n) / 1000;

provideHost({
  now: () => (clock.now() - startedAt) / 1000,
  timeOrigin,
  random: (into) => random.fill(into),
  decodeUtf8: (bytes) => text.decodeUtf8(bytes),
  encodeUtf8: (value) => text.encodeUtf8(value),
  clone: (value) => text.clone(value),
  report: (error) => console.error(error),
  setTimeout: (run, milliseconds) => globals.setTimeout(run, milliseconds),
});
