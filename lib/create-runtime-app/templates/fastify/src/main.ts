import { createApp } from './app.ts';

const port = Number(process.env.PORT ?? 8080);
const app = createApp();
await app.listen({ port, host: '0.0.0.0' });
console.log(`Listening on port ${port}.`);

// The power button, and Ctrl-C of `npm start`: finish what is being answered, then end.
process.once('SIGTERM', () => void app.close());
