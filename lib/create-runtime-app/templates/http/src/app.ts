import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers a request. */
export function app(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname === '/') {
    response.setHeader('Content-Type', 'application/json');
    response.end(`${JSON.stringify({ hello: 'world', node: process.version })}\n`);
    return;
  }
  response.statusCode = 404;
  response.end(`There is nothing at ${pathname}.\n`);
}
