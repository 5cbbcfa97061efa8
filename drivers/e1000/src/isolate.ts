/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { networkProgram } from '@runtimejs/placement/network-isolate.ts';
import * as driver from './driver.ts';

const program: Program = networkProgram(driver);
export default program;
