// Ends in the way that its argument names.
import { failDeep } from './failing.ts';

const kept: unknown[] = [];

const endings: Record<string, () => unknown> = {
  normally: () => console.log('the last line'),
  'with a code': () => process.exit(7),
  'with an exit code for later': () => {
    process.exitCode = 9;
    process.on('exit', (code) => console.log(`exit listeners see ${code}`));
  },
  'after much output': () => {
    for (let line = 0; line < 2000; line++) console.log(`line ${line} ${'.'.repeat(60)}`);
    process.exit(3);
  },
  'by an exception': () => failDeep('thrown on purpose'),
  'by an exception in a callback': () => setTimeout(failDeep, 1, 'thrown later'),
  'by a rejection': () => Promise.reject(new RangeError('rejected on purpose')),
  'by an exception that is no error': () => {
    throw { toString: () => 'an object' };
  },
  'by a missing module': () => import(['not', 'there'].join('-')),
  'by a missing file': () => import(`/app/${['no', 'file.mjs'].join('-')}`),
  'by filling the heap': () => {
    for (;;) kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
  },
  'by filling the memory': () => {
    for (let count = 1; ; count++) {
      kept.push(Buffer.alloc(16 << 20, count));
      console.log(`${count * 16} MiB`);
    }
  },
  'by filling /tmp': async () => {
    const { appendFileSync } = await import('node:fs');
    const block = Buffer.alloc(16 << 20, 1);
    for (;;) appendFileSync('/tmp/filler', block);
  },
  'by abort': () => process.abort(),
  'by a signal': () => process.kill(process.pid, 'SIGTERM'),
  'by SIGKILL': () => process.kill(process.pid, 'SIGKILL'),
  'by waiting for nothing': async () => {
    await new Promise(() => {});
  },
};

await endings[process.argv.slice(2).join(' ')]?.();
