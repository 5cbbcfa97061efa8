/** Runs the program of an isolate: the last thing in its script. */
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { Channels } from './channel.ts';
import type { BareBindings } from './generated/bindings.d.ts';
import type { Program } from './program.ts';
import type { StartMessage } from './start-message.ts';

/** Number of the channel that an isolate begins with: on it comes what it is started with. */
const firstChannel = 1;

/**
 * Waits for what this isolate is started with, and calls the program.
 * @param exported the default export of the entry module
 * @throws TypeError when it is no function
 */
export function enter(exported: unknown): void {
  if (typeof exported !== 'function') {
    throw new TypeError(
      'The default export of an isolate’s entry module must be a function: ' +
        'export default ({ channel }: IsolateContext): void => { ... }',
    );
  }
  const { runtime, setTimeout } = globalThis as unknown as {
    readonly runtime: BareBindings;
    setTimeout(run: () => void, milliseconds: number): unknown;
  };
  const channels = new Channels(runtime.channel, { later: (run) => void setTimeout(run, 0) });
  const control = channels.adopt(firstChannel);
  control.start({
    readable: () => {
      const message = control.receive();
      if (message === undefined) return;
      const { name, argument, capabilities } = JSON.parse(
        runtime.text.decodeUtf8(message.bytes),
      ) as StartMessage;
      const [channel, ...given] = message.attachments as [Channel, ...Channel[]];
      control.close();
      (exported as Program)({
        name,
        argument,
        channel,
        capabilities: Object.fromEntries(
          capabilities.map((each, index) => [each, given[index] as Channel]),
        ),
        finish: () => runtime.isolate.finish(),
      });
    },
    writable: () => {},
    closed: () => {},
  });
}
