/** A server that runs lines of the shell: POST /run with the line gives { status, output, errors }. */
import { createServer } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { Interpreter } from '@runtimejs/shell';

const interpreter = new Interpreter();
const port = 8080;

async function run(line: string) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const written = Promise.all([text(output), text(errors)]);
  const { signal } = new AbortController();
  const status = await interpreter.run(line, { input: Readable.from([]), output, errors, signal });
  output.end();
  errors.end();
  const [shown, complaints] = await written;
  return { status, output: shown, errors: complaints };
}

/** Keeps a processor busy, in a Worker with a name. */
function spin(): void {
  new Worker('for (;;) Math.sqrt(2);', { eval: true, name: 'spinner' }).unref();
}

createServer(async (request, response) => {
  if (request.url === '/spin') {
    spin();
    response.end('{}');
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(await run(await text(request))));
}).listen(port, () => console.log('the shell listens'));
