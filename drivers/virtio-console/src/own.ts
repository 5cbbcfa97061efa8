/** The driver for virtio consoles, each device in an isolate of its own: for a composition, as `driver.ts` is. */
import { BorrowedMemory } from '@runtimejs/placement/borrowed-memory.ts';
import {
  ownTerminalDriver,
  type PlaceableTerminalDriver,
} from '@runtimejs/placement/own-terminal.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import {
  findPlaceable,
  openPlace,
  resetPlace,
  type VirtioPlace,
} from '@runtimejs/virtio/placement.ts';
import { openConsole } from './driver.ts';
import { settlePort } from './record.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const mebibyte = 2 ** 20;

/** What the system isolate knows of it. */
export const placeable: PlaceableTerminalDriver<VirtioPlace> = {
  name: 'virtio-console',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: 2 * mebibyte, // with eight ports
  find: (platform) => findPlaceable(platform, deviceType.console, 'virtio-console'),
  reset: (platform, place) => resetPlace(platform, place, deviceType.console),
  identify(platform, place, first) {
    const transport = openPlace(place, deviceType.console);
    if (typeof transport === 'string') return transport;
    const memory = new BorrowedMemory(platform);
    const made = openConsole(memory.platform, transport);
    if (typeof made === 'string') return made;
    const consoles = made.consoles(first).map((port) => ({
      name: port.name,
      fileName: port.fileName,
      isBootConsole: false,
      size: port.size,
      isConnected: port.isConnected,
    }));
    if (made.stop()) memory.giveBack();
    return consoles;
  },
  settle: settlePort,
};

/** Starts every virtio console, on PCI and MMIO. */
export const attach: Driver<TerminalDevice>['attach'] = ownTerminalDriver(placeable).attach;
