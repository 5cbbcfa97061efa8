/**
 * Runs in the system isolate in place of the usual program: a screen with its keyboards by itself. What is typed is
 * shown, as a terminal without a program does in its simplest form; each piece of input is a line
 * "screen: input JSON" of the log.
 */
import * as bochs from '@runtimejs/framebuffer/bochs.ts';
import * as framebuffer from '@runtimejs/framebuffer/driver.ts';
import * as ps2 from '@runtimejs/ps2/driver.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { createPlatform } from '@runtimejs/system/platform.ts';
import { attachScreen } from '@runtimejs/system/screen.ts';
import { encodeUtf8 } from '@runtimejs/tty/screen/utf8.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import * as virtioGpu from '@runtimejs/virtio-gpu/driver.ts';
import * as virtioInput from '@runtimejs/virtio-input/driver.ts';

const bindings = prepareIsolate();
const platform = createPlatform(bindings);
bindings.loop.onTurn(() => {
  platform.turn();
  return platform.nextDeadline();
});
const report = (name: string, value: unknown): void =>
  platform.log('info', `screen: ${name} ${JSON.stringify(value)}`);

const device = attachScreen(platform, bindings, {
  displays: [vga, framebuffer, bochs, virtioGpu],
  keyboards: [ps2, virtioInput],
  layout: 'de',
});

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

if (device === undefined) {
  report('none', true);
} else {
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
      else write(text.replaceAll('\x1b', '^['));
    },
    writable() {},
    resized: () => report('size', device.size),
    breakReceived: () => report('break', true),
    connectionChanged() {},
  });
  const { columns, rows } = device.size ?? { columns: 1, rows: 1 };
  write(picture(columns, rows));
  // The picture is drawn in a turn before that.
  platform.at(platform.now() + 200_000, () => report('ready', { columns, rows }));
}
