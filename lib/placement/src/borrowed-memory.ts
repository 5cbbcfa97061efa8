/** Memory for a device that is looked at for a moment, before an isolate gets it. */
import type { DmaMemory, Platform } from '@runtimejs/platform/platform.ts';

/** A platform whose memory can be given back as a whole. */
export class BorrowedMemory {
  /** As the platform that it was made of. */
  readonly platform: Platform;
  readonly #lender: Platform;
  readonly #borrowed = new Set<DmaMemory>();

  constructor(lender: Platform) {
    this.#lender = lender;
    this.platform = {
      pciFunctions: () => lender.pciFunctions(),
      platformDevices: () => lender.platformDevices(),
      serialPorts: () => lender.serialPorts(),
      allocateDma: (size) => {
        const memory = lender.allocateDma(size);
        this.#borrowed.add(memory);
        return memory;
      },
      freeDma: (memory) => {
        this.#borrowed.delete(memory);
        lender.freeDma(memory);
      },
      now: () => lender.now(),
      at: (instant, run) => lender.at(instant, run),
      log: (level, text) => lender.log(level, text),
      addEntropy: (bytes) => lender.addEntropy(bytes),
    };
  }

  /** To be called once the device accesses no memory any more. */
  giveBack(): void {
    for (const memory of this.#borrowed) this.#lender.freeDma(memory);
    this.#borrowed.clear();
  }
}
