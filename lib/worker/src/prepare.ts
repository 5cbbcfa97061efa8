/**
 * The first thing in a bare app's bundle, before the app's own modules: the console, stack traces that name
 * TypeScript, and what the web's API needs of the machine.
 */
import { provideBareHost } from '@runtimejs/isolate/web-host.ts';
import { type Console, createConsole, level } from '@runtimejs/system/console.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';

/** File descriptors of the app. */
const standardOutput = 1;
const standardError = 2;

const bindings = prepareIsolate();

/** The app's console is its output; drivers and the network stack write to the kernel's log. */
const console: Console = createConsole((atLevel, line) => {
  bindings.app.write(atLevel <= level.warn ? standardError : standardOutput, `${line}\n`);
});
(globalThis as unknown as { console: Console }).console = console;

provideBareHost(bindings, (error) => console.error(error));
