#!/usr/bin/env node
// Plain JavaScript without imports, so that an old Node gets to the message below.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  console.error(
    `error: This is Node ${process.versions.node}; Node 20.12 or newer is needed.\n` +
      'Install a current one: https://nodejs.org, or with a version manager: nvm install --lts',
  );
  process.exit(1);
}
/** @param {string} name */
const url = (name) => new URL(`../src/main.${name}`, import.meta.url);
const { existsSync } = await import('node:fs');
const { main } = await import(existsSync(url('js')) ? url('js').href : url('ts').href);
process.exitCode = await main(process.argv.slice(2));
