/** A Worker that starts isolates, and ends while some of them run. */
import { check, leaveRunning } from './in-node.ts';

await check('Worker');
leaveRunning();
setTimeout(() => process.exit(), 200);
