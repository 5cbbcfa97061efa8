// Runs in the app's Node on the machine that builds a warm image, before the process is frozen, as the body of a
// function with the parameters `process`, `require`, which is Node's internal one, and `outcome`. Its property
// `prepared` becomes a promise; when that is fulfilled garbage is collected, its function `compile` is called, and the
// process is frozen. The shim calls it (src/freezing_node.cc).
//
// What an app goes through before and in its first request, and is the same for every app, is done here: Node's
// modules are loaded, the loader of modules has loaded one, and a server has answered. None of the app's own code
// runs: what it makes, such as keys and connections, must not be the same on all machines.

'use strict';

const { internalBinding } = require('internal/bootstrap/realm');
const { mkdirSync, readFileSync, rmSync, writeFileSync } = process.getBuiltinModule('node:fs');

/** One per line, as the image builder has found them in the app. */
const builtinsFile = '/etc/runtime/builtins';

/** For what the first module and request need; gone before the process is frozen. */
const folder = '/tmp/first';

function builtinsOfApp() {
  try {
    return readFileSync(builtinsFile, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** What the first module goes through: one that is a file, and uses a module of Node. */
async function loadModule(builtin) {
  const { getOrInitializeCascadedLoader } = require('internal/modules/esm/loader');
  const file = `${folder}/first.mjs`;
  const map = { version: 3, file: 'first.mjs', sources: ['first.ts'], names: [], mappings: 'AAAA' };
  writeFileSync(`${file}.map`, JSON.stringify(map));
  writeFileSync(
    file,
    `import * as builtin from 'node:${builtin}';\nexport default builtin;\n//# sourceMappingURL=first.mjs.map\n`,
  );
  await getOrInitializeCascadedLoader().import(`file://${file}`, undefined, { __proto__: null });
}

/** What the first request goes through, but for TCP: the network does not run yet. */
function answerRequest() {
  const { createServer } = process.getBuiltinModule('node:http');
  const { connect } = process.getBuiltinModule('node:net');
  const socket = `${folder}/socket`;
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end(request.url);
  });
  return new Promise((resolve) => {
    server.on('close', () => resolve(undefined));
    server.listen(socket, () => {
      const client = connect(socket);
      let isSecond = false;
      client.on('data', () => {
        // The first answer loads more than the second one.
        if (!isSecond) client.write('GET /2 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n');
        else client.end();
        isSecond = true;
      });
      client.on('close', () => server.close());
      client.write('GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: -\r\nAccept: */*\r\n\r\n');
    });
  });
}

async function prepare() {
  const names = builtinsOfApp();
  for (const name of names) process.getBuiltinModule(name);
  mkdirSync(folder);
  await loadModule(names[0] ?? 'fs');
  if (names.includes('http')) {
    await answerRequest();
    // Node keeps the text of the Date header for the rest of the second: other machines must not send it.
    await new Promise((resolve) => setTimeout(resolve, 1100));
  }
  rmSync(folder, { recursive: true });
}

/**
 * Compiles the app's module with all its functions, and does not run it: V8 finds what it has compiled by the text.
 * @param {string} file
 */
function compileModule(file) {
  const { compileSourceTextModule, SourceTextModuleTypes } = require('internal/modules/esm/utils');
  const { setFlagsFromString } = internalBinding('v8');
  const { href } = process.getBuiltinModule('node:url').pathToFileURL(file);
  const source = readFileSync(file, 'utf8');
  setFlagsFromString('--no-lazy');
  try {
    compileSourceTextModule(href, source, SourceTextModuleTypes.kUser);
  } catch {
    // The app tells when it is run.
  } finally {
    setFlagsFromString('--lazy');
  }
}

function compile() {
  /^/.exec(''); // as Node does before the app's first line
  const [, file] = process.argv;
  if (file?.endsWith('.mjs')) compileModule(file);
}

Object.assign(outcome, { prepared: prepare(), compile });
