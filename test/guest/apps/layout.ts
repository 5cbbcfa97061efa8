// Prints where things are in memory, and what their protection is.
import { readFileSync } from 'node:fs';

for (const line of readFileSync('/proc/self/maps', 'utf8').trim().split('\n')) {
  const [range, protection, , , , name = ''] = line.split(/\s+/);
  console.log(`map ${range} ${protection} ${name}`);
}
