// Reads and writes the kernel log in the ways that Linux has.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { log, readLog } from '@runtimejs/kernel';

log('info', 'from the package');
const file = openSync('/dev/kmsg', 'r+');
writeSync(file, '<3>an error\n');
writeSync(file, '<30>with a facility, \\ and\ttab');
writeSync(file, 'without a level');

/** All records that are there. */
function records(): string[] {
  const found: string[] = [];
  const buffer = Buffer.alloc(8192);
  const reader = openSync('/dev/kmsg', 0o4000); // O_RDONLY | O_NONBLOCK
  for (;;) {
    try {
      found.push(buffer.toString('utf8', 0, readSync(reader, buffer)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      break;
    }
  }
  closeSync(reader);
  return found;
}

const first = records();
try {
  readSync(file, Buffer.alloc(4));
} catch (error) {
  console.log(`too small: ${(error as NodeJS.ErrnoException).code}`);
}
// A reader that waits gets what comes later.
const newest = openSync('/dev/kmsg', 'r');
let last = '';
for (const record of first) last = record;
const waiting = new Promise<string>((resolve) => {
  const buffer = Buffer.alloc(8192);
  const next = (): void => {
    // Node's thread pool waits, this thread does not.
    import('node:fs').then(({ read }) =>
      read(newest, buffer, 0, buffer.length, null, (_error, count) => {
        const text = buffer.toString('utf8', 0, count);
        if (text.endsWith(';later\n')) resolve(text);
        else next();
      }),
    );
  };
  next();
});
setTimeout(() => log('warn', 'later'), 300);
const later = await waiting;
const text = readLog().text;
console.log(JSON.stringify({ first, last, later, text }));

// More than the log holds.
for (let line = 0; line < 2000; line++) log('debug', `line ${line} ${'x'.repeat(60)}`);
let missed = 'nothing';
try {
  readSync(file, Buffer.alloc(8192));
} catch (error) {
  missed = (error as NodeJS.ErrnoException).code ?? '';
}
const all = records();
const numbers = all.map((record) => Number(/^\d,(\d+),\d+,-;/.exec(record)?.[1]));
console.log(
  JSON.stringify({
    missed,
    count: all.length,
    consecutive: numbers.slice(1).every((number, index) => number === numbers[index]! + 1),
    // The system may say something of its own meanwhile.
    newest: all.findLast((record) => record.includes(';line '))?.slice(-80),
    system: (await readFile('/proc/system_calls', 'utf8')).includes('openat'),
  }),
);
