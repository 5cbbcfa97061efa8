/** The font of framebuffers, which the kernel has. */
import type { Platform } from '@runtimejs/platform/platform.ts';
import { type Font, parseFont } from '@runtimejs/tty/screen/font.ts';
import type { DeviceBindings } from './generated/bindings.d.ts';

/**
 * Reads the font when it is first asked for; a machine with a text screen alone never needs it.
 * @param bindings of the system isolate, or of one that was given a device
 */
export function createFontReader(
  platform: Pick<Platform, 'log'>,
  bindings: Pick<DeviceBindings, 'font'>,
): () => Font | undefined {
  let font: Font | string | undefined;
  return () => {
    if (font === undefined) {
      try {
        font = parseFont(new Uint8Array(bindings.font()));
      } catch (error) {
        font = (error as Error).message;
      }
      if (typeof font === 'string') {
        platform.log('error', `screen: framebuffers are left out, for there is no font: ${font}`);
      }
    }
    return typeof font === 'string' ? undefined : font;
  };
}
