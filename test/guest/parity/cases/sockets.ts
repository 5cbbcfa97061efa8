import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { digest, errorOf, type Group, inTemporaryFolder, patternBytes } from '../collector.ts';

/** Runs a server on a Unix-domain socket for as long as `use` takes. */
async function serving(
  serve: (socket: net.Socket) => void,
  use: (path: string, server: net.Server) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'socket');
    const server = net.createServer({ allowHalfOpen: true }, serve);
    server.listen(path);
    await once(server, 'listening');
    try {
      await use(path, server);
    } finally {
      server.close();
    }
  });
}

export const sockets: Group = {
  name: 'sockets',
  cases: {
    'an echo over a Unix socket': async (log) =>
      serving(
        (socket) => socket.pipe(socket),
        async (path, server) => {
          log(server.address() === path, existsSync(path));
          const client = net.connect(path);
          client.end('hello over there');
          log(await text(client));
        },
      ),

    'a big transfer in both directions': async (log) => {
      const data = patternBytes(16 << 20, 31);
      await serving(
        (socket) => void pipeline(socket, socket),
        async (path) => {
          const client = net.connect(path);
          const received = buffer(client);
          client.end(data);
          log((await received).equals(data));
        },
      );
    },

    'a hundred clients': async (log) =>
      serving(
        (socket) => {
          let question = '';
          socket.on('data', (chunk) => {
            question += chunk;
          });
          socket.on('end', () => socket.end(question.toUpperCase()));
        },
        async (path) => {
          const answers = await Promise.all(
            Array.from({ length: 100 }, async (_, index) => {
              const client = net.connect(path);
              client.end(`client ${index}`);
              return text(client);
            }),
          );
          log(digest(answers.join()), answers[99]);
        },
      ),

    'half-closed connections': async (log) =>
      serving(
        (socket) => {
          socket.resume().once('end', async () => {
            await delay(5);
            socket.end('after your end');
          });
        },
        async (path) => {
          const client = net.connect({ path, allowHalfOpen: true });
          client.end();
          log(await text(client));
        },
      ),

    'backpressure of a slow reader': async (log) =>
      serving(
        (socket) => socket.pause(),
        async (path) => {
          const client = net.connect(path);
          await once(client, 'connect');
          let written = 0;
          while (client.write(Buffer.alloc(65_536)) && written < 64 << 20) written += 65_536;
          await delay(20);
          log(written < 16 << 20, client.writableNeedDrain);
          client.destroy();
        },
      ),

    'errors of sockets': async (log) => {
      log(await errorOf(() => once(net.connect('/tmp/nobody-listens-here'), 'connect')));
      await inTemporaryFolder(async (folder) => {
        const path = join(folder, 'socket');
        const first = net.createServer().listen(path);
        await once(first, 'listening');
        log(await errorOf(() => once(net.createServer().listen(path), 'listening')));
        first.close();
        await once(first, 'close');
        log(existsSync(path));
        log(await errorOf(() => once(net.connect(path), 'connect')));
        log(
          await errorOf(() =>
            once(net.createServer().listen(join(folder, 'x'.repeat(200))), 'listening'),
          ),
        );
      });
    },

    'a peer that vanishes': async (log) =>
      serving(
        (socket) => {
          socket.once('data', () => socket.destroy());
          socket.on('error', () => {});
        },
        async (path) => {
          const client = net.connect(path);
          client.write('x');
          client.resume();
          await once(client, 'end');
          const failing = once(client, 'error');
          client.write(Buffer.alloc(1 << 20));
          client.write(Buffer.alloc(1 << 20));
          log(((await failing)[0] as NodeJS.ErrnoException).code);
        },
      ),

    'HTTP over a Unix socket': async (log) =>
      inTemporaryFolder(async (folder) => {
        const socketPath = join(folder, 'http');
        const server = http.createServer(async (request, response) => {
          const body = await text(request);
          response.writeHead(201, { 'x-method': request.method! });
          response.end(`${request.url} ${body.length}`);
        });
        server.listen(socketPath);
        await once(server, 'listening');
        const agent = new http.Agent({ keepAlive: true });
        for (let round = 0; round < 20; round++) {
          const request = http.request({
            socketPath,
            agent,
            method: 'POST',
            path: `/path/${round}`,
          });
          request.end('b'.repeat(round * 1000));
          const [response] = (await once(request, 'response')) as [http.IncomingMessage];
          const body = await text(response);
          if (round % 10 === 9) log(response.statusCode, response.headers['x-method'], body);
        }
        agent.destroy();
        server.close();
        await once(server, 'close');
      }),

    'addresses without a network': (log) => {
      log(net.isIP('::1'), net.isIP('10.0.0.1'), net.isIP('x'));
      const list = new net.BlockList();
      list.addSubnet('10.0.0.0', 8);
      log(
        list.check('10.1.2.3'),
        list.check('11.0.0.1'),
        new net.SocketAddress({ address: '1.2.3.4' }).family,
      );
    },
  },
};
