/** An isolate that was given a serial port, reaches for more, and tells what became of it. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { attempt } from './forgery.ts';

const { runtime } = globalThis as unknown as { readonly runtime: BareBindings };
const interruptEnable = 1;

export default ({ channel }: IsolateContext): void => {
  const { grant, grantedSerial: serial } = runtime;
  const nothing = new Uint8Array(16);
  const results = {
    ports: serial.portCount(),
    closed: serial.read(0, interruptEnable),
    isOpen: attempt(() => serial.open(0) >= 0),
    twice: attempt(() => serial.open(0)),
    state: serial.portState(0),
    otherState: serial.portState(1),
    otherOpen: attempt(() => serial.open(1)),
    otherRead: serial.read(1, interruptEnable),
    otherTransmit: serial.transmit(1, nothing),
    otherReceive: serial.receive(1, nothing),
    registerOutside: attempt(() => serial.read(0, 8)),
    writeOutside: attempt(() => serial.write(0, 8, 0)),
    sent: serial.transmit(0, nothing),
    counted: new Uint32Array(grant.memory())[0],
    functions: grant.functionCount(),
    devices: grant.platformCount(),
    ioPorts: grant.platformPorts(0),
    ioRead: grant.readPlatformPort(0, 0),
    ioWrite: attempt(() => grant.writePlatformPort(0, 0, 0)),
    platformInterrupt: attempt(() => grant.openPlatformInterrupt(0)),
  };
  serial.write(1, interruptEnable, 1); // nobody's
  serial.write(0, interruptEnable, 1);
  channel.start({ readable: () => channel.receive(), writable() {}, closed() {} });
  channel.send(runtime.text.encodeUtf8(JSON.stringify(results)));
};
