import { createServer } from 'node:http';
import { app } from './app.ts';

const port = Number(process.env.PORT ?? 8080);
const server = createServer(app);
server.listen(port, () => console.log(`Listening on port ${port}.`));

// The power button (SIGTERM) and Ctrl-C (SIGINT): finish what is being answered, then end. Ctrl-C again ends at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => server.close());
}
