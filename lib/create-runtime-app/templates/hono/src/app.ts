import { Hono } from 'hono';

/** The app: its routes. */
export const app = new Hono();

app.get('/', (context) => context.json({ hello: 'world', node: process.version }));
app.get('/hello/:name', (context) => context.json({ hello: context.req.param('name') }));
