// Runs in a machine of `runtime dev` that stands by, before the app's entry module: Node is up and waits here for
// the modules that changed since its image was made. Node then loads these in place of the files of the image, in
// the app's Workers, too.
import { registerHooks } from 'node:module';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

/** This host, as QEMU's user network shows it to the guest. */
const hostAddress = '10.0.2.2';
/** Between two attempts to connect, in ms: the network comes up while Node starts. */
const pause = 50;
const dataKey = 'runtimejs:changed-modules';

/** Takes a variable out of the environment, which is to be the app's alone. */
function take(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value;
}

/** Says who this is and receives what the host sends then, which may take hours. */
function receive(port: number, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, hostAddress, () => socket.write(`${token}\n`));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      text += piece;
    });
    socket.on('end', () => (text === '' ? reject(new Error('nothing came')) : resolve(text)));
    socket.on('error', reject);
  });
}

async function receiveModules(port: number, token: string): Promise<[string, string][]> {
  for (;;) {
    try {
      return JSON.parse(await receive(port, token));
    } catch {
      await sleep(pause);
    }
  }
}

if (isMainThread) {
  const [port = '', token = ''] = take('RUNTIMEJS_STANDBY')?.split(':') ?? [];
  const nodeOptions = take('RUNTIMEJS_NODE_OPTIONS');
  if (nodeOptions === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = nodeOptions;
  setEnvironmentData(dataKey, await receiveModules(Number(port), token));
}

const changed = new Map(
  (getEnvironmentData(dataKey) as [string, string][]).map(([file, source]) => [
    pathToFileURL(file).href,
    source,
  ]),
);

registerHooks({
  load(url, context, nextLoad) {
    const source = changed.get(url.replace(/[?#].*$/, ''));
    return source === undefined
      ? nextLoad(url, context)
      : { format: 'module', source, shortCircuit: true };
  },
});
