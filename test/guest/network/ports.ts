/** The ports of the test servers, as distances from the first one. */
export const ports = {
  /** Plain HTTP; `/task/NAME` runs a task, `/exit` ends the program. */
  http: 0,
  express: 1,
  fastify: 2,
  webSocket: 3,
  https: 4,
  /** HTTP/2 over TLS, and HTTP/1.1 for who offers nothing better. */
  http2: 5,
  /** HTTP/2 without TLS. */
  http2Clear: 6,
  /** Sends back what comes. */
  echo: 7,
  /** Takes "LENGTH SEED\n" and sends that much of the pattern. */
  source: 8,
  /** Reads to the end and says how much it was, with SHA-256. */
  sink: 9,
  /** UDP: sends back what comes. */
  datagram: 10,
  /** Node's inspector. */
  inspector: 11,
} as const;

/** The first of the guest's ports. */
export const guestBase = 8080;
