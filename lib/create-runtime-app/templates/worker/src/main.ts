// A bare app: a fetch handler and the web platform's API, without Node. It listens on port 8080.

/** Values of `environment` in runtime.config.ts, and of the host. */
interface Environment {
  readonly [name: string]: string | undefined;
}

export default {
  async fetch(request: Request, env: Environment): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return Response.json({ hello: env.NAME ?? 'world' });
    return new Response(`There is nothing at ${pathname}.\n`, { status: 404 });
  },
};
