// The whole system is this program: when it ends, the machine powers off.
import { gatherFacts } from './src/facts.ts';
import { renderTable } from './src/table.ts';

const name = process.argv[2] ?? 'world';

console.log(`Hello, ${name}! This is TypeScript, and it is the operating system.\n`);
console.log(renderTable(gatherFacts()));
