/** An isolate that was given a virtio device over MMIO, reaches for more, and tells what became of it. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { attempt } from './forgery.ts';

const { runtime } = globalThis as unknown as { readonly runtime: BareBindings };
/** Of the device: magic number and status, as words. */
const register = { magic: 0, status: 0x70 / 4 };

export default ({ channel }: IsolateContext): void => {
  const { grant } = runtime;
  const place = { segment: 0, bus: 0, device: 0, function: 0 };
  const described = { kind: 0, size: 0 };
  const registers = grant.mapPlatform(0);
  const words = new Uint32Array(registers);
  const results = {
    devices: grant.platformCount(),
    size: grant.platformAt(0, described).size === registers.byteLength,
    magic: words[register.magic] === 0x74726976,
    functions: grant.functionCount(),
    function: attempt(() => grant.functionAt(0, place)),
    read: grant.read(0, 0, 4),
    write: attempt(() => grant.write(0, 4, 2, 7)),
    bar: attempt(() => grant.mapBar(0, 0)),
    line: attempt(() => grant.openLineInterrupt(0)),
    otherDevice: attempt(() => grant.platformAt(1, described)),
    otherRegisters: attempt(() => grant.mapPlatform(1)),
    otherInterrupt: attempt(() => grant.openPlatformInterrupt(1)),
    manyInterrupts: attempt(() => {
      for (let each = 0; each < 64; each++) grant.openPlatformInterrupt(0);
    }),
    giveRegisters: attempt(() => runtime.channel.send(1, new Uint8Array(1), [registers])),
    transferRegisters: attempt(() => registers.transfer()),
  };
  words[register.status] = 3; // acknowledged, and driven
  channel.start({ readable: () => channel.receive(), writable() {}, closed() {} });
  channel.send(runtime.text.encodeUtf8(JSON.stringify(results)));
};
