// A program that says that it runs, and waits.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';

export default ({ channel }: IsolateContext): void => {
  channel.start({ readable() {}, writable() {}, closed() {} });
  channel.send(new Uint8Array(1));
};
