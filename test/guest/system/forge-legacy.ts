/**
 * Runs in the system isolate: gives the keyboard controller and VGA's text screen to isolates that reach for more. Reports in
 * lines "platform: NAME JSON", for apps/platform.ts.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { answer, attempt, ended } from '../placement/forgery.ts';
import { forging, type Report } from '../placement/forging.ts';

const forge = new URL('../placement/forge-legacy.ts', import.meta.url);
const memory = 64 * 1024;

async function run({ platform, bindings }: SystemContext, report: Report): Promise<void> {
  for (const kind of ['keyboard-controller', 'text-screen'] as const) {
    const device = platform.platformDevices().find((each) => each.kind === kind);
    const take = () => isolates().grantDevice('platform', device!.number, memory);
    const granted = take();
    const start = (): Isolate =>
      isolates().spawn({ name: 'forger', entry: forge, device: granted });
    const first = start();
    report(kind, JSON.parse(bindings.text.decodeUtf8(await answer(first))));
    report(`${kind}.refused`, { twice: attempt(take), two: attempt(start) });
    first.kill();
    const how = await ended(first);
    const second = start();
    // As the first one: its interrupt is free again.
    const { interrupt } = JSON.parse(bindings.text.decodeUtf8(await answer(second)));
    second.kill();
    await ended(second);
    isolates().revokeDevice(granted);
    report(`${kind}.again`, { how, interrupt, taken: attempt(() => void take()) });
  }
}

forging(run);
