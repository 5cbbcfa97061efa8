/**
 * Runs in the system isolate: gives a serial port to an isolate that reaches for more, and looks at the port when that
 * isolate has ended. Reports in lines "platform: NAME JSON", for apps/platform.ts.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { answer, attempt, ended } from '../placement/forgery.ts';
import { forging, type Report } from '../placement/forging.ts';

const forge = new URL('../placement/forge-serial.ts', import.meta.url);
const memory = 64 * 1024;
const second = 1;
const interruptEnable = 1;

async function run({ bindings }: SystemContext, report: Report): Promise<void> {
  const { serial } = bindings;
  const granted = isolates().grantDevice('serial', second, memory);
  const start = (): Isolate => isolates().spawn({ name: 'forger', entry: forge, device: granted });
  const first = start();
  report('forged', JSON.parse(bindings.text.decodeUtf8(await answer(first))));
  report('refused', {
    twice: attempt(() => isolates().grantDevice('serial', second, memory)),
    two: attempt(start),
    none: attempt(() => isolates().grantDevice('serial', 99, memory)),
    open: attempt(() => serial.open(second)),
  });
  const before = serial.read(second, interruptEnable);
  first.kill();
  const how = await ended(first);
  const closed = serial.read(second, interruptEnable);
  serial.open(second);
  report('revoked', { how, before, closed, after: serial.read(second, interruptEnable) });
}

forging(run);
