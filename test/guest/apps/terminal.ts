// What a terminal is to an app. Each word of the command line is a part that is played.
import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ReadStream, WriteStream } from 'node:tty';

const { stdin, stdout } = process;

/** What Node says of the terminal. */
function facts(): void {
  const { columns, rows } = stdout;
  console.log(JSON.stringify({ stdin: stdin.isTTY, stdout: stdout.isTTY, columns, rows }));
  console.log({ coloured: stdout.hasColors() });
}

/** Reads lines in canonical mode until the end of file. */
async function canonical(): Promise<void> {
  console.log('type lines');
  for await (const line of createInterface({ input: stdin, terminal: false })) {
    console.log(`line ${JSON.stringify(line)}`);
  }
  console.log('end of file');
}

/** Shows keys as they come. */
async function raw(): Promise<void> {
  stdin.setRawMode(true);
  stdin.resume();
  console.log('press keys');
  await new Promise<void>((resolve) => {
    stdin.on('data', (bytes: Buffer) => {
      console.log(`keys ${JSON.stringify(bytes.toString('latin1'))}`);
      if (bytes.includes(0x71)) resolve();
    });
  });
  stdin.removeAllListeners('data');
  stdin.setRawMode(false);
  stdin.pause();
}

/** Ctrl-C is a signal that a handler gets. */
async function signals(): Promise<void> {
  stdin.resume();
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      console.log('interrupted');
      resolve();
    });
    console.log('press Ctrl-C');
  });
  stdin.pause();
}

/** Takes so many bytes that are pasted in raw mode, and says what they were. */
async function paste(total: number): Promise<void> {
  const { createHash } = await import('node:crypto');
  stdin.setRawMode(true);
  stdin.resume();
  console.log('paste');
  const hash = createHash('sha256');
  let count = 0;
  await new Promise<void>((resolve) => {
    stdin.on('data', (bytes: Buffer) => {
      count += bytes.length;
      hash.update(bytes);
      if (count >= total) resolve();
    });
  });
  stdin.setRawMode(false);
  stdin.pause();
  console.log(`pasted ${count} ${hash.digest('hex')}`);
}

const floodLine = `${'0123456789abcdef'.repeat(8).slice(1)}\n`;

/** Writes that many bytes in lines once it is asked over HTTP, and answers until it is asked for /end. */
async function flood(total: number): Promise<void> {
  const { createServer } = await import('node:http');
  const [asked, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer((request, response) => {
    response.end('here');
    asked.resolve();
    if (request.url === '/end') ended.resolve();
  });
  await new Promise<void>((resolve) => server.listen(8080, resolve));
  console.log('listening');
  await asked.promise;
  // The terminal ends each line with two bytes.
  const lines = Math.ceil(total / (floodLine.length + 1));
  for (let written = 0; written < lines; ) {
    const block = Math.min(512, lines - written);
    stdout.write(floodLine.repeat(block));
    written += block;
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log('flooded');
  await ended.promise;
  server.close();
  server.closeAllConnections();
}

/** Writes so many bytes, whether somebody reads or not. */
function unread(total: number): void {
  for (let left = total; left > 0; left -= 128 * 1024) {
    stdout.write(`${'x'.repeat(127)}\n`.repeat(1024));
  }
}

/** Terminals other than the console appear soon after the app has started. */
async function appears(name: string): Promise<void> {
  while (!existsSync(`/dev/${name}`)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Talks on a terminal of its own. */
async function second(name: string): Promise<void> {
  await appears(name);
  const input = new ReadStream(openSync(`/dev/${name}`, 'r+'));
  const output = new WriteStream(openSync(`/dev/${name}`, 'r+'));
  output.write(`this is ${name}, ${input.isTTY} ${output.isTTY}\n`);
  for await (const line of createInterface({ input, terminal: false })) {
    output.write(`you said ${line}\n`);
    if (line === 'bye') break;
  }
  input.destroy();
  output.end();
  console.log('second is done');
}

/** Says on another terminal that it got here. */
async function tell(name: string, word: string): Promise<void> {
  await appears(name);
  const terminal = openSync(`/dev/${name}`, 'r+');
  writeSync(terminal, `${word} time\n`);
  closeSync(terminal);
}

/** Reads without asking the event loop. */
function synchronous(): void {
  const terminal = openSync('/dev/tty', 'r+');
  writeSync(terminal, 'name? ');
  const bytes = Buffer.alloc(100);
  const count = readSync(terminal, bytes);
  writeSync(terminal, `hello ${bytes.toString('utf8', 0, count)}`);
  closeSync(terminal);
}

for (const part of process.argv.slice(2)) {
  if (part === 'facts') facts();
  else if (part === 'canonical') await canonical();
  else if (part === 'raw') await raw();
  else if (part === 'signals') await signals();
  else if (part.startsWith('paste=')) await paste(Number(part.slice('paste='.length)));
  else if (part.startsWith('flood=')) await flood(Number(part.slice('flood='.length)));
  else if (part.startsWith('unread=')) unread(Number(part.slice('unread='.length)));
  else if (part === 'synchronous') synchronous();
  else if (part.startsWith('second=')) await second(part.slice('second='.length));
  else if (part.startsWith('tell=')) {
    const [, name = '', word = ''] = part.split('=');
    await tell(name, word);
  } else if (part === 'forever') setInterval(() => {}, 1000);
  else throw new Error(`There is no part ${part}.`);
}
console.log('that is all');
