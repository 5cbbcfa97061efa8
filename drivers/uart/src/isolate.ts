/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { terminalProgram } from '@runtimejs/placement/terminal-isolate.ts';
import * as driver from './driver.ts';

const program: Program = terminalProgram(driver, { most: 1 });
export default program;
