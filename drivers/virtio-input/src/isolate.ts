/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { keyboardProgram } from '@runtimejs/placement/keyboard-isolate.ts';
import { attach } from './driver.ts';

const program: Program = keyboardProgram({ attach: (platform) => attach(platform) });
export default program;
