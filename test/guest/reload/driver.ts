// A network driver of which the test makes several versions, by replacing text.
import type { Json, Program } from '@runtimejs/isolate/program.ts';
import { networkProgram } from '@runtimejs/placement/network-isolate.ts';
import * as driver from '@runtimejs/virtio-net/driver.ts';

const version = 'version 0';
let drivers = 1;

const program: Program = networkProgram({
  attach: driver.attach,
  handOver: (): Json | Promise<Json> => drivers,
  takeOver: (_device, state) => {
    drivers = Number(state) + 1;
    console.log(`driver: ${version} is number ${drivers}`);
  },
});
export default program;
