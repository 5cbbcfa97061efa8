// The other end of the benchmarks where wrk cannot be: a program that runs where the server can be reached.
//   node client.ts COMMAND '{"host": ..., ...}'
// prints its result as a line of JSON. Commands and what they take are in `loads` below.
import { bulkReceive, bulkSend } from './bulk.ts';
import { echoDatagrams } from './datagrams.ts';
import { firstAnswer, serve } from './first.ts';
import { handshakes } from './handshakes.ts';
import { echoMessages } from './websocket.ts';

/** What each command takes, and gives. */
export const loads = {
  /** Waits for the first HTTP answer: its time, in ms since 1970. */
  first: firstAnswer,
  /** Asks a number of times, one after the other: how many answers were good. */
  serve,
  send: bulkSend,
  receive: bulkReceive,
  handshakes,
  websocket: echoMessages,
  datagrams: echoDatagrams,
} as const;

export type LoadName = keyof typeof loads;
export type LoadOptions<Name extends LoadName> = Parameters<(typeof loads)[Name]>[0];
export type LoadResult<Name extends LoadName> = Awaited<ReturnType<(typeof loads)[Name]>>;

if (import.meta.main) {
  const [name = '', options = '{}'] = process.argv.slice(2);
  if (!Object.hasOwn(loads, name)) throw new Error(`There is no command ${name}.`);
  const run = loads[name as LoadName] as (options: unknown) => Promise<unknown>;
  console.log(JSON.stringify(await run(JSON.parse(options))));
  process.exit(0);
}
