/** A service that wants what there is in the system isolate only, and so is of no use here. */
import { serviceProgram } from '@runtimejs/placement/services/service-isolate.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';

export default serviceProgram({
  name: 'device',
  start: (context) => {
    const { platform } = context as unknown as SystemContext;
    platform.serialPorts();
  },
});
