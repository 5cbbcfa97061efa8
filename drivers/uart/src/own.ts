/** The driver for serial ports, each in an isolate of its own: for a composition, as `driver.ts` is. */
import { ownTerminalDriver } from '@runtimejs/placement/own-terminal.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import { terminalReserved } from '@runtimejs/placement/terminal-layout.ts';
import type { SerialPort } from '@runtimejs/platform/platform.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import { SerialLine } from './driver.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: Driver<TerminalDevice> = ownTerminalDriver<SerialPort>({
  name: 'uart',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: terminalReserved(1),
  find: (platform) => platform.serialPorts(),
  reset: () => undefined, // it was closed with the life before
  identify: (platform, port) => [new SerialLine(platform, port)],
  // The isolate's host has counted what went out and came in, in the first words: see `grantedSerial` in native/abi.
  settle: ({ memory, start }) => ({
    sent: memory.words[start / 4] as number,
    received: memory.words[start / 4 + 1] as number,
  }),
});

/** Starts every serial port. */
export const attach: Driver<TerminalDevice>['attach'] = own.attach;
