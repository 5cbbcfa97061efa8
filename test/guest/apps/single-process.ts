// Tries every way to start a process, and prints what becomes of it.
import child from 'node:child_process';
import cluster from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

type Failure = NodeJS.ErrnoException;

async function attempt(name: string, start: () => unknown): Promise<void> {
  try {
    const result = await start();
    // Like any program that cannot be started, it becomes an event.
    if (result instanceof EventEmitter) throw (await once(result, 'error').catch((e) => [e]))[0];
    console.log(`${name}: started ${result}`);
  } catch (error) {
    const { code, message } = error as Failure;
    console.log(`${name}: ${code}: ${message}`);
  }
}

await attempt('spawn', () => child.spawn('ls', ['-l']));
await attempt('exec', () => promisify(child.exec)('ls'));
await attempt('execFile', () => promisify(child.execFile)('/bin/ls'));
await attempt('fork', () => child.fork('/app/main.mjs'));
await attempt('spawnSync', () => {
  throw child.spawnSync('ls').error;
});
await attempt('execSync', () => child.execSync('ls'));
await attempt('execFileSync', () => child.execFileSync('ls'));
await attempt('cluster', () => cluster.fork());
await attempt('bad arguments', () => child.spawn(42 as unknown as string));

const worker = new Worker(
  "require('child_process').spawn('ls').on('error', (e) => console.log('worker: ' + e.code))",
  { eval: true },
);
worker.on('exit', () => console.log('the app goes on'));
