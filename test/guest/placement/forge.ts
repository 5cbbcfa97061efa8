/** A driver's isolate that reaches for what it was not given, and tells what became of it. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { attempt } from './forgery.ts';

const { runtime } = globalThis as unknown as { readonly runtime: BareBindings };

export default ({ channel }: IsolateContext): void => {
  const { grant } = runtime;
  const place = { segment: 0, bus: 0, device: 0, function: 0 };
  const range = { kind: 0, size: 0 };
  const message = { id: 0, data: 0, address: 0 };
  const memory = grant.memory();
  const own = grant.openMessageInterrupt(0, message);
  const bars = [0, 1, 2, 3, 4, 5].map((bar) => grant.bar(0, bar, { kind: 0, size: 0 }).kind);
  const registers = grant.mapBar(0, bars.indexOf(1));
  const command = grant.read(0, 4, 2);
  grant.write(0, 4, 2, command | 6);
  const results = {
    others: Object.keys(runtime).filter((each) =>
      ['device', 'arena', 'broker', 'isolates', 'serial', 'terminal', 'machine'].includes(each),
    ),
    functions: grant.functionCount(),
    otherFunction: attempt(() => grant.functionAt(1, place)),
    otherRead: grant.read(1, 0, 4),
    otherWrite: attempt(() => grant.write(1, 4, 2, 7)),
    otherBar: attempt(() => grant.bar(1, 0, range)),
    otherRegisters: attempt(() => grant.mapBar(1, 0)),
    noBar: attempt(() => grant.mapBar(0, 6)),
    otherPort: grant.readPort(1, 0, 0, 1),
    portOutside: attempt(() => grant.writePort(0, 0, 4096, 4, 1)),
    otherInterrupt: attempt(() => grant.openMessageInterrupt(1, message)),
    otherCount: attempt(() => grant.interruptCount(own.id + 1)),
    forgedCount: attempt(() => grant.interruptCount(63)),
    noCount: attempt(() => grant.interruptCount(64)),
    // Without an effect: the network of this machine goes on.
    releases: Array.from({ length: 64 }, (_, id) => id)
      .filter((id) => id !== own.id)
      .every((id) => attempt(() => grant.releaseInterrupt(id)) === 'done'),
    moveRegisters: attempt(() => grant.write(0, 0x10, 4, 0)),
    interruptLine: attempt(() => grant.write(0, 0x3c, 1, 1)),
    registerOutside: attempt(() => grant.write(0, 4096, 4, 1)),
    manyInterrupts: attempt(() => {
      for (let each = 0; each < 64; each++) grant.openMessageInterrupt(0, message);
    }),
    memory: memory.byteLength,
    copyOutside: attempt(() => grant.copy(memory.byteLength - 8, 0, 16)),
    copyFar: attempt(() => grant.copy(0xfffff000, 0, 4096)),
    sumOutside: attempt(() => grant.checksum(memory.byteLength, 4, 0)),
    giveRegisters: attempt(() => runtime.channel.send(1, new Uint8Array(1), [registers])),
    transferRegisters: attempt(() => registers.transfer()),
    transferMemory: attempt(() => memory.transfer()),
    cloneRegisters: attempt(() => runtime.text.clone(registers) !== registers),
  };
  channel.start({ readable: () => channel.receive(), writable() {}, closed() {} });
  channel.send(runtime.text.encodeUtf8(JSON.stringify(results)));
};
