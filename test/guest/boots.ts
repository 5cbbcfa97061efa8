// Boots the hello app many times in a row: `npm run boots -- 300`. Every boot must end the same way.
import { pathToFileURL } from 'node:url';
import { boot, guestInitrd, tail } from './support/guest.ts';

/** What went wrong in a series of boots. */
export interface BootSeries {
  readonly count: number;
  /** Milliseconds from start to end of each boot, in order. */
  readonly durations: readonly number[];
  /** The end of the output of each boot that failed. */
  readonly failures: readonly string[];
}

/** A boot that takes longer hangs. */
const hangLimit = 120_000;

/**
 * Boots the hello app again and again.
 *
 * @param count how often
 * @param onBoot is told of each boot
 */
export async function bootSeries(
  count: number,
  onBoot: (index: number, failed: boolean) => void = () => {},
): Promise<BootSeries> {
  const initrd = await guestInitrd('hello', 'apps/hello.ts');
  const durations: number[] = [];
  const failures: string[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    const result = await boot(initrd, { timeoutMilliseconds: hangLimit });
    durations.push(performance.now() - start);
    const failed = result.timedOut || result.code !== 0 || !/hello from v26/.test(result.output);
    if (failed) failures.push(`boot ${index + 1}:\n${tail(result)}`);
    onBoot(index, failed);
  }
  return { count, durations, failures };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const count = Number(process.argv[2] ?? 300);
  if (!Number.isInteger(count) || count < 1) {
    console.error('Say how many boots, such as: npm run boots -- 300');
    process.exit(2);
  }
  const { durations, failures } = await bootSeries(count, (index, failed) => {
    if (failed) console.log(`boot ${index + 1} failed`);
    else if ((index + 1) % 10 === 0) console.log(`${index + 1} boots`);
  });
  for (const failure of failures) console.log(`\n${failure}`);
  console.log(
    `${count} boots, ${failures.length} failed; median ${(median(durations) / 1000).toFixed(2)} s, ` +
      `slowest ${(Math.max(...durations) / 1000).toFixed(2)} s`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}
