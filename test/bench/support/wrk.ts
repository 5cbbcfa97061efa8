// wrk, the HTTP load generator, and its report.

/** What wrk measured. */
export interface Load {
  readonly requestsPerSecond: number;
  /** All of them. */
  readonly requests: number;
  /** Half of the requests took at most this long, in ms. */
  readonly p50: number;
  /** 99 of 100 requests took at most this long, in ms. */
  readonly p99: number;
  /** Answers that were no success, and broken connections. */
  readonly errors: number;
}

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return match ? Number(match[1]) * units[match[2]!]! : Number.NaN;
}

/**
 * Reads what `wrk --latency` prints.
 * @throws Error when it holds no figures
 */
export function parseWrk(output: string): Load {
  const requestsPerSecond = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1]);
  const requests = Number(/^\s+(\d+) requests in /m.exec(output)?.[1]);
  const p50 = milliseconds(/^\s+50%\s+(\S+)/m.exec(output)?.[1]);
  const p99 = milliseconds(/^\s+99%\s+(\S+)/m.exec(output)?.[1]);
  if (![requestsPerSecond, requests, p50, p99].every(Number.isFinite)) {
    throw new Error(`wrk's report lacks figures:\n${output}`);
  }
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    output,
  );
  const errors = (broken?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), refused);
  return { requestsPerSecond, requests, p50, p99, errors };
}
