/** The counter's own isolate. */
import { serviceProgram } from '@runtimejs/placement/services/service-isolate.ts';
import counter from './counter.ts';

export default serviceProgram(counter);
