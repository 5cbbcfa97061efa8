/** Placement of keyboards' drivers. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { KeyboardDriver } from '@runtimejs/system/screen.ts';
import { PlacedKeyboard, type SettleKeyboard } from './keyboard-device.ts';
import { keyboardReserved } from './keyboard-layout.ts';
import {
  type PlaceableDevice,
  type PlaceableDriver,
  PlacedDriver,
  placeAll,
} from './placed-driver.ts';

/** A keyboard's driver that can have an isolate of its own. `memory` is what the device needs. */
export interface PlaceableKeyboardDriver<Device extends PlaceableDevice>
  extends PlaceableDriver<Device> {
  /**
   * Tells what a keyboard is called, and leaves the device reset.
   * @returns undefined when it is no keyboard
   */
  identify(platform: Platform, device: Device): string | undefined;
  /**
   * Finds out, when a life of the driver has ended, what it did not come to say. Without it keys that it had taken are lost,
   * and none counts as held any more.
   */
  readonly settle?: SettleKeyboard;
}

/** Makes a driver for a screen that runs each of its keyboards in an isolate of its own. */
export function ownKeyboardDriver<Device extends PlaceableDevice>(
  driver: PlaceableKeyboardDriver<Device>,
): KeyboardDriver {
  const placeable = { ...driver, memory: keyboardReserved + driver.memory };
  return {
    attach: (platform, context) =>
      placeAll(placeable, context, (place, name) => {
        const called = driver.identify(platform, place.device);
        if (called === undefined) return undefined;
        const keyboard = new PlacedKeyboard(called, context, driver.settle);
        const placed = new PlacedDriver(place, context, name, keyboard);
        keyboard.onViolation = (reason) => placed.kill(reason);
        keyboard.onTold = (message) => placed.told(message);
        keyboard.onWanted = () => placed.start();
        keyboard.onStopped = () => placed.stop();
        return keyboard;
      }),
  };
}
