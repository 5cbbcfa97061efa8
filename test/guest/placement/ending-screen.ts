/**
 * A screen and a keyboard whose drivers have isolates of their own. They are killed again and again while output flows; every
 * third time they are replaced instead, by the same program.
 */
import { type PlacedDriver, placedDrivers } from '@runtimejs/placement/placed-driver.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { DisplayDriver, KeyboardDriver, ScreenDrivers } from '@runtimejs/system/screen.ts';
import type { Keyboard } from '@runtimejs/tty/keyboard/keys.ts';
import type { Display } from '@runtimejs/tty/screen/display.ts';
import { runScreen } from './screen.ts';

/** Lives that are shorter than a second are followed by pauses that grow. */
const [shortest, spread] = [1_100_000, 500_000];
const tickPeriod = 30_000;

/** Whether a driver has started: a display has drawn all, a keyboard gives keys. */
const isThere = (device: Display | Keyboard): boolean =>
  'draw' in device ? device.isBehind !== true : device.isAway !== true;

function endAgain(
  context: SystemContext,
  driver: PlacedDriver,
  device: Display | Keyboard,
  seed: number,
  count = 1,
): void {
  const { platform, log } = context;
  const next = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  const again = (): void => endAgain(context, driver, device, next, count + 1);
  if (!isThere(device)) {
    platform.at(platform.now() + tickPeriod / 2, () =>
      endAgain(context, driver, device, next, count),
    );
    return;
  }
  platform.at(platform.now() + shortest + ((next >>> 8) % spread), () => {
    if (count % 3 !== 0) {
      driver.kill(`the test has killed it ${count} times`);
      again();
      return;
    }
    driver
      .replace(undefined)
      .catch((error) => log('error', `placed: it is not replaced: ${String(error)}`))
      .finally(again);
  });
}

/** Runs it. */
export function runEndingScreen(display: DisplayDriver, keyboard: KeyboardDriver): void {
  const devices: (Display | Keyboard)[] = [];
  const kept = <Device extends Display | Keyboard>(found: readonly Device[]) => {
    devices.push(...found);
    return found;
  };
  const drivers: ScreenDrivers = {
    displays: [{ attach: (...machine) => kept(display.attach(...machine)) }],
    keyboards: [{ attach: (...machine) => kept(keyboard.attach(...machine)) }],
    layout: 'de',
  };
  runScreen(drivers, (context, write) => {
    for (const [index, driver] of placedDrivers().entries()) {
      endAgain(context, driver, devices[index] as Display | Keyboard, 20_261_129);
    }
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      write(`\x1b7\x1b[12;1Htick ${ticks}\x1b8`);
      context.platform.at(context.platform.now() + tickPeriod, tick);
    };
    tick();
  });
}
