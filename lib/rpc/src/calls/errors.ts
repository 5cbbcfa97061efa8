/** How calls fail that never reached a method, or whose answer never came. */

/**
 * `peer-gone`: the other side has ended, or has broken the protocol. `released`: the reference was given back.
 * `revoked`: its owner has taken it back. `no-such-method`: the other side has no such method, maybe no longer.
 * `overload`: more calls wait than may. `timed-out`: no answer in time.
 */
export type RpcErrorCode =
  | 'peer-gone'
  | 'released'
  | 'revoked'
  | 'no-such-method'
  | 'overload'
  | 'timed-out';

/** A call that failed for a reason of RPC's own. On the other side of a channel it arrives as an Error of this name. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcErrorCode;

  constructor(code: RpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether an error is one of RPC's own, also when it came from the other side. */
export function isRpcError(error: unknown, code?: RpcErrorCode): boolean {
  if (!(error instanceof Error) || error.name !== 'RpcError') return false;
  return code === undefined || Reflect.get(error, 'code') === code;
}

/** The peer has said what nobody who keeps the protocol says. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** V8's: writes the stack into an object, without the frames above a function. */
const { captureStackTrace } = Error as {
  captureStackTrace?: (into: object, above: (...values: never[]) => unknown) => void;
};

/**
 * Puts the stack of the call under the stack of the other side.
 * @param above frames up to this function's are left out
 */
function addCallSite(error: unknown, above: (...values: never[]) => unknown): void {
  if (!(error instanceof Error)) return;
  const site: { stack?: string } = {};
  captureStackTrace?.(site, above);
  const { stack = '' } = site;
  if (!stack.includes('\n')) return;
  const frames = stack.slice(stack.indexOf('\n') + 1);
  const value = `${error.stack ?? String(error)}\n    --- called from ---\n${frames}`;
  Object.defineProperty(error, 'stack', { value, configurable: true, writable: true });
}

/**
 * Puts the stack of whoever awaits a call under that of its error: once something has failed, so that calls which
 * succeed pay nothing.
 * @returns a promise that rejects with the error: the call's own is to be resolved with it at once
 */
export async function withCallSite(error: unknown): Promise<never> {
  // The engine finds who awaits by way of the call's promise, which follows this one after a turn.
  await undefined;
  await undefined;
  addCallSite(error, withCallSite);
  throw error;
}

/**
 * Tells the program something. What it throws is an unhandled rejection of its own, and not the end of a connection
 * that others use.
 */
export function tell(run: () => void): void {
  try {
    run();
  } catch (error) {
    void Promise.reject(error);
  }
}
