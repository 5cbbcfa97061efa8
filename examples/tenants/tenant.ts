// One tenant: a program in an isolate of its own. It has a heap of 16 MiB, and a channel to the router.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { TenantRequest, TenantResponse, TenantService } from './service.ts';

const encoder = new TextEncoder();
const kept: unknown[] = [];
let visits = 0;

function text(content: string, status = 200): TenantResponse {
  return { status, type: 'text/plain; charset=utf-8', body: encoder.encode(`${content}\n`) };
}

function spin(): never {
  for (;;) visits++;
}

function hoard(): never {
  for (;;) kept.push({ number: [kept.length] });
}

export default ({ channel, name }: IsolateContext): void => {
  const serve: TenantService = {
    async fetch({ method, target, body }: TenantRequest): Promise<TenantResponse> {
      visits++;
      switch (target) {
        case '/':
          return text(`Hello from ${name}: visit ${visits}.`);
        case '/echo':
          return { status: 200, type: 'application/octet-stream', body };
        case '/loop':
          return spin();
        case '/hoard':
          return hoard();
        case '/kept':
          return text(`${name} keeps ${kept.length} things.`);
        case '/crash':
          setTimeout(() => {
            throw new Error(`${name} fails`);
          }, 0);
          return text('It is about to fail.');
        default:
          return text(`${name} has no answer to ${method} ${target}.`, 404);
      }
    },
  };
  connect<unknown, TenantService>(channel, { serve });
};
