// A program that does what its argument says: nothing good.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';

const kept: unknown[] = [];

function throwError(): never {
  throw new RangeError('this program fails');
}

// What has no effect is left out by the bundler, even if it never ends.
function spin(): never {
  for (;;) kept.length = 0;
}

function recurse(depth: number): number {
  return recurse(depth + 1) + 1;
}

function hoard(): never {
  for (;;) kept.push({ size: [kept.length] });
}

function hoardBuffers(): never {
  for (;;) kept.push(new Uint8Array(1 << 20).fill(1));
}

function grab(): never {
  for (;;) kept.push(new Array(3_000_000).fill(0.5));
}

async function failLater(): Promise<void> {
  await null;
  throwError();
}

function flood(context: IsolateContext): never {
  const bytes = new Uint8Array(100);
  context.channel.start({ readable() {}, writable() {}, closed() {} });
  for (;;) context.channel.send(bytes);
}

export default (context: IsolateContext): void => {
  switch (context.argument) {
    case 'exception':
      setTimeout(throwError, 1);
      break;
    case 'rejection':
      void failLater();
      break;
    case 'loop':
      spin();
      break;
    case 'recursion':
      kept.push(recurse(0));
      break;
    case 'heap':
      hoard();
      break;
    case 'large':
      grab();
      break;
    case 'buffers':
      hoardBuffers();
      break;
    case 'flood':
    case 'full':
      flood(context);
      break;
    default:
      context.finish();
  }
};
