/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { keyboardProgram } from '@runtimejs/placement/keyboard-isolate.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { attach, resume } from './driver.ts';
import type { Ps2Remains } from './remains.ts';

const program: Program = keyboardProgram(
  {
    attach: (platform: Platform, remains) =>
      remains === undefined ? attach(platform) : resume(platform, remains as unknown as Ps2Remains),
  },
  { note: ({ set }) => set },
);
export default program;
