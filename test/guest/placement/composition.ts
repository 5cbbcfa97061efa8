/**
 * A composition with drivers in isolates of their own, which kills the network's driver at random while it is busy:
 * once in a second or two.
 */
import * as e1000 from '@runtimejs/e1000/own.ts';
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import { type PlacedDriver, placedDrivers } from '@runtimejs/placement/placed-driver.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { type SystemContext, system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import { terminal } from '@runtimejs/system/terminal.ts';
import * as uart from '@runtimejs/uart/driver.ts';
import * as virtioNet from '@runtimejs/virtio-net/own.ts';
import * as virtioRng from '@runtimejs/virtio-rng/own.ts';

/** How often it is to be killed, and has been. */
let wanted = 0;
let kills = 0;
/** Frames of a busy driver between two looks. */
let busy = 0;

/** Kills it when it has moved many frames since the last time. */
function kill(context: SystemContext, driver: PlacedDriver, seed: number): void {
  const { platform, log } = context;
  if (kills === wanted) return;
  const next = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  platform.at(platform.now() + 300_000 + ((next >>> 8) % 2_000_000), () => {
    const isBusy = driver.status().children[0]?.state === 'running' && traffic() > busy;
    if (isBusy) {
      kills += 1;
      driver.kill(`the test has killed it ${kills} times`);
      log('info', `placed: killed ${kills}`);
    }
    kill(context, driver, next);
  });
}

let count = 0;
let seen = 0;
/** Frames since it was last asked. */
function traffic(): number {
  const since = count - seen;
  seen = count;
  return since;
}

/** Runs it. @param times how often the driver is killed, @param frames that it has to move before */
export function runPlaced(times: number, frames: number): void {
  wanted = times;
  busy = frames;
  system({
    drivers: [
      {
        attach: (platform, memory, context) => {
          const observed: Platform = {
            pciFunctions: () => platform.pciFunctions(),
            platformDevices: () => platform.platformDevices(),
            serialPorts: () => platform.serialPorts(),
            allocateDma: (size) => platform.allocateDma(size),
            freeDma: (block) => platform.freeDma(block),
            now: () => platform.now(),
            at: (instant, run) => platform.at(instant, run),
            log: (level, text) => platform.log(level, text),
            addEntropy: (bytes) => {
              context.log('info', `placed: ${bytes.length} bytes of entropy`);
              platform.addEntropy(bytes);
            },
          };
          const sources = virtioRng.attach(observed, memory, { ...context, platform: observed });
          const [source] = sources;
          if (source !== undefined) {
            platform.at(platform.now() + 2_000_000, () => source.kill('the test has killed it'));
          }
          return sources;
        },
      },
    ],
    services: [
      network({
        drivers: [
          {
            attach: (platform, memory, context) => {
              const devices: NetworkDevice[] = [virtioNet, e1000].flatMap(({ attach }) => [
                ...attach(platform, memory, context),
              ]);
              const [device] = devices;
              const driver = placedDrivers().find(({ name }) => name === device?.name);
              if (driver === undefined || device === undefined) return devices;
              const look = (): void => {
                count =
                  (device.counters.receivedPackets as number) +
                  (device.counters.sentPackets as number);
                platform.at(platform.now() + 100_000, look);
              };
              look();
              kill(context, driver, 20_261_129);
              return devices;
            },
          },
        ],
        configuration: [automatic()],
      }),
      terminal({ drivers: [uart] }),
    ],
  });
}
