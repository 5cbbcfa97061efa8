/**
 * Runs in the system isolate: gives a virtio device over MMIO to an isolate that reaches for more, and looks at the
 * device when that isolate has ended. Reports in lines "platform: NAME JSON", for apps/platform.ts.
 */
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import { type SystemContext, system } from '@runtimejs/system/compose.ts';
import { answer, attempt, ended } from '../placement/forgery.ts';

const forge = new URL('../placement/forge-mmio.ts', import.meta.url);
const memory = 64 * 1024;
const statusWord = 0x70 / 4;

async function run({ platform, bindings, log }: SystemContext): Promise<void> {
  const report = (name: string, value: unknown): void =>
    log('info', `platform: ${name} ${JSON.stringify(value)}`);
  const [device] = platform
    .platformDevices()
    .filter((each): each is VirtioMmioDevice => each.kind === 'virtio-mmio');
  const { number, registers } = device!;
  const take = (): unknown => isolates().grantPlatformDevice(number, memory);
  const granted = isolates().grantPlatformDevice(number, memory);
  const start = (): Isolate => isolates().spawn({ name: 'forger', entry: forge, device: granted });
  const status = (): number => Atomics.load(registers.words, statusWord);
  const first = start();
  report('forged', JSON.parse(bindings.text.decodeUtf8(await answer(first))));
  report('refused', {
    twice: attempt(take),
    two: attempt(start),
    none: attempt(() => isolates().grantPlatformDevice(99, memory)),
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
    attempt(() => isolates().grantPlatformDevice(number, 2 ** 30)),
  );
  report(
    'again',
    attempt(() => void take()),
  );
  report('end', null);
}

system({
  services: [
    {
      name: 'forge',
      start: (context) => {
        run(context).catch((error) => {
          context.log('error', `platform: problem ${String(error)}`);
          context.log('info', 'platform: end null');
        });
        return () => Number.POSITIVE_INFINITY;
      },
    },
  ],
});
