/**
 * What compositions with a screen have in common: a screen with its keyboards by itself, without an app. What is typed is
 * shown, as a terminal without a program does in its simplest form; each piece of input is a line
 * "screen: input JSON" of the log.
 */
import { type SystemContext, system } from '@runtimejs/system/compose.ts';
import { attachScreen, type ScreenDrivers } from '@runtimejs/system/screen.ts';
import { encodeUtf8 } from '@runtimejs/tty/screen/utf8.ts';

/** A picture that has something of everything. */
function picture(columns: number, rows: number): string {
  let text = '\x1b[2J\x1b[H\x1b[1;37;44m Runtime.JS \x1b[0m a screen in TypeScript\r\n\r\n';
  for (let colour = 0; colour < 16; colour++) {
    const code = colour < 8 ? 40 + colour : 100 + colour - 8;
    text += `\x1b[${code}m  \x1b[0m`;
  }
  text +=
    '\r\n\r\n\x1b[1mbold\x1b[0m \x1b[2mfaint\x1b[0m \x1b[4munderlined\x1b[0m \x1b[7minverse\x1b[0m ';
  text += '\x1b[31mred \x1b[38;2;0;255;0mgreen \x1b[38;5;21mblue\x1b[0m\r\n';
  text += 'äöüß ÄÖÜ éèê ñ ¿¡ £¥ ½ ±² αβπ ≤≥\r\n';
  text += '\x1b(0lqqqqk\r\nx\x1b(B    \x1b(0x\r\nmqqqqj\x1b(B ░▒▓█ ┌─┐└┘│├┤ ╔═╗\r\n';
  text += `\x1b[${rows};1H${'.'.repeat(columns - 1)}\x1b[${rows - 1};1H> `;
  return text;
}

/** Runs the screen. @param started is told about the machine and how to write */
export function runScreen(
  drivers: ScreenDrivers,
  started: (context: SystemContext, write: (text: string) => void) => void = () => {},
): void {
  system({
    services: [
      {
        name: 'screen',
        start(context) {
          start(context, drivers, started);
          return () => Number.POSITIVE_INFINITY;
        },
      },
    ],
  });
}

function start(
  context: SystemContext,
  drivers: ScreenDrivers,
  started: (context: SystemContext, write: (text: string) => void) => void,
): void {
  const { platform } = context;
  const report = (name: string, value: unknown): void =>
    platform.log('info', `screen: ${name} ${JSON.stringify(value)}`);
  const device = attachScreen(context, drivers);
  if (device === undefined) {
    report('none', true);
    return;
  }
  const { columns, rows } = device.size ?? { columns: 1, rows: 1 };
  const write = (text: string): void => {
    device.write(encodeUtf8(text));
  };
  device.start({
    readable() {
      const bytes = new Uint8Array(256);
      const length = device.read(bytes);
      const text = decodeURIComponent(
        Array.from(
          bytes.subarray(0, length),
          (byte) => `%${byte.toString(16).padStart(2, '0')}`,
        ).join(''),
      );
      report('input', text);
      if (text === '\r') write('\r\n> ');
      else if (text === '\f') {
        write(picture(columns, rows));
        platform.at(platform.now() + 3_000_000, () => report('keys', device.counters.keys));
      } else write(text.replaceAll('\x1b', '^['));
    },
    writable() {},
    resized: () => report('size', device.size),
    breakReceived: () => report('break', true),
    connectionChanged() {},
  });
  write(picture(columns, rows));
  const look = (): void => {
    if (device.unsent === 0) report('ready', { columns, rows });
    else platform.at(platform.now() + 50_000, look);
  };
  look();
  started(context, write);
}
