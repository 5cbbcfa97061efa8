/** The driver for bochs-display, each in an isolate of its own: for a screen, as `bochs.ts` is. */
import type { PciFunction } from '@runtimejs/pci/function.ts';
import { ownDisplayDriver } from '@runtimejs/placement/own-display.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { DisplayDriver } from '@runtimejs/system/screen.ts';
import { find, identify, most } from './bochs.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: DisplayDriver = ownDisplayDriver<PciFunction>({
  name: 'bochs-display',
  entry: new URL('./bochs-isolate.ts', import.meta.url),
  memory: 0,
  most,
  find,
  reset: () => undefined, // its next driver sets the mode anew
  identify: (_platform, found, font) => {
    const glyphs = font();
    return glyphs === undefined ? 'there is no font' : identify(found, glyphs);
  },
});

/** Takes every bochs-display of the machine. */
export const attach: DisplayDriver['attach'] = own.attach;
