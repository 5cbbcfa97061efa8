// A router, and a hundred tenants that it keeps apart and running. `npm start -- --app examples/tenants`
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { Supervisor } from '@runtimejs/isolate/supervisor.ts';
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import type { TenantService } from './service.ts';

interface Environment {
  readonly TENANTS?: string;
}

/** A tenant, in whichever of its lives. */
class Tenant {
  readonly name: string;
  readonly #supervisor: Supervisor;
  #isolate: Isolate | undefined;
  #connection: Connection<TenantService> | undefined;

  constructor(name: string) {
    this.name = name;
    this.#supervisor = isolates().supervise(
      [
        {
          name,
          options: () => ({
            entry: new URL('./tenant.ts', import.meta.url),
            heapLimit: 16 * 1024 * 1024,
            turnLimit: 2000,
          }),
          started: (isolate) => {
            const connection = connect<TenantService>(isolate.channel);
            this.#isolate = isolate;
            this.#connection = connection;
            connection.closed.then(() => {
              if (this.#connection === connection) this.#connection = undefined;
            });
            isolate.onEnded(({ how, report }) => {
              console.error(`${name} has ended (${how}): ${report}`);
            });
          },
        },
      ],
      { restart: 'always' },
    );
    this.#supervisor.start();
  }

  async fetch(request: Request, target: string): Promise<Response> {
    const connection = this.#connection;
    if (connection === undefined) return this.#unavailable();
    try {
      const { status, type, body } = await connection.remote.fetch({
        method: request.method,
        target,
        body: new Uint8Array(await request.arrayBuffer()),
      });
      return new Response(new Uint8Array(body), { status, headers: { 'content-type': type } });
    } catch (error) {
      return new Response(`${this.name} has failed: ${String(error)}\n`, { status: 502 });
    }
  }

  /** A line of the table of tenants. */
  describe(): string {
    const { state, reason, children } = this.#supervisor.status();
    const usage = this.#isolate?.usage();
    const figures = [
      `cpu ${(usage?.cpuTime ?? 0).toFixed(0)} ms`,
      `heap ${((usage?.heap ?? 0) / 1024).toFixed(0)} KiB`,
      `messages ${usage?.messagesReceived ?? 0}`,
      `restarts ${children[0]?.restarts ?? 0}`,
    ];
    return `${this.name}: ${state === 'running' ? children[0]?.state : reason}, ${figures.join(', ')}`;
  }

  #unavailable(): Response {
    const { state, reason } = this.#supervisor.status();
    const isComing = state === 'running';
    return new Response(`${this.name} ${isComing ? 'is being started' : `is off: ${reason}`}.\n`, {
      status: 503,
      headers: isComing ? { 'retry-after': '1' } : {},
    });
  }
}

let tenants: Map<string, Tenant> | undefined;

/** Starts the tenants, when the first request comes. */
function startTenants(count: number): Map<string, Tenant> {
  const names = Array.from({ length: count }, (_, index) => `tenant-${index + 1}`);
  return new Map(names.map((name) => [name, new Tenant(name)]));
}

export default {
  async fetch(request: Request, env: Environment): Promise<Response> {
    tenants ??= startTenants(Number(env.TENANTS ?? 100));
    const { pathname, search } = new URL(request.url);
    if (pathname === '/') {
      const lines = [...tenants.values()].map((tenant) => tenant.describe());
      return new Response(`${lines.join('\n')}\n`);
    }
    const [, name = '', rest = ''] = /^\/([^/]+)(\/.*)?$/.exec(pathname) ?? [];
    const tenant = tenants.get(name);
    if (tenant === undefined) return new Response(`There is no ${name}.\n`, { status: 404 });
    return tenant.fetch(request, `${rest === '' ? '/' : rest}${search}`);
  },
};
