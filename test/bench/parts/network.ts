// Other protocols than HTTP, by our own load generators.

import { bareSystems } from '../support/subjects.ts';
import { type LoadKind, loadKind, measureLoads } from './load.ts';
import type { BenchOptions, Part } from './part.ts';

/** What each of these loads is measured by. */
const figuresOf = (unit: string) =>
  ({
    perSecond: { unit, better: 'more' },
    p50: { suffix: 'p50', unit: 'ms', better: 'less' },
    p99: { suffix: 'p99', unit: 'ms', better: 'less' },
  }) as const;

const handshakes = loadKind({
  title: 'TLS 1.3 handshakes, 8 at a time',
  figures: figuresOf('handshakes/s'),
  run: (subject, seconds) => subject.load('handshakes', { seconds, connections: 8 }),
});

const webSocket = loadKind({
  title: 'WebSocket echo, 64 connections',
  figures: figuresOf('messages/s'),
  run: (subject, seconds) => subject.load('websocket', { seconds, connections: 64 }),
});

const datagrams = loadKind({
  title: 'UDP echo, 64 under way',
  figures: {
    ...figuresOf('datagrams/s'),
    lost: { suffix: 'lost', unit: 'per window', better: 'less' },
  },
  run: (subject, seconds) => subject.load('datagrams', { seconds, connections: 64 }),
});

function bulk({ megabytes }: BenchOptions): LoadKind[] {
  const one = (direction: 'send' | 'receive', words: string) =>
    loadKind({
      title: `bulk TCP ${words}, ${megabytes} MB`,
      figures: { rate: { unit: 'MB/s', better: 'more', goal: { atLeast: 1 } } },
      run: async (subject) => ({ rate: await subject.load(direction, { bytes: megabytes * 1e6 }) }),
    });
  return [one('send', 'to the app'), one('receive', 'from the app')];
}

export const network: Part = {
  name: 'network',
  description: 'TLS handshakes, WebSocket, UDP, and bulk TCP each way',
  without: bareSystems,
  async run(bench) {
    await measureLoads(bench, 'network', [
      handshakes,
      webSocket,
      datagrams,
      ...bulk(bench.options),
    ]);
  },
};
