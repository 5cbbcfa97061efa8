/** A Worker that starts isolates, and ends by itself while some of them run that are no reason to go on. */
import { check, leaveRunning } from './in-node.ts';

await check('Worker');
for (const isolate of leaveRunning()) isolate.unref();
