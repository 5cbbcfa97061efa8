/**
 * A service on the network: it begins with a line, and then lines over TCP are commands to the counter, each of which is
 * answered with a line. Datagrams are sent back.
 */
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Sockets, TcpConnection } from '@runtimejs/system/service/sockets/types.ts';
import type { PlaceableService } from '@runtimejs/system/service/types.ts';
import type { Counter } from './counter.ts';

/** What the composition gives it. */
export interface Ports {
  readonly tcp: number;
  readonly udp: number;
}

const service: PlaceableService = {
  name: 'lines',
  async start({ argument, endpoint, log }) {
    const { tcp, udp } = argument as unknown as Ports;
    const sockets = endpoint<Sockets>('sockets');
    const counter = endpoint<Counter>('counter');
    const socket = await sockets.udp({ port: udp });
    const listener = await sockets.listen({ port: tcp });
    void (async () => {
      for await (const { bytes, from } of await socket.datagrams()) await socket.send(bytes, from);
    })();
    void (async () => {
      for await (const { connection } of await listener.connections()) {
        converse(connection, counter).catch((error) => log('info', `lines: ${error}`));
      }
    })();
  },
};
export default service;

async function converse(
  connection: Remote<TcpConnection>,
  counter: Remote<Counter>,
): Promise<void> {
  const write = (line: string): Promise<void> =>
    connection.write(Uint8Array.from(`${line}\n`, (character) => character.charCodeAt(0)));
  await write('hello');
  let text = '';
  for await (const bytes of await connection.data()) {
    text += String.fromCharCode(...bytes);
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const [command = '', word = ''] = text.slice(0, end).split(' ');
      text = text.slice(end + 1);
      const answer = await run(command, word, counter).catch(
        (error: Error & { code?: string }) => `${error.code ?? error.name}: ${error.message}`,
      );
      await write(answer.replaceAll('\n', ' '));
    }
  }
  await connection.close();
}

async function run(command: string, word: string, counter: Remote<Counter>): Promise<string> {
  switch (command) {
    case 'add':
      return `${await counter.add()}`;
    case 'version':
      return counter.version();
    case 'hang':
      await counter.hang();
      return 'it has answered';
    case 'numbers': {
      let sum = 0;
      for await (const number of await counter.numbers()) {
        sum += number;
        if (number === Number(word)) return `${sum}`;
      }
      return 'ended';
    }
    case 'counter':
      await counter.misbehave(word);
      return 'asked';
    case 'throw':
      throw new TypeError('this is an answer');
    case 'end':
      void Promise.reject(new Error('nobody handles this'));
      return 'ends';
    default:
      return `unknown: ${command}`;
  }
}
