/**
 * Runs in the system isolate: gives a virtio device over MMIO to an isolate that reaches for more, and looks at the
 * device when that isolate has ended. Reports in lines "platform: NAME JSON", for apps/platform.ts.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { answer, attempt, ended } from '../placement/forgery.ts';
import { forging, type Report } from '../placement/forging.ts';

const forge = new URL('../placement/forge-mmio.ts', import.meta.url);
const memory = 64 * 1024;
const statusWord = 0x70 / 4;

async function run({ platform, bindings }: SystemContext, report: Report): Promise<void> {
  const [device] = platform
    .platformDevices()
    .filter((each): each is VirtioMmioDevice => each.kind === 'virtio-mmio');
  const { number, registers } = device!;
  const take = (): unknown => isolates().grantDevice('platform', number, memory);
  const granted = isolates().grantDevice('platform', number, memory);
  const start = (): Isolate => isolates().spawn({ name: 'forger', entry: forge, device: granted });
  const status = (): number => Atomics.load(registers.words, statusWord);
  const first = start();
  report('forged', JSON.parse(bindings.text.decodeUtf8(await answer(first))));
  report('refused', {
    twice: attempt(take),
    two: attempt(start),
    none: attempt(() => isolates().grantDevice('platform', 99, memory)),
  });
  const before = status();
  first.kill();
  report('revoked', { how: await ended(first), before, after: status() });
  const second = start();
  await answer(second);
  const driven = status();
  isolates().revokeDevice(granted); // while it has it
  report('held', { driven, after: status() });
  report(
    'tooMuch',
    attempt(() => isolates().grantDevice('platform', number, 2 ** 30)),
  );
  report(
    'again',
    attempt(() => void take()),
  );
}

forging(run);
