/**
 * An app that writes numbered lines to its terminal, and takes a pattern from it in raw mode, until the terminal's driver
 * has ended so many times. Of the lines it writes eight bytes for each one that is typed, and not many more, because they
 * would wait in the kernel. Then it says what came, again and again, as there may be some on the way.
 */
import { terminals } from '@runtimejs/kernel';
import { numberedLine } from './numbered-lines.ts';
import { createPattern } from './pattern.ts';

const wanted = Number(process.argv[2]);
/** Bytes that it writes before anything was typed: the kernel keeps them until there is a terminal. */
const ahead = 16 * 1024;
const { stdin, stdout } = process;
const pattern = createPattern(1);
let problem: string | undefined;
stdin.setRawMode(true);
stdin.on('data', (bytes: Buffer) => {
  problem ??= pattern.check(bytes);
});

/** How often the drivers of terminals have ended, as far as that is known. */
function ends(): number {
  let sum = 0;
  for (const byDevice of Object.values(terminals.statistics())) {
    for (const counters of Object.values(byDevice)) sum += counters.driverEnds ?? 0;
  }
  return sum;
}

stdout.write('typing: ready\n');
let number = 0;
let written = 0;
for (let looked = 0; ; ) {
  const now = Date.now();
  if (now - looked > 200) {
    if (ends() >= wanted) break;
    looked = now;
  }
  for (let each = 0; each < 32 && written < ahead + 8 * pattern.checked; each++) {
    const line = numberedLine(number++);
    stdout.write(line);
    written += line.length;
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
stdout.write(`typing: enough ${number}\n`);
setInterval(() => {
  stdout.write(`typing: received ${problem ?? pattern.checked}\n`);
}, 500);
setTimeout(() => {
  stdout.write(`typing: counters ${JSON.stringify(terminals.statistics())}\n`);
}, 2500);
