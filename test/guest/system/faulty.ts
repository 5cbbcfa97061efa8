/**
 * The default composition with a fault in it: a datagram to port 9 that says "fault: NAME" makes the
 * network fail in that way, in the middle of its work on a packet.
 */

import * as e1000 from '@runtimejs/e1000/driver.ts';
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import { DeviceDecorator } from '@runtimejs/net/device-decorator.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { system } from '@runtimejs/system/compose.ts';
import { type CaptureFactory, network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
import * as virtioRng from '@runtimejs/virtio-rng/driver.ts';
import { faultIn } from './fault-in.ts';

const faults: Readonly<Record<string, () => void>> = {
  exception() {
    throw new RangeError('a fault that was asked for');
  },
  rejection() {
    void Promise.reject(new Error('a rejection that was asked for'));
  },
  heap() {
    const kept: object[] = [];
    for (;;) kept.push({ kept });
  },
  recursion() {
    const deeper = (depth: number): number => deeper(depth + 1) + depth;
    if (deeper(0) === 0) throw new Error('never'); // used, or the bundler leaves it out
  },
  loop() {
    for (;;);
  },
};

/** A device that looks into what it receives. */
class FaultyDevice extends DeviceDecorator {
  readonly #memory: Memory;

  constructor(device: NetworkDevice, memory: Memory) {
    super(device);
    this.#memory = memory;
  }

  protected override received(packet: Packet): void {
    const fault = faultIn(this.#memory, packet);
    if (fault !== undefined) faults[fault]?.();
  }
}

const withFaults: CaptureFactory = ({ memory }) => ({
  wrap: (device) => new FaultyDevice(device, memory),
  publish: () => {},
});

system({
  drivers: [virtioRng],
  services: [
    network({
      drivers: [virtioNet, e1000],
      configuration: [automatic()],
      capture: withFaults,
    }),
  ],
});
