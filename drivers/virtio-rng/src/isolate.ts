/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { driverProgram } from '@runtimejs/placement/driver-isolate.ts';
import * as driver from './driver.ts';

const program: Program = driverProgram(driver);
export default program;
