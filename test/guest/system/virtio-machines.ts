/**
 * Runs in the system isolate in place of the usual program: finds virtio devices, wherever they are,
 * and lets one work. Lines as in platform.ts.
 */
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { createMemory } from '@runtimejs/system/memory.ts';
import { createPlatform } from '@runtimejs/system/platform.ts';
import * as virtioNetwork from '@runtimejs/virtio-net/driver.ts';
import * as virtioRandom from '@runtimejs/virtio-rng/driver.ts';

const bindings = prepareIsolate();
const memory = createMemory(bindings);
const platform = createPlatform(bindings);
bindings.loop.onTurn(() => {
  platform.turn();
  return platform.nextDeadline();
});
const report = (name: string, value: unknown): void =>
  platform.log('info', `platform: ${name} ${JSON.stringify(value)}`);

report('functions', platform.pciFunctions().length);
report('devices', platform.platformDevices().filter(({ kind }) => kind === 'virtio-mmio').length);
const [card] = virtioNetwork.attach(platform, memory);
report('mac', [...(card?.hardwareAddress ?? [])]);
const [source] = virtioRandom.attach(platform);
const look = (): void => {
  if (source !== undefined && source.counters.bytes === 0) {
    platform.at(platform.now() + 1000, look);
    return;
  }
  report('entropy', source?.counters.bytes ?? 0);
  report('end', 1);
};
look();
