/** An isolate that was given a device that every PC has, reaches for more, and tells what became of it. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { attempt } from './forgery.ts';

const { runtime } = globalThis as unknown as { readonly runtime: BareBindings };
const [first, second, status] = [0, 1, 1];
const beyond = 2;
const layout = {
  width: 0,
  height: 0,
  pitch: 0,
  bitsPerPixel: 0,
  redPosition: 0,
  redSize: 0,
  greenPosition: 0,
  greenSize: 0,
  bluePosition: 0,
  blueSize: 0,
};

export default ({ channel }: IsolateContext): void => {
  const { grant, grantedSerial } = runtime;
  const describe = (index: number) => grant.platformAt(index, { kind: 0, size: 0 }).kind;
  const noted = (): number => new Uint32Array(grant.memory())[0] as number;
  grant.readPlatformPort(first, status);
  const before = noted();
  grant.readPlatformPort(first, 0);
  const results = {
    devices: grant.platformCount(),
    kind: attempt(() => describe(first)),
    otherKind: attempt(() => describe(second)),
    memory: attempt(() => grant.mapPlatform(first).byteLength),
    otherMemory: attempt(() => grant.mapPlatform(second).byteLength),
    interrupt: attempt(() => grant.openPlatformInterrupt(first)),
    otherInterrupt: attempt(() => grant.openPlatformInterrupt(second)),
    ports: grant.platformPorts(first),
    otherPorts: grant.platformPorts(second),
    readBeyond: grant.readPlatformPort(first, beyond),
    writeBeyond: attempt(() => grant.writePlatformPort(first, beyond, 0)),
    otherRead: grant.readPlatformPort(second, 0),
    otherWrite: attempt(() => grant.writePlatformPort(second, 0, 0)),
    framebuffer: attempt(() => grant.framebuffer(first, layout)),
    functions: grant.functionCount(),
    serialPorts: grantedSerial.portCount(),
    noted: noted() - before,
  };
  channel.start({ readable: () => channel.receive(), writable() {}, closed() {} });
  channel.send(runtime.text.encodeUtf8(JSON.stringify(results)));
};
