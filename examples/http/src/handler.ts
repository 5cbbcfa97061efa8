import type { RequestListener, ServerResponse } from 'node:http';
import { gatherFacts } from './facts.ts';
import { renderPage } from './page.ts';

/** Makes the function that answers requests. It counts them, for the page. */
export function createHandler(): RequestListener {
  let requests = 0;
  return (request, response) => {
    requests++;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(response, 405, 'text/plain', 'Only GET and HEAD are answered here.\n');
      return;
    }
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    switch (pathname) {
      case '/':
        send(response, 200, 'text/html', renderPage(gatherFacts(request.socket, requests)));
        return;
      case '/hello':
        send(response, 200, 'text/plain', 'hello\n');
        return;
      case '/facts':
        send(
          response,
          200,
          'application/json',
          `${JSON.stringify(Object.fromEntries(gatherFacts(request.socket, requests)), null, 2)}\n`,
        );
        return;
      default:
        send(response, 404, 'text/plain', `There is nothing at ${pathname}.\n`);
    }
  };
}

/** Sends a whole body; Node leaves it out when the request was HEAD. */
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}
