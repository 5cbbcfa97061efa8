/** The program of the driver's own isolate. */
import type { Program } from '@runtimejs/isolate/program.ts';
import { terminalProgram } from '@runtimejs/placement/terminal-isolate.ts';
import * as driver from './driver.ts';
import { PortRecord } from './record.ts';
import { mostPorts } from './wire.ts';

const program: Program = terminalProgram(driver, {
  most: mostPorts,
  keepRecord(port, { words }, at) {
    port.record = new PortRecord(words, at);
  },
});
export default program;
