// The parts of `npm run bench`, in the order in which they run.
import { boot } from './boot.ts';
import { cost } from './cost.ts';
import { crowd } from './crowd.ts';
import { http } from './http.ts';
import { isolates } from './isolates.ts';
import { kernel } from './kernel.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import type { Part } from './part.ts';
import { cpu, fileReads, workers } from './tasks.ts';

/** Every part. */
export const parts: readonly Part[] = [
  boot,
  memory,
  http,
  network,
  cpu,
  fileReads,
  workers,
  cost,
  kernel,
  isolates,
  crowd,
];
