// The whole system is this program: when it ends, the machine powers off.
import { isRuntime } from '@runtimejs/kernel';
import { gatherFacts } from './src/facts.ts';
import { renderTable } from './src/table.ts';

const where = isRuntime ? 'and it is the operating system' : 'on a system that somebody else made';

console.log(`Hello! This is TypeScript, ${where}.\n`);
console.log(renderTable(gatherFacts()));
