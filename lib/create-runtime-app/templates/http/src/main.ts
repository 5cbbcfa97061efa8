import { createServer } from 'node:http';
import { app } from './app.ts';

const port = Number(process.env.PORT ?? 8080);
const server = createServer(app);
server.listen(port, () => console.log(`Listening on port ${port}.`));

// The power button, and Ctrl-C of `npm start`: finish what is being answered, then end.
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
