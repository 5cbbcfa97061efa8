import { type FastifyInstance, fastify } from 'fastify';

/** Makes the server; it does not listen yet. */
export function createApp(): FastifyInstance {
  const app = fastify();
  app.get('/', async () => ({ hello: 'world', node: process.version }));
  app.get<{ Params: { name: string } }>('/hello/:name', async ({ params }) => ({
    hello: params.name,
  }));
  return app;
}
