/** Placement of drivers whose devices work by themselves, such as entropy sources. */
import type { Driver } from '@runtimejs/system/compose.ts';
import {
  Conversation,
  type DriverMessage,
  driverMessage,
  type ReplacementMessage,
} from './messages.ts';
import {
  type PlaceableDevice,
  type PlaceableDriver,
  PlacedDriver,
  placeAll,
} from './placed-driver.ts';

/** Longest text that an entropy source may give at once: more is no entropy, but a flood. */
const mostEntropy = 4096;

/** Makes a driver for a composition that runs each of its devices in an isolate of its own. */
export function ownDriver<Device extends PlaceableDevice>(
  driver: PlaceableDriver<Device>,
): Driver<PlacedDriver> {
  return {
    attach: (_platform, _memory, context) =>
      placeAll(driver, context, (device, name) => {
        const placed: PlacedDriver = new PlacedDriver(device, context, name, {
          started: (channel) => {
            const violated = (what: string): void => placed.kill(`it broke the rules: ${what}`);
            return new Conversation<ReplacementMessage, DriverMessage>(
              channel,
              context.bindings.text,
              {
                told: (message) => placed.told(message),
                entropy: (bytes) => {
                  if (bytes.length <= mostEntropy) context.platform.addEntropy(bytes);
                  else violated('it gives more entropy than anybody asked for');
                },
                violated,
              },
              driverMessage,
            );
          },
          stopping() {},
          stopped: (then) => then(),
          ended() {},
        });
        placed.start();
        return placed;
      }),
  };
}
