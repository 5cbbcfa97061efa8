import { createServer } from 'node:http';
import { isRuntime, readLog } from '@runtimejs/kernel';

/** What the driver said, from the kernel's log. */
function driverLines(): string[] {
  if (!isRuntime) return ['The driver runs in the virtual machine only: npm start'];
  const lines = readLog().text.split('\n');
  return lines
    .map((line) => line.replace(/^<\d+>\[ *[\d.]+\] /, ''))
    .filter((line) => line.startsWith('edu'));
}

const port = Number(process.env.PORT ?? 8080);
const server = createServer((_request, response) => response.end(`${driverLines().join('\n')}\n`));
server.listen(port, () => console.log(`Listening on port ${port}.`));

// The power button (SIGTERM) and Ctrl-C (SIGINT): finish what is being answered, then end. Ctrl-C again ends at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => server.close());
}
