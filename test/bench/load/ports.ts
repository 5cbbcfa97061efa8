// Where the app of most benchmarks listens.

/** Ports of apps/servers.ts by what is there; UDP for datagrams, TCP for all others. */
export const ports = {
  http: 8080,
  sink: 8081,
  source: 8082,
  webSocket: 8090,
  https: 8443,
  datagrams: 9000,
} as const;
