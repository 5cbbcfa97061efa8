// A program whose turn lasts until memory that it is sent has changed.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';

export default ({ channel, finish }: IsolateContext): void => {
  channel.start({
    readable() {
      const [memory] = channel.receive()?.attachments ?? [];
      if (!(memory instanceof SharedArrayBuffer)) return;
      const flag = new Int32Array(memory);
      while (Atomics.load(flag, 0) === 0);
      finish();
    },
    writable() {},
    closed() {},
  });
  channel.send(Uint8Array.of(1));
};
