/**
 * Terminals whose drivers have isolates of their own. They are killed at random while output flows; every third time
 * they are replaced instead, by the same program.
 */
import { type PlacedDriver, placedDrivers } from '@runtimejs/placement/placed-driver.ts';
import { type Driver, type SystemContext, system } from '@runtimejs/system/compose.ts';
import { terminal } from '@runtimejs/system/terminal.ts';
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import * as uart from '@runtimejs/uart/own.ts';
import * as virtioConsole from '@runtimejs/virtio-console/own.ts';

/** Ends a driver again and again, each time that a terminal of it has something under way. */
function endAgain(
  context: SystemContext,
  driver: PlacedDriver,
  devices: readonly TerminalDevice[],
  seed: number,
  count = 1,
): void {
  const { platform, log } = context;
  const next = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  platform.at(platform.now() + 20_000 + ((next >>> 8) % 300_000), () => {
    const isRunning = driver.status().children[0]?.state === 'running';
    const isBusy = devices.some(({ unsent, isAway }) => unsent > 0 && isAway !== true);
    if (!isRunning || !isBusy) {
      endAgain(context, driver, devices, next, count);
      return;
    }
    if (count % 3 !== 0) {
      driver.kill(`the test has killed it ${count} times`);
      endAgain(context, driver, devices, next, count + 1);
      return;
    }
    driver
      .replace(undefined)
      .catch((error) => log('error', `placed: it is not replaced: ${String(error)}`))
      .finally(() => endAgain(context, driver, devices, next, count + 1));
  });
}

/** A driver whose isolates are ended. */
function ended(driver: Driver<TerminalDevice>): Driver<TerminalDevice> {
  return {
    attach(platform, memory, context) {
      const before = placedDrivers().length;
      const devices = driver.attach(platform, memory, context);
      for (const placed of placedDrivers().slice(before)) {
        endAgain(context, placed, devices, 20_261_129);
      }
      return devices;
    },
  };
}

system({ services: [terminal({ drivers: [ended(uart), ended(virtioConsole)] })] });
