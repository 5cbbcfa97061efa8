/** A Worker that calls services, and ends by itself. */
import { callAll } from './node-calls.ts';

console.log(`services: Worker ${JSON.stringify(await callAll())}`);
