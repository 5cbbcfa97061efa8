import { FakeFunction, type FakePlatform } from '@runtimejs/platform/fake.ts';
import { reason, register, status } from '../src/edu/registers.ts';

/** A model of the device, for tests. */
export class FakeEdu extends FakeFunction {
  readonly #words = new Uint32Array(1024);

  constructor(platform: FakePlatform, identification = 0x0100_00ed) {
    super(platform, 4, 0x1234, 0x11e8);
    this.#words[register.identification] = identification;
    const { buffer } = this.#words;
    const words = new Proxy(this.#words, {
      get: (target, key) => target[Number(key)],
      set: (_target, key, value: number) => {
        this.#write(Number(key), value);
        return true;
      },
    });
    const registers = { bytes: new Uint8Array(buffer), halves: new Uint16Array(buffer), words };
    this.bars[0] = { kind: 'memory', size: 4096, registers: { ...registers, size: 4096 } };
  }

  #write(index: number, value: number): void {
    const words = this.#words;
    if (index === register.liveness) words[index] = ~value;
    else if (index === register.interruptAcknowledge) {
      words[register.interruptStatus] = (words[register.interruptStatus] ?? 0) & ~value;
    } else words[index] = value;
    if (index === register.factorial) {
      words[register.status] = (words[register.status] ?? 0) | status.computing;
    }
  }

  /** Finishes what it was asked to compute, and interrupts, unless that is to be lost. */
  compute({ loseInterrupt = false } = {}): void {
    const words = this.#words;
    let result = 1;
    for (let factor = words[register.factorial] ?? 0; factor > 1; factor--) result *= factor;
    words[register.factorial] = result;
    words[register.status] = (words[register.status] ?? 0) & ~status.computing;
    if (loseInterrupt || ((words[register.status] ?? 0) & status.interruptWhenComputed) === 0) {
      return;
    }
    words[register.interruptStatus] = reason.computed;
    this.line.raised += 1;
  }
}
