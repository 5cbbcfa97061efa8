// wrk, the HTTP load generator: Debian's package, and a script that makes it report in JSON.
import path from 'node:path';

const script = path.join(import.meta.dirname, 'wrk.lua');

/** What wrk shall do. */
export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** JSON to post; without it wrk gets. */
  readonly body?: string;
  /** A connection for each request. */
  readonly close?: boolean;
}

/** What wrk measured. */
export interface Load {
  readonly requestsPerSecond: number;
  /** All of them. */
  readonly requests: number;
  /** Megabytes (10^6) per second of answers, headers included. */
  readonly megabytesPerSecond: number;
  /** Half of the requests took at most this long, in ms. */
  readonly p50: number;
  /** 99 of 100 requests took at most this long, in ms. */
  readonly p99: number;
  /** 999 of 1000 requests took at most this long, in ms. */
  readonly p999: number;
  /** Answers that were no success, and broken connections. */
  readonly errors: number;
}

/** The command: the program and its arguments. One thread, so that the server gets the other processors. */
export function wrkCommand({ url, connections, seconds, body, close }: WrkOptions): string[] {
  return [
    ...['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script],
    ...(close ? ['-H', 'Connection: close'] : []),
    url,
    ...(body === undefined ? [] : ['--', body]),
  ];
}

/**
 * Reads what wrk printed.
 * @throws Error when it holds no report
 */
export function parseWrk(output: string): Load {
  const line = /^\{"requests".*\}$/m.exec(output)?.[0];
  if (line === undefined) throw new Error(`wrk's report lacks figures:\n${output}`);
  const { requests, seconds, bytes, errors, p50, p99, p999 } = JSON.parse(line) as Record<
    'requests' | 'seconds' | 'bytes' | 'errors' | 'p50' | 'p99' | 'p999',
    number
  >;
  return {
    requestsPerSecond: requests / seconds,
    requests,
    megabytesPerSecond: bytes / 1e6 / seconds,
    p50,
    p99,
    p999,
    errors,
  };
}

/** Something that runs programs where the server can be reached. */
export interface ProgramRunner {
  run(program: string, parameters: readonly string[]): Promise<string>;
}

/**
 * Runs wrk to its end.
 * @throws when it is not installed, or reports nothing
 */
export async function runWrk(runner: ProgramRunner, options: WrkOptions): Promise<Load> {
  const [program = '', ...parameters] = wrkCommand(options);
  return parseWrk(await runner.run(program, parameters));
}
