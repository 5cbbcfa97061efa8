/** Ends when the program of the system isolate (system/platform.ts) says so in the kernel's log. */
import { readLog } from '@runtimejs/kernel';

console.log('the app runs');
let cursor = 0n;
const timer = setInterval(() => {
  const log = readLog(cursor);
  cursor = log.cursor;
  if (/platform: end /.test(log.text) || /not started again/.test(log.text)) {
    console.log('the app ends');
    clearInterval(timer);
  }
}, 50);
