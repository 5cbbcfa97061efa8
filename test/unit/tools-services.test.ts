// Services in runtime.config.ts: where they run, whom they may call, and what is refused when the app is built.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildWorkerParts, composition, servicesOf } from '../../lib/cli/src/app/composition.ts';
import { type App, loadApp } from '../../lib/cli/src/config/load.ts';
import { temporaryFolder } from './tools-fixtures.ts';

/** Modules of the project, by their names in src. */
const modules = {
  'counter.ts': `import type { PlaceableService } from '@runtimejs/system/service/types.ts';
    const service: PlaceableService = { name: 'counter', start: () => {}, serve: () => ({}) };
    export default service;`,
  'silent.ts': "export default { name: 'silent', start() {} };",
  'taking.ts': `function start({ platform, log }: never) { return () => platform.now(); }
    const service = { name: 'taking', start };
    export { service as default };`,
  'reading.ts': `export default {
      name: 'reading',
      start: (context: { bindings: unknown }) => { const { memory } = context; return () => 0; },
    };`,
  'calling.ts': `export default {
      name: 'calling',
      start(given) { given.endpoint('counter').bindings(); const other = { platform: 1 }; return other.platform; },
    };`,
};

/** @param more of package.json and of the config */
async function load(
  t: ExecutionContext,
  services: string,
  more: { readonly manifest?: string; readonly config?: string } = {},
): Promise<App> {
  const { manifest = '', config = '' } = more;
  const folder = await temporaryFolder(t);
  const all = {
    'package.json': `{ "name": "shop", "type": "module", "main": "src/main.ts"${manifest} }`,
    'src/main.ts': 'console.log(1);',
    'runtime.config.ts': `export default { services: ${services}${config} };`,
    ...Object.fromEntries(Object.entries(modules).map(([name, text]) => [`src/${name}`, text])),
  };
  await mkdir(path.join(folder, 'src'));
  for (const [name, text] of Object.entries(all)) await writeFile(path.join(folder, name), text);
  return loadApp(folder, { command: 'build' });
}

