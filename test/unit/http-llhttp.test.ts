/**
 * The corpus before Node's own HTTP server on this host, whose parser is llhttp. Where the two disagree, the reason is
 * here: each time this server follows a rule that Node leaves to the program, or one that Node is stricter about.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test from 'ava';
import { bytesOf, corpus } from './support/http-corpus.ts';

const hostIsTheProgramsMatter = 'Node leaves Host to the program; RFC 9112, section 3.2, wants 400';
const targetIsTheProgramsMatter = 'Node leaves the target to the program';
const lenientBefore = 'Node skips any line ends before a request; RFC 9112, section 2.2, wants one';
const oldOrNew = 'Node hands versions 0.9 and 2.0 to the program as they are';
const codingIsTheProgramsMatter =
  'Node leaves codings other than chunked to the program, as long as chunked is last';

/** What Node takes and this server refuses, or the other way round. */
const differences: Readonly<Record<string, string>> = {
  'two empty lines before': lenientBefore,
  'bare carriage return before': lenientBefore,
  'bare line feed before': lenientBefore,
  'two spaces': 'Node skips spaces before the target; RFC 9112, section 3, allows either',
  'fragment in the target': targetIsTheProgramsMatter,
  'HTTP/0.9': oldOrNew,
  'HTTP/0.9 by name': oldOrNew,
  'HTTP/2': oldOrNew,
  'coding in HTTP/1.0':
    'Node takes it; RFC 9112, section 6.1, calls the framing of such a message faulty',
  'HTTP/1.2': 'Node knows 1.0 and 1.1 only; RFC 9110, section 2.5, wants it to be read as 1.1',
  'target too long': 'Node has one limit, for the whole head',
  'lower-case method': 'Node knows a list of methods; RFC 9110, section 9.1, leaves that open',
  'absolute form, bad host': targetIsTheProgramsMatter,
  'absolute form of another scheme': targetIsTheProgramsMatter,
  'asterisk form of GET': targetIsTheProgramsMatter,
  'absolute form without a host': targetIsTheProgramsMatter,
  'absolute form with a bad port': targetIsTheProgramsMatter,
  'absolute form of https': targetIsTheProgramsMatter,
  'asterisk with a query': targetIsTheProgramsMatter,
  'too many fields': 'Node drops what is beyond its limit',
  'too many fields in the trailer': 'Node drops what is beyond its limit',
  'two Hosts': hostIsTheProgramsMatter,
  'two Hosts in HTTP/1.0': hostIsTheProgramsMatter,
  'two equal Hosts': hostIsTheProgramsMatter,
  'Host with a path': hostIsTheProgramsMatter,
  'Host with a user': hostIsTheProgramsMatter,
  'Host with a space': hostIsTheProgramsMatter,
  'Host with a bad port': hostIsTheProgramsMatter,
  'Host with brackets amiss': hostIsTheProgramsMatter,
  'Host in capitals beside Host': hostIsTheProgramsMatter,
  'Host with a scheme': hostIsTheProgramsMatter,
  'Host with a list': hostIsTheProgramsMatter,
  'Host with a negative port': hostIsTheProgramsMatter,
  'Host with two ports': hostIsTheProgramsMatter,
  'Host with a question mark': hostIsTheProgramsMatter,
  'Host with a backslash': hostIsTheProgramsMatter,
  'Host of high bytes': hostIsTheProgramsMatter,
  'Host in brackets with more': hostIsTheProgramsMatter,
  'coding in tabs': 'Node takes no tab around a coding; RFC 9112, section 5.1, allows it',
  'coding and nothing before a comma': codingIsTheProgramsMatter,
  'identity, chunked': codingIsTheProgramsMatter,
  'gzip and chunked in two fields': codingIsTheProgramsMatter,
  'blanks around extensions': 'Node refuses them; RFC 9110, section 5.6.3, wants them read over',
  'extension without a value': 'Node takes it; RFC 9112, section 7.1.1, has no such extension',
  'fields of framing in the trailer':
    'Node refuses them there; RFC 9110, section 6.5.1, lets them be dropped',
  'two expectations': 'Node looks for 100-continue anywhere in the field',
  'expectation with a parameter': 'Node looks for 100-continue anywhere in the field',
};

const hidden = 'GET /hidden HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n';

interface Seen {
  readonly target: string;
  readonly content: string;
}

/** Starts Node's server. @returns a way to send bytes to it, and to learn which requests it took of them */
async function nodeServer() {
  const seen = new Map<number, Seen[]>();
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const port = request.socket.remotePort as number;
    let content = '';
    request.setEncoding('latin1');
    request.on('data', (piece: string) => {
      content += piece;
    });
    request.on('end', () => {
      seen.set(port, [...(seen.get(port) ?? []), { target: request.url ?? '', content }]);
      response.end('ok');
    });
  });
  // Ports are used again.
  server.on('connection', ({ remotePort }) => seen.set(remotePort as number, []));
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    async send(text: string): Promise<readonly Seen[]> {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const own = socket.localPort as number;
      // A reset is an answer, too.
      socket.on('error', () => {});
      socket.resume();
      const closed = once(socket, 'close').catch(() => {});
      socket.end(bytesOf(text));
      await closed;
      return seen.get(own) ?? [];
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test('this server and llhttp agree, but where a rule says otherwise', async (t) => {
  const server = await nodeServer();
  const disagreed: string[] = [];
  const left = corpus.values();
  const lane = async (): Promise<void> => {
    for (const { name, bytes, outcome } of left) {
      const taken = await server.send(bytes + hidden);
      const ours = typeof outcome === 'string' ? [] : [outcome];
      const theirs = taken.filter(({ target }) => target !== '/hidden');
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) disagreed.push(name);
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  server.close();
  t.deepEqual(disagreed.sort(), Object.keys(differences).sort());
});
