/** Between the HTTP server and the app: requests to fetch(), its responses back. */
import type { Exchange, OutgoingBody, OutgoingResponse } from '@runtimejs/http/connection/types.ts';
import { Request } from '@runtimejs/web/request.ts';
import { Response } from '@runtimejs/web/response.ts';
import type { AppContext } from './services.ts';

/** Environment variables of the app. */
export type Environment = Readonly<Record<string, string>>;

/** What a bare app exports as default. */
export interface WorkerApp {
  /** Answers a request. */
  fetch(request: Request, env: Environment, context: AppContext): Response | Promise<Response>;
}

/** Of an app that has no endpoints. */
const withoutEndpoints: AppContext = {
  endpoint: (name) => {
    throw new RangeError(
      `The app has no endpoint ${name}: name it in "endpoints" of runtime.config.ts.`,
    );
  },
};

/** Writes an error with its stack where the app's own messages go. */
export type ReportError = (text: string) => void;

/** Makes what the server calls for each request. */
export function createHandler(
  app: WorkerApp,
  env: Environment,
  report: ReportError,
  context: AppContext = withoutEndpoints,
): (exchange: Exchange) => void {
  return (exchange) => {
    let result: Response | Promise<Response>;
    try {
      result = app.fetch(Request.received(exchange), env, context);
    } catch (error) {
      fail(exchange, error, report);
      return;
    }
    if (result instanceof Response) {
      respond(exchange, result, report);
      return;
    }
    Promise.resolve(result).then(
      (response) => respond(exchange, response, report),
      (error) => fail(exchange, error, report),
    );
  };
}

function respond(exchange: Exchange, response: Response, report: ReportError): void {
  try {
    if (!(response instanceof Response)) {
      throw new TypeError(`fetch() must return a Response, and has returned ${show(response)}.`);
    }
    const outgoing = Response.outgoing(response);
    exchange.respond(withReports(outgoing, (error) => tell(exchange, error, report)));
  } catch (error) {
    fail(exchange, error, report);
  }
}

/** Has errors of content that comes in pieces reported: its client only sees that the connection breaks. */
function withReports(
  response: OutgoingResponse,
  report: (error: unknown) => void,
): OutgoingResponse {
  const { body } = response;
  if (body === null || typeof body !== 'object' || !('pull' in body)) return response;
  const watched: OutgoingBody = {
    length: body.length,
    pull: (then) =>
      body.pull((piece, error) => {
        if (error !== undefined) report(error);
        then(piece, error);
      }),
    cancel: (reason) => body.cancel(reason),
  };
  return { ...response, body: watched };
}

function fail(exchange: Exchange, error: unknown, report: ReportError): void {
  tell(exchange, error, report);
  exchange.respond({
    status: 500,
    reason: '',
    fields: ['Content-Type', 'text/plain; charset=utf-8'],
    body: 'Internal Server Error\n',
  });
}

function tell({ head }: Exchange, error: unknown, report: ReportError): void {
  const stack = error instanceof Error ? (error.stack ?? String(error)) : show(error);
  report(`${head.method} ${head.target}: ${stack}`);
}

function show(value: unknown): string {
  try {
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  } catch {
    return 'something that cannot be shown';
  }
}
