// Remainders of floating-point numbers by V8's built-in functions, in a heap that grows: page faults come right
// behind them.
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-opt');
setFlagsFromString('--no-maglev');
setFlagsFromString('--no-sparkplug');

const kept: number[][] = [];
let sum = 0;
for (let round = 0; round < 400; round += 1) {
  const row: number[] = [];
  for (let i = 0; i < 2000; i += 1) {
    const remainder = (i * 1.25 + round) % 7.75;
    sum += remainder;
    row.push(remainder);
  }
  kept.push(row);
}
console.log(`${kept.length} rows, ${sum.toFixed(2)}`);
