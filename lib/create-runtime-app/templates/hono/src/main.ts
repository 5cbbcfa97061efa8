import { serve } from '@hono/node-server';
import { app } from './app.ts';

const port = Number(process.env.PORT ?? 8080);
const server = serve({ fetch: app.fetch, port }, () => console.log(`Listening on port ${port}.`));

// The power button, and Ctrl-C of `npm start`: finish what is being answered, then end.
process.once('SIGTERM', () => server.close());
