/** Placement of displays' drivers. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { DisplayDriver } from '@runtimejs/system/screen.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { type DisplayIdentity, PlacedDisplay } from './display-device.ts';
import { pictureReserved } from './picture-layout.ts';
import {
  type PlaceableDevice,
  type PlaceableDriver,
  PlacedDriver,
  placeAll,
} from './placed-driver.ts';

/** A display's driver that can have an isolate of its own. `memory` is what the device needs. */
export interface PlaceableDisplayDriver<Device extends PlaceableDevice>
  extends PlaceableDriver<Device> {
  /** Cells of the largest picture: what is beyond is not shown. */
  readonly most: TerminalSize;
  /**
   * Tells what a display is, and leaves the device as it was.
   * @param font gives the font for pixels; undefined when there is none
   * @returns what is wrong with it otherwise
   */
  identify(
    platform: Platform,
    device: Device,
    font: () => Font | undefined,
  ): DisplayIdentity | string;
}

/** Makes a driver for a screen that runs each of its displays in an isolate of its own. */
export function ownDisplayDriver<Device extends PlaceableDevice>(
  driver: PlaceableDisplayDriver<Device>,
): DisplayDriver {
  const placeable = { ...driver, memory: pictureReserved(driver.most) + driver.memory };
  return {
    attach: (platform, font, context) =>
      placeAll(placeable, context, (place, name) => {
        const identity = driver.identify(platform, place.device, font);
        if (typeof identity === 'string') throw new Error(identity);
        const display = new PlacedDisplay(identity, driver.most, context);
        const placed = new PlacedDriver(place, context, name, display);
        display.onViolation = (reason) => placed.kill(reason);
        display.onTold = (message) => placed.told(message);
        display.onWanted = () => placed.start();
        display.onStopped = () => placed.stop();
        return display;
      }),
  };
}
