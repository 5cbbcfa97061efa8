/** What threads of an app in Node call of services. */
import { endpoint } from '@runtimejs/isolate/endpoint.ts';
import type { Counter } from './counter.ts';

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it did not fail',
    (error: Error & { code?: string }) => `${error.code ?? error.name}: ${error.message}`,
  );

/** Calls, streams, and what is not given. */
export async function callAll(): Promise<unknown> {
  const found: unknown[] = [];
  for (const name of ['shared', 'own']) {
    const counter = endpoint<Counter>(name);
    const version = await counter.version();
    let sum = 0;
    for await (const number of await counter.numbers()) {
      sum += number;
      if (number === 100) break;
    }
    found.push([version, sum, typeof (await counter.add())]);
  }
  found.push(await failure(endpoint<Counter>('sockets').add()));
  return found;
}

/** Has a service fail while a call is under way. @returns what became of that call, and of the next one */
export async function failures(name: string): Promise<unknown> {
  const counter = endpoint<Counter>(name);
  await counter.add();
  const pending = failure(counter.hang());
  await counter.misbehave('throw');
  return [(await pending).slice(0, 40), await counter.add()];
}
