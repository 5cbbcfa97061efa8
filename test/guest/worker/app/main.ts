// A bare app that is asked what works in it.

/** Tries the web platform's API. @returns what is wrong, by name */
async function tryApi(): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  const check = async (name: string, run: () => unknown): Promise<void> => {
    try {
      const result = await run();
      if (result !== true) wrong[name] = JSON.stringify(result) ?? String(result);
    } catch (error) {
      wrong[name] = String(error);
    }
  };
  await check('URL', () => {
    const url = new URL('../a b?x=1&y=ü#z', 'http://EXAMPLE.org:80/c/d/e');
    return (
      url.href === 'http://example.org/c/a%20b?x=1&y=%C3%BC#z' && url.searchParams.get('y') === 'ü'
    );
  });
  await check(
    'URL with a name beyond ASCII',
    () => new URL('http://Bücher.example/').host === 'xn--bcher-kva.example',
  );
  await check(
    'URLSearchParams',
    () => new URLSearchParams({ a: 'b c', d: '&' }).toString() === 'a=b+c&d=%26',
  );
  await check(
    'TextEncoder',
    () => String(new TextEncoder().encode('é€😀')) === '195,169,226,130,172,240,159,152,128',
  );
  await check(
    'TextDecoder',
    () => new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0xff)) === 'é\ufffd',
  );
  await check('structuredClone', () => {
    const value = {
      map: new Map([[1, new Date(5)]]),
      bytes: Uint8Array.of(1, 2),
      self: null as unknown,
    };
    value.self = value;
    const copy = structuredClone(value);
    return copy.self === copy && copy.map.get(1)?.getTime() === 5 && copy.bytes[1] === 2;
  });
  await check('structuredClone of a function', () => {
    try {
      structuredClone(() => {});
    } catch (error) {
      return (error as Error).name === 'DataCloneError';
    }
    return false;
  });
  await check(
    'atob, btoa',
    () => atob(btoa('\u00ff\u0000a')) === '\u00ff\u0000a' && btoa('hello') === 'aGVsbG8=',
  );
  await check('crypto', async () => {
    const digest = new Uint8Array(
      await crypto.subtle.digest('SHA-1', new TextEncoder().encode('abc')),
    );
    const random = crypto.getRandomValues(new Uint32Array(4));
    return (
      digest[0] === 0xa9 &&
      random.some((word) => word !== 0) &&
      /^[\da-f-]{36}$/.test(crypto.randomUUID())
    );
  });
  await check('AbortController', async () => {
    const controller = new AbortController();
    const aborted = new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    controller.abort(new Error('why'));
    await aborted;
    return controller.signal.aborted && (controller.signal.reason as Error).message === 'why';
  });
  await check('AbortSignal.timeout', async () => {
    const signal = AbortSignal.any([AbortSignal.timeout(10)]);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return (signal.reason as Error).name === 'TimeoutError';
  });
  await check('timers', async () => {
    const order: string[] = [];
    setTimeout(() => order.push('timer'), 0);
    queueMicrotask(() => order.push('microtask'));
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    return order.join() === 'microtask,timer' && performance.now() - start >= 19;
  });
  await check('streams', async () => {
    const upper = new TransformStream<string, string>({
      transform: (text, controller) => controller.enqueue(text.toUpperCase()),
    });
    const source = new ReadableStream<string>({
      start(controller) {
        controller.enqueue('a');
        controller.enqueue('b');
        controller.close();
      },
    });
    let all = '';
    for await (const piece of source.pipeThrough(upper)) all += piece;
    return all === 'AB';
  });
  await check('Headers', () => {
    const headers = new Headers([
      ['B', '1'],
      ['a', '2'],
      ['b', '3'],
    ]);
    headers.append('Set-Cookie', 'x');
    headers.append('Set-Cookie', 'y');
    return (
      JSON.stringify([...headers]) ===
      '[["a","2"],["b","1, 3"],["set-cookie","x"],["set-cookie","y"]]'
    );
  });
  await check('Request and Response', async () => {
    const request = new Request('http://a/b', { method: 'post', body: 'content' });
    const copy = request.clone();
    const response = Response.json({ text: await request.text() }, { status: 201 });
    return (
      request.bodyUsed &&
      (await copy.text()) === 'content' &&
      response.headers.get('content-type') === 'application/json' &&
      ((await response.json()) as { text: string }).text === 'content'
    );
  });
  await check('no Node', () => typeof process === 'undefined' && typeof require === 'undefined');
  return wrong;
}

/** Sends back what comes, as it comes. */
function echo(request: Request): Response {
  return new Response(request.body, {
    headers: { 'x-type': request.headers.get('content-type') ?? '' },
  });
}

function fails(): never {
  throw new Error('this route fails');
}

let slow = 0;

export default {
  async fetch(request: Request, env: Record<string, string>): Promise<Response> {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case '/api':
        return Response.json(await tryApi());
      case '/log':
        console.log('said in a request');
        return new Response('said');
      case '/echo':
        return echo(request);
      case '/env':
        return Response.json(env);
      case '/fails':
        return fails();
      case '/nothing':
        return undefined as unknown as Response;
      case '/breaks':
        return new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new TextEncoder().encode('some'));
              controller.error(new Error('the content breaks'));
            },
          }),
        );
      case '/slow':
        slow += 1;
        console.log(`waiting: ${slow}`);
        await new Promise((resolve) => setTimeout(resolve, 3000));
        return new Response('answered at the end');
      default:
        return new Response(`${request.method} ${request.url}`);
    }
  },
};
