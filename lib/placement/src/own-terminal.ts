/** Placement of drivers of terminals. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import {
  type PlaceableDevice,
  type PlaceableDriver,
  PlacedDriver,
  placeAll,
} from './placed-driver.ts';
import {
  PlacedTerminals,
  type TerminalIdentity,
  type TerminalRemains,
  type TerminalSettlement,
} from './terminal-device.ts';

/** A driver of terminals that can have an isolate of its own. */
export interface PlaceableTerminalDriver<Device extends PlaceableDevice>
  extends PlaceableDriver<Device> {
  /**
   * Tells which terminals a device has, and leaves it reset.
   * @param first how many terminals of the driver come before, for names
   * @returns what is wrong with it otherwise
   */
  identify(platform: Platform, device: Device, first: number): readonly TerminalIdentity[] | string;
  /**
   * Finds out, when a life of the driver has ended, what it did not come to say. Without it what the device had under way
   * may be shown twice, and what it had received may be lost.
   */
  settle?(remains: TerminalRemains): TerminalSettlement;
}

/** Makes a driver for a composition that runs each of its devices in an isolate of its own. */
export function ownTerminalDriver<Device extends PlaceableDevice>(
  driver: PlaceableTerminalDriver<Device>,
): Driver<TerminalDevice> {
  return {
    attach: (platform, _memory, context) => {
      let count = 0;
      const groups = placeAll(driver, context, (place, name) => {
        const identities = driver.identify(platform, place.device, count);
        if (typeof identities === 'string') throw new Error(identities);
        if (identities.length === 0) return undefined;
        const group = new PlacedTerminals(identities, context, driver.settle?.bind(driver));
        count += identities.length;
        const placed = new PlacedDriver(place, context, name, group);
        group.onViolation = (reason) => placed.kill(reason);
        group.onTold = (message) => placed.told(message);
        group.onStopped = () => placed.stop();
        placed.start();
        return group;
      });
      return groups.flatMap(({ terminals }) => terminals);
    },
  };
}
