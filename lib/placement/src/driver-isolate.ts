/** What runs in a driver's own isolate, for drivers whose devices work by themselves. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { Program } from '@runtimejs/isolate/program.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { GrantedPlatform } from './granted-platform.ts';
import { Conversation, type DriverMessage } from './messages.ts';

/** Ends this life of the driver: what started it does not make sense to it. */
export function systemViolated(what: string): never {
  throw new Error(`the system isolate broke the rules: ${what}`);
}

/** The bindings of this isolate. */
export function bareBindings(): BareBindings {
  return (globalThis as unknown as { readonly runtime: BareBindings }).runtime;
}

/** The driver: what its package exports as `driver.ts`. */
export interface IsolatedDriver<Device> {
  attach(platform: Platform, memory: Memory): readonly Device[];
}

/** The one device of this isolate. @throws Error when it cannot be started: the driver has said why in the log */
export function startDevice<Device>(
  driver: IsolatedDriver<Device>,
  platform: GrantedPlatform,
): Device {
  const [device] = driver.attach(platform, platform.memory);
  if (device === undefined) throw new Error('its device cannot be started: see the log');
  return device;
}

/** Makes the program of a driver's isolate. */
export function driverProgram(driver: IsolatedDriver<unknown>): Program {
  return ({ channel, finish }) => {
    const bindings = bareBindings();
    const conversation = new Conversation<DriverMessage, never>(channel, bindings.text, {
      closed: finish,
      violated: systemViolated,
    });
    const platform = new GrantedPlatform(bindings, 0, (bytes) => conversation.entropy(bytes));
    startDevice(driver, platform);
    conversation.tell({ is: 'ready', linkUp: true });
    bindings.loop.onTurn(() => {
      platform.turn();
      return platform.nextDeadline();
    });
  };
}
