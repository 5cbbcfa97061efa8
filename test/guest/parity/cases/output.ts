import { Console } from 'node:console';
import { writeSync } from 'node:fs';
import { type Group, reportPrefix } from '../collector.ts';

export const output: Group = {
  name: 'output',
  cases: {
    'a megabyte on standard output, in order': async () => {
      const filler = 'x'.repeat(100);
      for (let line = 0; line < 9000; line++)
        process.stdout.write(`${reportPrefix}${line} ${filler}\n`);
    },

    'one write of 300 kilobytes': async () => {
      const lines = Array.from(
        { length: 3000 },
        (_, line) => `${reportPrefix}big ${line} ${'y'.repeat(90)}\n`,
      );
      await new Promise((resolve) => process.stdout.write(lines.join(''), resolve));
    },

    'synchronous writes and the console': () => {
      writeSync(1, `${reportPrefix}written synchronously, ünicode 文字 🙂\n`);
      const plain = new Console({ stdout: process.stdout, stderr: process.stdout });
      plain.log(`${reportPrefix}%s and %d`, 'text', 42);
      plain.error(`${reportPrefix}an error on the same stream`);
      plain.assert(true, 'not shown');
    },

    'what standard output is': (log) => {
      log(
        process.stdout.fd,
        typeof process.stdout.isTTY === 'boolean' || process.stdout.isTTY === undefined,
      );
    },
  },
};
