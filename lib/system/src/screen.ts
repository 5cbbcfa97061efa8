/**
 * Screens and keyboards as a driver of a composition: one terminal device of everything that the machine has of
 * both. The kernel's options `keyboard=LAYOUT` and `screen=off` come before what the composition says.
 *
 * ```ts
 * screen({ displays: [vga, framebuffer, bochs, virtioGpu], keyboards: [ps2, virtioInput], layout: 'de' })
 * ```
 */
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import type { Keyboard } from '@runtimejs/tty/keyboard/keys.ts';
import { type LayoutName, layoutNames } from '@runtimejs/tty/keyboard/layouts.ts';
import type { Display } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { ScreenDevice } from '@runtimejs/tty/screen/screen-device.ts';
import type { Driver, SystemContext } from './compose.ts';
import { createFontReader } from './screen-font.ts';
import { readSetting } from './settings.ts';

/** A driver of keyboards: the module that its package exports as `driver.ts`, or as `own.ts`. */
export interface KeyboardDriver {
  attach(platform: Platform, context: SystemContext): readonly Keyboard[];
}

/** A driver of displays: the module that its package exports as `driver.ts`, or as `own.ts`. */
export interface DisplayDriver {
  /**
   * Finds its displays; one that cannot be used is named in the log and left out.
   * @param font gives the font for pixels; undefined, and a line in the log, when there is none
   */
  attach(
    platform: Platform,
    font: () => Font | undefined,
    context: SystemContext,
  ): readonly Display[];
}

/** What a screen is put together from. */
export interface ScreenDrivers {
  readonly displays: readonly DisplayDriver[];
  readonly keyboards: readonly KeyboardDriver[];
  /** By default `us`. */
  readonly layout?: LayoutName;
}

/** The driver. */
export function screen(drivers: ScreenDrivers): Driver<TerminalDevice> {
  return {
    attach(platform, _memory, context) {
      const { bindings } = context;
      const wanted = readSetting(bindings, 'screen');
      if (wanted === 'off') return [];
      if (wanted !== undefined) {
        platform.log(
          'warn',
          `screen: screen=${wanted} means nothing; screen=off leaves screens alone`,
        );
      }
      const layout = chooseLayout(readSetting(bindings, 'keyboard'), drivers.layout, platform);
      const device = attachScreen(context, { ...drivers, layout });
      return device === undefined ? [] : [device];
    },
  };
}

function chooseLayout(
  wanted: string | undefined,
  usual: LayoutName = 'us',
  platform: Platform,
): LayoutName {
  if (wanted === undefined) return usual;
  if (isLayout(wanted)) return wanted;
  const known = layoutNames.join(', ');
  platform.log('warn', `screen: there is no keyboard layout ${wanted}, but there is: ${known}`);
  return usual;
}

function isLayout(name: string): name is LayoutName {
  return (layoutNames as readonly string[]).includes(name);
}

/**
 * Finds displays and keyboards.
 * @returns undefined when there is no display: a keyboard without one is left alone
 */
export function attachScreen(
  context: SystemContext,
  { displays: displayDrivers, keyboards: keyboardDrivers, layout = 'us' }: ScreenDrivers,
): TerminalDevice | undefined {
  const { platform } = context;
  const font = createFontReader(platform, context.bindings.device);
  const found = displayDrivers.flatMap((driver) =>
    tryAttach(platform, () => driver.attach(platform, font, context)),
  );
  const displays = visible(found);
  if (displays.length === 0) return undefined;
  const keyboards = keyboardDrivers.flatMap((driver) =>
    tryAttach(platform, () => driver.attach(platform, context)),
  );
  for (const { name, size } of displays) {
    platform.log('info', `screen: ${name}, ${size.columns} by ${size.rows} characters`);
  }
  for (const { name } of keyboards) platform.log('info', `screen: ${name}, layout ${layout}`);
  return new ScreenDevice(platform, { displays, keyboards, layout });
}

function tryAttach<Device>(platform: Platform, attach: () => readonly Device[]): readonly Device[] {
  try {
    return attach();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    platform.log('error', `A driver failed to start: ${text}`);
    return [];
  }
}

/** An adapter that has left text mode no longer shows the text screen. */
function visible(displays: readonly Display[]): readonly Display[] {
  if (!displays.some(({ replacesTextScreen }) => replacesTextScreen)) return displays;
  const [shown, hidden] = [true, false].map((isShown) =>
    displays.filter(({ isTextScreen }) => isTextScreen !== isShown),
  ) as [Display[], Display[]];
  for (const display of hidden) display.stop();
  return shown;
}
