/** The driver for VGA's text screen in an isolate of its own: for a screen, as `driver.ts` is. */
import { ownDisplayDriver } from '@runtimejs/placement/own-display.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { TextScreenDevice } from '@runtimejs/platform/platform.ts';
import type { DisplayDriver } from '@runtimejs/system/screen.ts';
import { find, identity, size } from './driver.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: DisplayDriver = ownDisplayDriver<TextScreenDevice>({
  name: 'vga',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: 0,
  most: size,
  find,
  reset: () => undefined, // its next driver writes all of it
  identify: () => identity,
});

/** Takes the text screen, where the machine has one. */
export const attach: DisplayDriver['attach'] = own.attach;
