// Requests to the servers in machines that replace parts of them.

/** Where such a server is. */
export interface ReloadServer {
  /** Port of this host that leads there. */
  readonly port: number;
  readonly token: string;
}

/** So often is a request sent. */
const mostAttempts = 6;
/** Answers to a request that did not arrive whole: Bad Request, Request Timeout. */
const damaged: readonly number[] = [400, 408];

/**
 * Sends a request, and again when it did not arrive whole: QEMU's user network forgets the bytes that it holds for the
 * guest when the guest's SYN-ACK comes twice, as it does on a busy host. So the request has to be one that may come twice.
 * @throws what fetch() throws when the last attempt fails
 */
export async function retried(...parameters: Parameters<typeof request>): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await request(...parameters);
      if (!damaged.includes(answer.status) || attempt === mostAttempts) return answer;
    } catch (error) {
      if (attempt === mostAttempts) throw error;
    }
  }
}

/**
 * Sends a request, once.
 * @param patience milliseconds until there has to be an answer
 */
export function request(
  { port, token }: ReloadServer,
  method: string,
  path: string,
  patience: number,
  body?: Uint8Array,
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, connection: 'close' },
    signal: AbortSignal.timeout(patience),
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
}
