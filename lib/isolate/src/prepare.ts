/**
 * The first thing in the script of an isolate that another one starts, before its own modules: the console, stack
 * traces that name TypeScript, and what the web's API needs.
 */
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { provideBareHost } from './web-host.ts';

const globals = globalThis as unknown as {
  readonly console: { error(...values: readonly unknown[]): void }; // as prepareIsolate() has set it
};
provideBareHost(prepareIsolate(), (error) => globals.console.error(error));
