// A bare app: no Node, no process, no file system. `npm start -- --app examples/worker`

interface Environment {
  readonly [name: string]: string | undefined;
}

async function digest(request: Request): Promise<Response> {
  const hash = await crypto.subtle.digest('SHA-256', await request.arrayBuffer());
  const text = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0'));
  return new Response(`${text.join('')}\n`);
}

/** Counts to ten, one number each half second: a response that comes in pieces. */
function count(): Response {
  const encoder = new TextEncoder();
  let number = 0;
  const numbers = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (number > 0) await new Promise((resolve) => setTimeout(resolve, 500));
      number += 1;
      controller.enqueue(encoder.encode(`${number}\n`));
      if (number === 10) controller.close();
    },
  });
  return new Response(numbers, { headers: { 'content-type': 'text/plain' } });
}

export default {
  async fetch(request: Request, env: Environment): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/':
        return new Response('Hello from a bare app.\n');
      case '/hello':
        return Response.json({ hello: searchParams.get('name') ?? env.NAME ?? 'world' });
      case '/digest':
        return request.method === 'POST' ? digest(request) : new Response(null, { status: 405 });
      case '/count':
        return count();
      default:
        return new Response('There is nothing here.\n', { status: 404 });
    }
  },
};
