/** The driver for PS/2 keyboards in an isolate of its own: for a screen, as `driver.ts` is. */
import { ownKeyboardDriver } from '@runtimejs/placement/own-keyboard.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { KeyboardControllerDevice } from '@runtimejs/platform/platform.ts';
import type { KeyboardDriver } from '@runtimejs/system/screen.ts';
import { settleKeyboard } from './remains.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: KeyboardDriver = ownKeyboardDriver<KeyboardControllerDevice>({
  name: 'ps2',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: 0,
  find: (platform) =>
    platform.platformDevices().filter((device) => device.kind === 'keyboard-controller'),
  reset: () => undefined, // what is in it are keys
  identify: () => 'PS/2 keyboard',
  settle: settleKeyboard,
});

/** Takes the keyboard, where there is a controller. */
export const attach: KeyboardDriver['attach'] = own.attach;
