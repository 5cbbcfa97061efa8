// HTTP: wrk asks Node's own server.

import type { WrkOptions } from '../load/wrk.ts';
import type { Goal } from '../support/recorder.ts';
import { bareSystems } from '../support/subjects.ts';
import { type LoadKind, loadKind, measureLoads } from './load.ts';
import type { Part } from './part.ts';

/** A body of about 1 KB. */
const order = JSON.stringify({
  customer: { id: 4711, name: 'A. Customer', mail: 'customer@example.test' },
  items: Array.from({ length: 12 }, (_, id) => ({
    id,
    name: `item ${id}`,
    price: 5 + id,
    count: 2,
  })),
});

interface Request {
  readonly title: string;
  readonly pathname: string;
  readonly wrk: Omit<WrkOptions, 'url' | 'seconds'>;
  readonly goal?: Goal;
}

function requests({ title, pathname, wrk, goal }: Request): LoadKind {
  return loadKind({
    title: `${title}, ${wrk.connections} connections`,
    figures: {
      requestsPerSecond: { unit: 'requests/s', better: 'more', ...(goal ? { goal } : {}) },
      p50: { suffix: 'p50', unit: 'ms', better: 'less' },
      p99: { suffix: 'p99', unit: 'ms', better: 'less', ...(goal ? { goal: { atMost: 1 } } : {}) },
      p999: { suffix: 'p99.9', unit: 'ms', better: 'less' },
      errors: { suffix: 'errors', unit: 'per window', better: 'less' },
    },
    without: pathname === '/' ? [] : bareSystems,
    run: (subject, seconds) => subject.wrk(pathname, { ...wrk, seconds }),
  });
}

/** Connections at which the goals are set. */
const goalConnections = [16, 64];

export const http: Part = {
  name: 'http',
  description:
    'hello on kept connections, JSON bodies, 100 KB answers, a connection for each request',
  without: [],
  async run(bench) {
    const hello = bench.options.connections.map((connections) =>
      requests({
        title: 'hello',
        pathname: '/',
        wrk: { connections },
        ...(goalConnections.includes(connections) ? { goal: { atLeast: 1.6 } } : {}),
      }),
    );
    await measureLoads(bench, 'http', [
      ...hello,
      requests({ title: 'JSON body', pathname: '/json', wrk: { connections: 16, body: order } }),
      requests({ title: '100 KB answer', pathname: '/large', wrk: { connections: 16 } }),
      requests({
        title: 'new connection each',
        pathname: '/',
        wrk: { connections: 16, close: true },
      }),
    ]);
  },
};
