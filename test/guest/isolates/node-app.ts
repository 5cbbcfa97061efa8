/** An app in Node that starts isolates, and a Worker that does. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { check, leaveRunning, waitForOne } from './in-node.ts';

await check('app');
const worker = new Worker(new URL('./node-worker.ts', import.meta.url));
await once(worker, 'exit');
// The event loop goes on as long as an isolate runs, and no longer.
waitForOne();
process.once('beforeExit', () => {
  console.log('isolates: nothing left to do');
  leaveRunning();
  setTimeout(() => process.exit(3), 200);
});
