/** The service's own isolate. */
import { serviceProgram } from '@runtimejs/placement/services/service-isolate.ts';
import lines from './lines.ts';

export default serviceProgram(lines);
