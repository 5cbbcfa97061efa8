/** The time of day, in an isolate of its own. */
import { serviceProgram } from '@runtimejs/placement/services/service-isolate.ts';
import sntp from '@runtimejs/sntp/service.ts';

export default serviceProgram(sntp);
