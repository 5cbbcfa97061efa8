/**
 * What `runtime dev` talks to: a server of its own in images for development, on the port and with the token that the
 * kernel's option `reload=PORT:TOKEN` gives. Without the option there is none.
 *
 * `PUT /isolates/NAME.js` and `PUT /system/main.js` bring scripts, `POST /reload/ID` puts them in the place of those
 * that run (once for each ID, however often it is asked), and `GET /status` tells how the reload went that has begun
 * this life of the system isolate.
 */
import type { Exchange } from '@runtimejs/http/connection/types.ts';
import { largestBlock, RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import { HttpServer } from '@runtimejs/http/server/server.ts';
import { anyV6 } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import type { NetworkService } from '@runtimejs/net/network-service.ts';
import type { SystemContext } from '../compose.ts';
import type { ControlFactory } from '../network.ts';
import { readSetting } from '../settings.ts';
import { Reload } from './reload.ts';
import type { ReloadOutcome, ReloadStatus } from './types.ts';
import { timer } from './within.ts';

const scriptPattern = /^\/(?:system|isolates)\/[\w.-]+\.js$/;
/** Most bytes of a script. */
const largestScript = 64 * 1024 * 1024;
/** Most bytes of rings. */
const ringMemory = 4 * 1024 * 1024;
const reloadPattern = /^\/reload\/[\w-]+$/;
const settingPattern = /^(\d+):(.+)$/;

/** Makes what NetworkOptions.control takes. */
export function reloadControl(): ControlFactory {
  return (service, environment, context) => {
    const setting = readSetting(context.bindings, 'reload');
    if (setting === undefined) return;
    const [, port, token] = settingPattern.exec(setting) ?? [];
    if (port === undefined || token === undefined || Number(port) > 0xffff) {
      context.log('error', 'reload: the kernel option has to be reload=PORT:TOKEN');
      return;
    }
    const control = new Control(context, token);
    serve(service, environment, context, (exchange) => control.handle(exchange)).listen({
      address: anyV6,
      port: Number(port),
      scope: 0,
    });
  };
}

function serve(
  { stack, tcp }: NetworkService,
  environment: Environment,
  { bindings, memory }: SystemContext,
  handle: (exchange: Exchange) => void,
): HttpServer {
  const rings = new RingMemory(memory, ringMemory, () => {
    try {
      return bindings.arena.allocate(largestBlock, 0, { offset: 0, size: 0, physical: 0 }).offset;
    } catch {
      return undefined;
    }
  });
  const server = new HttpServer({
    environment,
    tcp,
    rings,
    wallClock: () => Number(bindings.clock.wall() / 1_000_000n),
    wake: () => bindings.loop.again(),
    handle,
    limits: { body: largestScript },
    decode: (bytes, start, end) => bindings.text.decodeLatin1(bytes, start, end),
  });
  stack.addWork(server);
  stack.addWork({
    run: () => {
      tcp.flush();
      return tcp.hasPending;
    },
  });
  return server;
}

class Control {
  readonly #context: SystemContext;
  readonly #token: string;
  readonly #life: string;
  readonly #reload: Reload;
  /** Scripts for the next reload. */
  #scripts = new Map<string, Uint8Array>();
  /** The last reload. */
  #target = '';
  #outcome: Promise<ReloadOutcome> | undefined;

  constructor(context: SystemContext, token: string) {
    const { bindings, services, parts } = context;
    this.#context = context;
    this.#token = token;
    this.#life = String(bindings.isolate.startedAt());
    this.#reload = new Reload({
      bindings: bindings.reload,
      services,
      parts,
      life: this.#life,
      now: () => bindings.clock.now(),
      after: timer,
    });
  }

  handle(exchange: Exchange): void {
    const { method, target } = exchange.head;
    if (authorization(exchange) !== `Bearer ${this.#token}`) {
      answer(exchange, 403);
    } else if (method === 'GET' && target === '/status') {
      const status: ReloadStatus = {
        life: this.#life,
        last: this.#context.life()?.outcome ?? null,
      };
      answer(exchange, 200, status);
    } else if (method === 'PUT' && scriptPattern.test(target)) {
      readAll(exchange, (script) => {
        this.#scripts.set(target, script);
        answer(exchange, 204);
      });
    } else if (method === 'POST' && reloadPattern.test(target)) {
      if (target !== this.#target) {
        this.#outcome = this.#reload.run(this.#scripts);
        this.#scripts = new Map();
        this.#target = target;
      }
      void this.#outcome?.then((outcome) => answer(exchange, 200, outcome));
    } else {
      answer(exchange, 404);
    }
  }
}

function authorization({ head: { fields } }: Exchange): string | undefined {
  for (let index = 0; index < fields.count; index++) {
    if (fields.name(index) === 'authorization') return fields.value(index);
  }
  return undefined;
}

function answer(exchange: Exchange, status: number, content?: unknown): void {
  const body = content === undefined ? null : JSON.stringify(content);
  exchange.respond({
    status,
    reason: '',
    fields: body === null ? [] : ['content-type', 'application/json'],
    body: body === null ? null : escapeText(body),
  });
}

/** JSON in ASCII: content is written one byte for each code unit. */
function escapeText(json: string): string {
  return json.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Reads the content of a request; one that does not come whole is dropped. */
function readAll({ body }: Exchange, then: (bytes: Uint8Array) => void): void {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const next = (): void =>
    body?.read((piece, error) => {
      if (error !== undefined) return;
      if (piece !== null) {
        pieces.push(piece.slice());
        length += piece.length;
        next();
        return;
      }
      const bytes = new Uint8Array(length);
      let at = 0;
      for (const each of pieces) {
        bytes.set(each, at);
        at += each.length;
      }
      then(bytes);
    });
  if (body === null) then(new Uint8Array(0));
  else next();
}
