// Asks the kernel for figures, then ends the machine in the way that it was told.
import { cpu, log, memory, powerOff, readLog, reboot, uptime } from '@runtimejs/kernel';

const figures = { memory: memory(), cpu: cpu() };
console.log(
  JSON.stringify(figures, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
);
const before = uptime();
while (uptime() === before);
console.log('time goes on');
log('info', 'a line of the app');
console.log(readLog().text.includes('a line of the app') ? 'the log has it' : 'the log lacks it');

process.on('exit', () => console.log('exit listeners must not run'));
if (process.argv[2] === 'reboot') reboot();
powerOff(42);
