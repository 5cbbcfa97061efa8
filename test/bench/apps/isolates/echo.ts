// A program that sends everything back.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';

export default ({ channel }: IsolateContext): void => {
  channel.start({
    readable() {
      for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
        channel.send(message.bytes, message.attachments);
      }
    },
    writable() {},
    closed() {},
  });
};
