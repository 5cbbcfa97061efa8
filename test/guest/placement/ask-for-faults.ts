/** An app that takes lines from everybody who connects: `fault NAME` has something fail, all others it sends back. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const gateway = '10.0.2.2';
const discard = 9;
const sender = createSocket('udp4');
sender.on('error', (error) => console.log(`faults: ${error.message}`));

/** Sends something now and then: whatever happens to the driver, the network has work. */
setInterval(() => sender.send('nothing', discard, gateway), 200).unref();

createServer((socket) => {
  socket.write('hello\n'); // its peer begins then
  // The connection ends with the system isolate; readline passes its error on.
  const failed = (error: Error): void => console.log(`faults: a connection: ${error.message}`);
  socket.on('error', failed);
  const lines = createInterface({ input: socket });
  lines.on('error', failed);
  lines.on('line', (line) => {
    const [word, name] = line.split(' ');
    if (word === 'fault') sender.send(`fault: ${name}\n`, discard, gateway);
    else if (word === 'end') process.exit(0);
    else socket.write(`${line}\n`);
  });
}).listen(8080, () => console.log('faults: listening'));
