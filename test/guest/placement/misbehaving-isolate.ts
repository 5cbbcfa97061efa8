/** The program of a network driver's isolate that misbehaves when a frame that is to be sent asks for it. */
import { DeviceDecorator } from '@runtimejs/net/device-decorator.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { networkProgram } from '@runtimejs/placement/network-isolate.ts';
import { networkRings } from '@runtimejs/placement/network-layout.ts';
import * as driver from '@runtimejs/virtio-net/driver.ts';
import { faultIn } from '../system/fault-in.ts';

const faults: Readonly<Record<string, (memory: Memory) => void>> = {
  exception() {
    throw new RangeError('a fault that was asked for');
  },
  loop({ words }) {
    for (;;) Atomics.add(words, 0, 0); // a loop without effect is left out by the bundler
  },
  ring({ words }) {
    // For ever: what it puts there is not to be overwritten by what is right.
    for (;;) Atomics.store(words, networkRings.received.control / 4, 8);
  },
};

class Misbehaving extends DeviceDecorator {
  readonly #memory: Memory;

  constructor(device: ConstructorParameters<typeof DeviceDecorator>[0], memory: Memory) {
    super(device);
    this.#memory = memory;
  }

  override transmit(packet: Packet): void {
    const fault = faultIn(this.#memory, packet);
    if (fault !== undefined) faults[fault]?.(this.#memory);
    super.transmit(packet);
  }
}

export default networkProgram({
  attach: (platform, memory) =>
    driver.attach(platform, memory).map((device) => new Misbehaving(device, memory)),
});
