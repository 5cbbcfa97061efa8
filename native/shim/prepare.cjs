// Runs in the app's Node on the machine that builds a warm image, before the process is frozen, as the body of a
// function with the parameters `process`, `require`, which is Node's internal one, and `outcome`, whose property
// `prepared` becomes a promise: the process is frozen once that is fulfilled. The shim calls it
// (src/freezing_node.cc).
//
// What an app goes through before and in its first request, and is the same for every app, is done here: Node's
// modules are loaded, the loader of modules has loaded one, and a server has answered. None of the app's own code
// runs: what it makes, such as keys and connections, must not be the same on all machines.

'use strict';

const { readFileSync } = process.getBuiltinModule('node:fs');

/** One per line, as the image builder has found them in the app. */
const builtinsFile = '/etc/runtime/builtins';

function builtinsOfApp() {
  try {
    return readFileSync(builtinsFile, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** What the first module goes through. */
function loadModule() {
  const { getOrInitializeCascadedLoader } = require('internal/modules/esm/loader');
  const source = 'export default 1;';
  return getOrInitializeCascadedLoader().import(
    `data:text/javascript,${encodeURIComponent(source)}`,
    undefined,
    { __proto__: null },
  );
}

/** What the first request goes through, but for the socket. */
function answerRequest() {
  const { createServer } = process.getBuiltinModule('node:http');
  const { duplexPair } = process.getBuiltinModule('node:stream');
  const server = createServer((request, response) => {
    response.sendDate = false; // Node keeps the header's text for a second, which other machines would send
    response.setHeader('Content-Type', 'text/plain');
    response.end(request.url);
  });
  const [client, side] = duplexPair();
  return new Promise((resolve) => {
    let isSecond = false;
    client.on('data', () => {
      // The first answer loads more than the second one.
      if (!isSecond) client.write('GET /2 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n');
      else client.end();
      isSecond = true;
    });
    client.on('end', () => resolve(undefined));
    server.emit('connection', side);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: -\r\nAccept: */*\r\n\r\n');
  });
}

async function prepare() {
  const names = builtinsOfApp();
  for (const name of names) process.getBuiltinModule(name);
  await loadModule();
  if (names.includes('http')) await answerRequest();
}

outcome.prepared = prepare();
