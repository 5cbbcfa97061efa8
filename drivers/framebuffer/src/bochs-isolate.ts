/** The program of the own isolate of the driver for bochs-display. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { displayProgram } from '@runtimejs/placement/display-isolate.ts';
import * as driver from './bochs.ts';

const program: Program = displayProgram(driver, driver.most);
export default program;
