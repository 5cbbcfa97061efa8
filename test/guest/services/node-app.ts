/** An app in Node that calls services, and a Worker that does. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { callAll, failures } from './node-calls.ts';

console.log(`services: app ${JSON.stringify(await callAll())}`);
const worker = new Worker(new URL('./node-worker.ts', import.meta.url));
await once(worker, 'exit');
for (const name of ['own', 'shared']) {
  console.log(`services: ${name} ${JSON.stringify(await failures(name))}`);
}
// Nothing is under way any more: the app ends, and the machine.
process.once('beforeExit', () => console.log('services: nothing left to do'));