test('a service shares the system isolate, or has one of its own, with the same module', async (t) => {
  const app = await load(
    t,
    `[
      './src/silent.ts',
      { service: './src/counter.ts', placement: 'own', heapLimit: '32M', cpuShare: 0.5, restart: { mostRestarts: 3 } },
      { service: './src/calling.ts', name: 'first', endpoints: ['counter', 'sockets'], argument: { a: [1] } },
      { service: '@runtimejs/sntp/service.ts', placement: 'own', endpoints: ['sockets', 'clock'] },
    ]`,
  );
  const source = composition(app) ?? '';
  t.regex(source, /import service0 from ".*\/src\/silent\.ts"/);
  t.notRegex(source, /import \w+ from ".*counter\.ts"/, 'a placed one is not in the bundle');
  t.true(source.includes('hosted(service0, {"name":"silent"})'));
  t.true(
    source.includes(
      'placedService({ ...{"name":"counter","heapLimit":33554432,"cpuShare":0.5,"restart":{"mostRestarts":3}}, ' +
        'entry: new URL("./services/counter.mjs", import.meta.url) })',
    ),
    source,
  );
  t.true(
    source.includes(
      'hosted(service2, {"name":"first","argument":{"a":[1]},"endpoints":["counter","sockets"]})',
    ),
  );
  t.true(source.includes('"name":"sntp"'), 'a package gives its service a name');
  t.true(source.includes('configuration: [automatic(), sockets()]'));
  t.regex(source, /services: \[.*, clock\(\), /);
  const programs = servicesOf(app).programs;
  t.deepEqual([...programs.keys()], ['services/counter.mjs', 'services/sntp.mjs']);
  t.regex(programs.get('services/counter.mjs') ?? '', /import service from ".*\/src\/counter\.ts"/);
});

const bare = ', "runtimejs": "worker"';

test('a bare app has its services beside it, apart from it when it is to be replaced', async (t) => {
  const services = "[{ service: './src/counter.ts', placement: 'own' }, './src/silent.ts']";
  const config = ", endpoints: ['counter', 'sockets']";
  const app = await load(t, services, { manifest: bare, config });
  await mkdir(app.work, { recursive: true });
  for (const isReloadable of [false, true]) {
    const parts = await buildWorkerParts(app, isReloadable);
    t.true(parts?.hasEndpoints);
    const text = await readFile(parts?.file ?? '', 'utf8');
    const value =
      /\{ services: \[placedService\(.*\), hosted\(.*\)\], endpoints: \["counter","sockets"\], configuration: \[sockets\(\)\] \}/;
    t.regex(text, value);
    t.is(text.includes('export const parts = connectApp({'), !isReloadable);
    t.true(text.includes('new URL("./services/counter.mjs", import.meta.url)'));
  }
  t.is(await buildWorkerParts(await load(t, '[]', { manifest: bare })), undefined);
});

test('an app calls what there is, a bare one and one in Node', async (t) => {
  const config = ", endpoints: ['counted']";
  const app = await load(t, "['./src/counter.ts']", { manifest: bare, config });
  t.throws(() => servicesOf(app), {
    message:
      /^The app is to call "counted", which is nothing that it could\. Did you mean "counter"\? There is: sockets, clock, counter\.$/,
  });
  const inNode = await load(t, "['./src/counter.ts']", { config: ", endpoints: ['counter']" });
  t.regex(composition(inNode) ?? '', /appEndpoints\(\["counter"\]\)/);
});

test('nobody who does not need it has the endpoints of the system', async (t) => {
  const source = composition(await load(t, "['./src/silent.ts']")) ?? '';
  t.notRegex(source, /sockets|clock|placed/);
});

for (const [what, services, message] of [
  [
    'a synchronous interface',
    "[{ service: './src/taking.ts', placement: 'own' }]",
    /^The service taking cannot have an isolate of its own: its start\(\) takes "platform" of its context, devices, .* synchronous\. Use something else \(now\(\), at\(\) and log\(\).*leave out placement: 'own'\.$/,
  ],
  [
    'one that is taken later',
    "[{ service: './src/reading.ts', placement: 'own' }]",
    /^The service reading cannot .* takes "memory" of its context/,
  ],
  [
    'an endpoint that is none',
    "['./src/counter.ts', { service: './src/calling.ts', endpoints: ['countr'] }]",
    /^The service calling is to call "countr", .* Did you mean "counter"\? There is: sockets, clock, counter\.$/,
  ],
  [
    'itself as an endpoint',
    "[{ service: './src/counter.ts', endpoints: ['counter'] }]",
    /^The service counter is to call "counter", which is nothing that it could\./,
  ],
  [
    'a service that serves nothing',
    "['./src/silent.ts', { service: './src/calling.ts', endpoints: ['silent'] }]",
    /^The service calling is to call silent, which serves nothing\. Give the default export of \.\/src\/silent\.ts a function serve\(\)/,
  ],
  [
    'two of one name',
    "['./src/silent.ts', { service: './src/counter.ts', name: 'silent' }]",
    /^The service \.\/src\/counter\.ts has the name "silent", as another service has\./,
  ],
  [
    'the name of an endpoint of the system',
    "[{ service: './src/counter.ts', name: 'clock' }]",
    /has the name "clock", as an endpoint of the system has\./,
  ],
  [
    'limits without an isolate',
    "[{ service: './src/counter.ts', heapLimit: 16 }]",
    /^The service counter has "heapLimit", which is for isolates: add placement: 'own'/,
  ],
] as const) {
  test(`refused: ${what}`, async (t) => {
    const app = await load(t, services);
    t.throws(() => composition(app), { message });
  });
}

test('who only calls others by such names is not refused', async (t) => {
  const services = "['./src/counter.ts', { service: './src/calling.ts', placement: 'own' }]";
  t.truthy(composition(await load(t, services)));
});

for (const [services, message] of [
  [
    "[{ service: './src/counter.ts', placement: 'elsewhere' }]",
    /services\[0\]: .* Allowed: modules such as .* placement: "system" or "own"/,
  ],
  [
    "[{ service: './src/counter.ts', cpuShare: 2 }]",
    /services\[0\]\.cpuShare: 2 is not possible\. Allowed: a number above 0 and at most 1\./,
  ],
  [
    "[{ service: './src/counter.ts', placment: 'own' }]",
    /services\.0\.placment: there is no such key\. Did you mean "placement"\?/,
  ],
  [
    "[{ service: './src/counter.ts', restart: { often: true } }]",
    /restart\.often: there is no such key\. Allowed: restart, firstPause, /,
  ],
  ["[{ service: './src/counter.ts', heapLimit: '1T' }]", /Allowed: a whole number of MiB from 1/],
  ['[7]', /services\[0\]: 7 is not possible\. Allowed: modules such as "\.\/src\/service\.ts"/],
] as const) {
  test(`a config is told what is right: ${services}`, async (t) => {
    await t.throwsAsync(load(t, services), { message });
  });
}
