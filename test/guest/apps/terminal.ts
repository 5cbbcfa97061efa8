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

/** Takes what is pasted in raw mode, and says what it was. */
async function paste(): Promise<void> {
  const { createHash } = await import('node:crypto');
  const total = 10 * 1024 * 1024;
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

/** Writes 10 MB while a server answers. */
async function flood(): Promise<void> {
  const { createServer } = await import('node:http');
  let answered = 0;
  const server = createServer((_, response) => {
    answered += 1;
    response.end('here');
  });
  await new Promise<void>((resolve) => server.listen(8080, resolve));
  console.log('listening');
  await new Promise<void>((resolve) => server.once('request', () => resolve()));
  const line = `${'0123456789abcdef'.repeat(8).slice(1)}\n`;
  const before = answered;
  for (let block = 0; block < 160; block += 1) {
    stdout.write(line.repeat(512));
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(`flooded; answered ${answered - before > 0 ? 'meanwhile' : 'never'}`);
  server.close();
  server.closeAllConnections();
}

/** Writes more than all rings hold, whether somebody reads or not. */
function unread(): void {
  for (let block = 0; block < 320; block += 1) stdout.write(`${'x'.repeat(127)}\n`.repeat(1024));
  stdout.write('not held up\n');
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
  console.log('second is done');
}

/** Says on another terminal that it got here. */
async function tell(name: string): Promise<void> {
  await appears(name);
  const terminal = openSync(`/dev/${name}`, 'r+');
  writeSync(terminal, 'done\n');
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
  else if (part === 'paste') await paste();
  else if (part === 'flood') await flood();
  else if (part === 'unread') unread();
  else if (part === 'synchronous') synchronous();
  else if (part.startsWith('second=')) await second(part.slice('second='.length));
  else if (part.startsWith('tell=')) await tell(part.slice('tell='.length));
  else if (part === 'forever') setInterval(() => {}, 1000);
  else throw new Error(`There is no part ${part}.`);
}
console.log('that is all');
