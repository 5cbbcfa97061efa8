/** The last thing in the script of an app under development: hands the app to what it runs on. */
import type { Exchange, IncomingBody, OutgoingResponse } from '@runtimejs/http/connection/types.ts';
import type { RequestHead } from '@runtimejs/http/wire/request.ts';
import type { Console } from '@runtimejs/system/console.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import { createHandler } from '../handler.ts';
import { checkApp, choosePort } from '../program.ts';
import type { AppContext } from '../services.ts';
import type { ReloadGlobals } from './types.ts';

/**
 * Offers an app.
 * @param exported the default export of the app's entry module
 * @param connect gives what it may call, if anything
 * @throws TypeError that says what is wrong with it
 */
export function offer(exported: unknown, connect?: () => AppContext): void {
  const { console, runtime, runtimejsReload } = globalThis as unknown as ReloadGlobals & {
    readonly console: Console;
    readonly runtime: SystemBindings;
  };
  const app = checkApp(exported);
  const env = runtime.app.environment();
  const handle = createHandler(app, env, (text) => console.error(text), connect?.());
  runtimejsReload.offer({
    port: choosePort(app, env),
    handle: (exchange) => handle(new OwnExchange(exchange)),
    handOver:
      app.handOver === undefined
        ? undefined
        : async () => runtime.text.clone(await app.handOver?.()),
    takeOver:
      app.takeOver === undefined ? undefined : (state) => app.takeOver?.(runtime.text.clone(state)),
  });
}

/** An exchange whose bytes and errors are of this version's classes, as `instanceof` has it. */
class OwnExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: IncomingBody | null;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.head = exchange.head;
    const { body } = exchange;
    this.body = body === null ? null : ownBody(body);
  }

  get onAbort(): Exchange['onAbort'] {
    return this.#exchange.onAbort;
  }

  set onAbort(listener: Exchange['onAbort']) {
    this.#exchange.onAbort =
      listener === undefined ? undefined : ({ message }) => listener(new Error(message));
  }

  respond(response: OutgoingResponse): void {
    this.#exchange.respond(response);
  }
}

function ownBody(body: IncomingBody): IncomingBody {
  return {
    length: body.length,
    read: (reader) =>
      body.read((piece, error) => {
        const own = piece === null ? null : new Uint8Array(piece);
        if (error === undefined) reader(own);
        else reader(own, new Error(error.message));
      }),
    discard: () => body.discard(),
  };
}
