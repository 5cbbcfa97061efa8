/**
 * Runs in the system isolate: gives a device to an isolate that reaches for more, and looks at the device when
 * that isolate has ended. Reports in lines "platform: NAME JSON", for apps/platform.ts.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import { findFunctions } from '@runtimejs/pci/function.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { answer, attempt, ended } from '../placement/forgery.ts';
import { forging, type Report } from '../placement/forging.ts';

const forge = new URL('../placement/forge.ts', import.meta.url);
const memory = 64 * 1024;

async function run({ platform, bindings }: SystemContext, report: Report): Promise<void> {
  const functions = platform.pciFunctions();
  const [source] = findFunctions(platform, { vendor: 0x1af4, devices: [0x1005, 0x1044] });
  const bridge = functions.findIndex((each) => (each.read(0x0e, 1) & 0x7f) === 1);
  const index = functions.findIndex((each) => each === source?.access);
  const granted = isolates().grantDevice('function', index, memory);
  const start = (): Isolate => isolates().spawn({ name: 'forger', entry: forge, device: granted });
  const first = start();
  const { channel } = first;
  const forged = await answer(first);
  // A line of the log is not that long.
  for (const [name, value] of Object.entries(JSON.parse(bindings.text.decodeUtf8(forged)))) {
    report(`forged.${name}`, value);
  }
  report('refused', {
    twice: attempt(() => isolates().grantDevice('function', index, memory)),
    two: attempt(start),
    none: attempt(() => isolates().grantDevice('function', functions.length, memory)),
    bridge:
      bridge < 0 ? 'EINVAL' : attempt(() => isolates().grantDevice('function', bridge, memory)),
    tooMuch: attempt(() => isolates().grantDevice('function', index === 0 ? 1 : 0, 2 ** 30)),
    forgedDevice: attempt(() =>
      isolates().spawn({ name: 'forged', entry: forge, device: { id: 77, offset: 0, size: 0 } }),
    ),
  });
  const { access } = source!;
  const busMaster = (): boolean => (access.read(4, 2) & 4) !== 0;
  const before = busMaster();
  first.kill();
  const how = await ended(first);
  report('revoked', { how, before, after: busMaster(), closed: channel.closure?.cause });
  const second = start();
  await answer(second);
  second.kill();
  report('second', await ended(second));
  isolates().revokeDevice(granted);
  report(
    'again',
    attempt(() => isolates().revokeDevice(isolates().grantDevice('function', index, memory))),
  );
  const held = isolates().grantDevice('function', index, memory);
  const third = isolates().spawn({ name: 'forger', entry: forge, device: held });
  await answer(third);
  isolates().revokeDevice(held); // while it has it
  report('held', { after: busMaster(), how: await ended(third) });
}

forging(run);
