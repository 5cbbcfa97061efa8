// A newcomer's machine: a registry on loopback that has our packages and passes everything else on, a home
// and caches of its own, and none of the repository's programs on the PATH.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { findFreePort } from '../../../lib/cli/src/network.ts';
import { inRepository, nodeBinary, repository } from '../../../lib/cli/src/paths.ts';
import { pack, publish } from '../../../lib/cli/src/publish/pack.ts';

/** Long enough for a registry on a busy machine. */
const registryLimit = 60_000;
/** Long enough to download Node's package, or to boot, on a busy machine. */
export const stepLimit = 600_000;

/** A newcomer at work. */
export interface Newcomer {
  /** Where apps are created. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Runs a program to its end; a failure throws with its output. */
  run(folder: string, program: string, ...words: string[]): Promise<string>;
  /** Starts a program in a process group of its own. */
  start(folder: string, program: string, ...words: string[]): ChildProcess;
  /** Takes it all away. */
  leave(): Promise<void>;
}

/**
 * Publishes every package and sets a newcomer up.
 * @throws when a package cannot be made or published
 */
export async function newcomer(): Promise<Newcomer> {
  const packages = await pack();
  const home = await mkdtemp(path.join(tmpdir(), 'runtimejs-newcomer-'));
  const port = await findFreePort(4873 + (process.pid % 1000));
  const registry = `http://127.0.0.1:${port}/`;
  const upstream = (
    await execa('npm', ['config', 'get', 'registry'], { cwd: repository })
  ).stdout.trim();
  const settings = path.join(home, 'verdaccio.yaml');
  await writeFile(settings, registrySettings(home, upstream));
  const program = inRepository('node_modules/verdaccio/bin/verdaccio');
  const words = ['--config', settings, '--listen', `127.0.0.1:${port}`];
  const log = createWriteStream(path.join(home, 'registry.log'));
  const server = spawn(nodeBinary, [program, ...words], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  server.stdout.pipe(log);
  server.stderr.pipe(log);
  const leave = async () => {
    if (server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
    await rm(home, { recursive: true, force: true });
  };
  try {
    await waitForRegistry(registry, server);
    const token = await addUser(registry);
    const npmrc = path.join(home, '.npmrc');
    await writeFile(npmrc, `registry=${registry}\n//127.0.0.1:${port}/:_authToken=${token}\n`);
    process.env.npm_config_userconfig = npmrc;
    await publish(packages, registry, 'latest');
  } catch (error) {
    await leave();
    throw error;
  }
  const environment = newcomersEnvironment(home);
  const folder = path.join(home, 'work');
  await mkdir(folder);
  const options = { env: environment, extendEnv: false, all: true, stdin: 'ignore' } as const;
  return {
    folder,
    environment,
    run: async (cwd, program, ...words) => {
      const result = await execa(program, words, { ...options, cwd, timeout: stepLimit });
      return result.all;
    },
    start: (cwd, program, ...words) =>
      spawn(program, words, {
        cwd,
        env: environment,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    leave,
  };
}

function registrySettings(home: string, upstream: string): string {
  return [
    `storage: ${path.join(home, 'storage')}`,
    'auth: { htpasswd: { file: ./htpasswd } }',
    `uplinks: { upstream: { url: "${upstream}", timeout: 120s, maxage: 30m, max_fails: 100 } }`,
    'packages:',
    '  "@runtimejs/*": { access: $all, publish: $authenticated }',
    '  "create-runtime-app": { access: $all, publish: $authenticated }',
    '  "**": { access: $all, proxy: upstream }',
    'max_body_size: 100mb',
    'web: { enable: false }',
    'log: { type: stdout, format: pretty, level: warn }',
    '',
  ].join('\n');
}

async function waitForRegistry(registry: string, server: ChildProcess): Promise<void> {
  const limit = performance.now() + registryLimit;
  for (;;) {
    const answer = await fetch(`${registry}-/ping`).catch(() => undefined);
    if (answer?.ok) return;
    if (server.exitCode !== null)
      throw new Error(`The registry ended with code ${server.exitCode}.`);
    if (performance.now() > limit) throw new Error('The registry does not answer.');
    await sleep(200);
  }
}

async function addUser(registry: string): Promise<string> {
  const answer = await fetch(`${registry}-/user/org.couchdb.user:publisher`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'publisher', password: 'only-on-loopback' }),
  });
  const { token } = (await answer.json()) as { token?: string };
  if (token === undefined) throw new Error(`The registry gives no token: ${answer.status}`);
  return token;
}

/** The environment without what npm scripts and the repository's tools put there. */
function newcomersEnvironment(home: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^npm_|^NODE|^AVA|^INIT_CWD$/i.test(entry[0]),
  );
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const foreign = folders.filter((folder) => !folder.includes(`${path.sep}node_modules`));
  return {
    ...Object.fromEntries(kept),
    PATH: foreign.join(path.delimiter),
    HOME: home,
    XDG_CACHE_HOME: path.join(home, 'cache'),
    npm_config_cache: path.join(home, 'npm-cache'),
    npm_config_userconfig: path.join(home, '.npmrc'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
  };
}
