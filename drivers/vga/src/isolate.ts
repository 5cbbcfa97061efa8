/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { displayProgram } from '@runtimejs/placement/display-isolate.ts';
import * as driver from './driver.ts';

const program: Program = displayProgram(driver, driver.size);
export default program;
