// A bare app of which the test makes several versions, by replacing text.
const version = 'version 0';
let visits = 0;

export default {
  async fetch(request: Request): Promise<Response> {
    visits++;
    switch (new URL(request.url).pathname) {
      case '/slow':
        await new Promise((resolve) => setTimeout(resolve, 500));
        return new Response(version);
      case '/echo': {
        const bytes = new Uint8Array(await request.arrayBuffer());
        return Response.json({
          length: bytes.length,
          isOwn: (globalThis as { mark?: number }).mark === undefined,
        });
      }
      case '/mark':
        (globalThis as { mark?: number }).mark = 1;
        return new Response(version);
      case '/stack':
        return new Response(new Error('here').stack);
      case '/visits':
        return Response.json(visits);
      default:
        return new Response(version);
    }
  },
  handOver: (): unknown => ({ visits, seen: new Map() }),
  takeOver(state: { readonly visits: number; readonly seen: unknown }): void {
    if (!(state.seen instanceof Map)) throw new TypeError('The state is of foreign classes.');
    visits = state.visits;
  },
};
