// Finds patterns that anybody may send, and goes on when one takes for ever. `npx runtime dev` in this folder
import { createServer } from 'node:http';
import { endpoint } from '@runtimejs/isolate/endpoint.ts';
import type { Matcher } from './matcher.ts';

const port = 8080;
const matcher = endpoint<Matcher>('matcher');

const server = createServer(async (request, response) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://machine');
  const pattern = searchParams.get('pattern') ?? '\\w+';
  const text = searchParams.get('text') ?? 'words are what it finds';
  try {
    const found = await matcher.find(pattern, text);
    response.end(`${JSON.stringify(found)}\n`);
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string };
    response.writeHead(code === 'peer-gone' ? 503 : 400).end(`${message}\n`);
  }
});
server.listen(port, () => console.log(`Listening on port ${port}.`));
