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
report(
  'functions',
  platform
    .pciFunctions()
    .map((f) => [
      f.bus,
      f.device,
      f.read(0, 4).toString(16),
      [0, 1, 2, 3, 4, 5].map((i) => f.bar(i)),
      f.read(0x10, 4),
      f.read(0x20, 4),
      f.read(0x3c, 2),
    ]),
);
report('platform', platform.platformDevices().length);
const [n] = virtioNetwork.attach(platform, memory);
report('mac', [...(n?.hardwareAddress ?? [])]);
const [r] = virtioRandom.attach(platform);
const look = () => {
  if (!r || r.counters.bytes) {
    report('entropy', r?.counters);
    report('counts', [...memory.words.subarray(4, 12)]);
    report('end', 1);
  } else platform.at(platform.now() + 10000, look);
};
look();
