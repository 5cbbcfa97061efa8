/** A composition that does nothing but to give devices away, and to report in lines "platform: NAME JSON". */
import { type SystemContext, system } from '@runtimejs/system/compose.ts';

/** Writes a line of the report. */
export type Report = (name: string, value: unknown) => void;

/** Runs what gives devices away; the line "platform: end null" follows. */
export function forging(run: (context: SystemContext, report: Report) => Promise<void>): void {
  system({
    services: [
      {
        name: 'forge',
        start: (context) => {
          const report: Report = (name, value) =>
            context.log('info', `platform: ${name} ${JSON.stringify(value)}`);
          run(context, report)
            .catch((error) => context.log('error', `platform: problem ${String(error)}`))
            .finally(() => report('end', null));
          return () => Number.POSITIVE_INFINITY;
        },
      },
    ],
  });
}
