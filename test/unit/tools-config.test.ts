// runtime.config.ts: what is taken, and what every wrong key and value is told.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composition } from '../../lib/cli/src/app/composition.ts';
import { type App, loadApp } from '../../lib/cli/src/config/load.ts';
import { temporaryFolder } from './tools-fixtures.ts';

/** Makes a project. */
async function project(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await temporaryFolder(t);
  const all = {
    'package.json': '{ "name": "@scope/shop", "type": "module", "main": "src/main.ts" }',
    'src/main.ts': 'console.log(1);',
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

async function load(t: ExecutionContext, config: string, files = {}): Promise<App> {
  const folder = await project(t, { 'runtime.config.ts': config, ...files });
  return loadApp(folder, { command: 'build' });
}

/** What is said about a config, on one line for each problem. */
async function complaint(t: ExecutionContext, config: string): Promise<string> {
  const error = await t.throwsAsync(load(t, config));
  return error?.message ?? '';
}

test('without a config there are defaults', async (t) => {
  const folder = await project(t, {});
  const app = await loadApp(folder, { command: 'build' });
  t.is(app.name, 'shop');
  t.is(app.project.entry, path.join(folder, 'src/main.ts'));
  t.is(app.memoryMegabytes, 512);
  t.is(app.cpus, 1);
  t.deepEqual(
    app.ports.map(({ host, guest }) => [host, guest]),
    [[8080, 8080]],
  );
  t.is(app.output, path.join(folder, 'dist'));
  t.deepEqual(app.environment, {});
  t.false(app.warm);
});

test('a config says what it likes, with types that only a compiler knows', async (t) => {
  const app = await load(
    t,
    `enum Size { small = 128 }
     export default async ({ command }: { command: string }) => ({
       name: 'till', memory: Size.small, cpus: 2, ports: [3000, '8443:443', '0.0.0.0:53:53/udp'],
       environment: { COMMAND: command, LEVEL: 3, FAST: true }, nodeOptions: ['--expose-gc'],
       arguments: ['one', ''], restart: 'on-failure', shutdown: 5, kernelOptions: ['log=debug'],
       warm: true,
     });`,
  );
  t.is(app.name, 'till');
  t.is(app.memoryMegabytes, 128);
  t.deepEqual(app.environment, { COMMAND: 'build', LEVEL: '3', FAST: 'true' });
  t.true(app.warm);
  t.deepEqual(app.kernelOptions, ['restart=on-failure', 'shutdown=5', 'log=debug']);
  t.deepEqual(app.ports[2], { protocol: 'udp', address: '0.0.0.0', host: 53, guest: 53 });
});

test('the .env file replaces variables of the config, and can be left out', async (t) => {
  const files = { '.env': '# secret\nTOKEN="a b"\nLEVEL=9\n' };
  const app = await load(t, 'export default { environment: { LEVEL: 3, NAME: "x" } };', files);
  t.deepEqual(app.environment, { LEVEL: '9', NAME: 'x', TOKEN: 'a b' });
  const without = await load(t, 'export default { environmentFile: false };', files);
  t.deepEqual(without.environment, {});
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  [
    'a misspelt key',
    '{ memroy: 1 }',
    /memroy: there is no such key\. Did you mean "memory"\? Allowed: name, entry/,
  ],
  ['a key of something else', '{ webpack: {} }', /webpack: there is no such key\. Allowed: /],
  [
    'too little memory',
    '{ memory: 12 }',
    /memory: 12 is not possible\. Allowed: a whole number of MiB from 64/,
  ],
  [
    'memory in words',
    '{ memory: "lots" }',
    /memory: "lots" is not possible\. Allowed: .*"512M" or "2G"/,
  ],
  ['half a processor', '{ cpus: 1.5 }', /cpus: 1\.5 is not possible\. Allowed: .* from 1 to 255/],
  [
    'a port that is none',
    '{ ports: [8080, 99999] }',
    /ports\[1\]: 99999 is not possible\. Allowed: a port from 1 to 65535/,
  ],
  ['ports that are no list', '{ ports: 8080 }', /ports: 8080 is not possible\. Allowed: a list/],
  [
    'a restart policy',
    '{ restart: "sometimes" }',
    /restart: "sometimes" is not possible\. Allowed: "never", "on-failure" or "always"/,
  ],
  ['warmth', '{ warm: "yes" }', /warm: "yes" is not possible\. Allowed: true or false/],
  [
    'a placement',
    '{ drivers: [{ driver: "@runtimejs/virtio-rng", placement: "elsewhere" }] }',
    /drivers\[0\]: .*"placement":"elsewhere".* is not possible\. Allowed: .*placement: "system" or "own"/,
  ],
  [
    'a driver that is none',
    '{ networkDrivers: [7] }',
    /networkDrivers\[0\]: 7 is not possible\. Allowed: packages or modules .*placement: "system" or "own"/,
  ],
  [
    'a metadata service',
    '{ metadata: "azure" }',
    /metadata: "azure" is not possible\. Allowed: one of "none", "openstack", "gce"/,
  ],
  [
    'an environment',
    '{ environment: { A: [1] } }',
    /environment\.A: \[1\] is not possible\. Allowed: text, a number, true or false/,
  ],
  [
    'a network',
    '{ network: "wifi" }',
    /network: "wifi" is not possible\. Allowed: "dhcp", "none", or an object/,
  ],
  [
    'a static network',
    '{ network: { adresses: [] } }',
    /network\.adresses: there is no such key\. Did you mean "addresses"\?/,
  ],
  [
    'a static network without an address',
    '{ network: { addresses: [] } }',
    /network\.addresses: \[\] is not possible\. Allowed: at least one/,
  ],
  ['a name', '{ name: "a/b" }', /name: "a\/b" is not possible\. Allowed: .* letters, digits/],
  ['a function', '{ entry: () => 1 }', /entry: a function is not possible\. Allowed: path/],
  [
    'volumes',
    '{ volumes: ["data"] }',
    /volumes are not possible yet, because there is no driver for disks/,
  ],
  ['a list', '[]', /config: \[\] is not possible\. Allowed: an object/],
  [
    'a relative path in the image',
    '{ files: { "etc/a": "a" } }',
    /files\.etc\/a: Allowed: absolute paths/,
  ],
  [
    'a file that is not there',
    '{ files: { "/etc/a": "nothing" } }',
    /files: there is no .*nothing for \/etc\/a/,
  ],
  ['an entry that is not there', '{ entry: "nothing.ts" }', /entry: there is no .*nothing\.ts/],
  ['an output that holds the project', '{ output: ".." }', /output: \.\. holds the project itself/],
  [
    'an environment file that is not there',
    '{ environmentFile: "x.env" }',
    /x\.env cannot be read \(ENOENT\)/,
  ],
];
for (const [title, config, expected] of refused) {
  test(`refused with what is allowed: ${title}`, async (t) => {
    t.regex(await complaint(t, `export default ${config};`), expected);
  });
}

test('several problems are told at once', async (t) => {
  const text = await complaint(t, 'export default { memory: 1, cpus: 0 };');
  t.regex(text, /memory: 1 /);
  t.regex(text, /cpus: 0 /);
});

test('a syntax error shows the place', async (t) => {
  const text = await complaint(t, 'export default {\n  memory: 256,\n  ports: [8080\n};\n');
  t.regex(text, /runtime\.config\.ts:4:1: Expected "\]" but found "\}"/);
  t.regex(text, /> 4 \| \};/);
});

test('a config that throws says where, one without an export what to write', async (t) => {
  t.regex(
    await complaint(t, 'throw new Error("no luck");'),
    /runtime\.config\.ts failed: Error: no luck/,
  );
  t.regex(
    await complaint(t, 'export const config = {};'),
    /exports no config\. Write: export default/,
  );
});

test('a package that the config imports and that is not installed', async (t) => {
  const text = await complaint(t, 'import "not-installed-anywhere"; export default {};');
  t.regex(
    text,
    /Cannot find package 'not-installed-anywhere'.* npm install --save-dev not-installed-anywhere/,
  );
});

test('what is not there, and a folder without an app', async (t) => {
  const folder = await temporaryFolder(t);
  await t.throwsAsync(loadApp(path.join(folder, 'nowhere'), { command: 'dev' }), {
    message: /There is no app at .*nowhere/,
  });
  await t.throwsAsync(loadApp(folder, { command: 'dev' }), {
    message: /There is no app in .*Create src\/main\.ts/s,
  });
});

test('the composition holds what the config names, and nothing else', async (t) => {
  t.is(composition(await load(t, 'export default {};')), undefined);
  const replaceable = composition(await load(t, 'export default {};'), true) ?? '';
  t.regex(
    replaceable,
    /network\(\{ drivers: \[card0, card1\], .*, control: reloadControl\(\) \}\)/,
  );
  const source = composition(
    await load(
      t,
      `export default { network: { addresses: ['10.0.0.5/24'], gateways: ['10.0.0.1'] },
        networkDrivers: ['@runtimejs/e1000'], terminalDrivers: ['@runtimejs/uart'], screen: false,
        drivers: ['./src/own.ts'], services: ['./src/service.ts'] };`,
      { 'src/own.ts': 'export const attach = () => [];', 'src/service.ts': 'export default {};' },
    ),
  );
  t.regex(source ?? '', /import \* as card0 from "@runtimejs\/e1000\/driver\.ts"/);
  t.regex(source ?? '', /import \* as driver0 from ".*\/src\/own\.ts"/);
  t.regex(source ?? '', /staticAddresses\(\{"interface":"eth0","addresses":\["10\.0\.0\.5\/24"\]/);
  t.regex(source ?? '', /terminal\(\{ drivers: \[terminal0\] \}\)/);
  t.notRegex(source ?? '', /virtio|automatic|screen|reload/);
  const placed = `export default {
    networkDrivers: [{ driver: '@runtimejs/virtio-net', placement: 'own' }, '@runtimejs/e1000'],
    terminalDrivers: [{ driver: '@runtimejs/uart', placement: 'own' }],
    drivers: [{ driver: '@runtimejs/virtio-rng', placement: 'system' }],
  };`;
  const isolated = composition(await load(t, placed)) ?? '';
  t.regex(isolated, /import \* as card0 from "@runtimejs\/virtio-net\/own\.ts"/);
  t.regex(isolated, /import \* as terminal0 from "@runtimejs\/uart\/own\.ts"/);
  t.regex(isolated, /import \* as card1 from "@runtimejs\/e1000\/driver\.ts"/);
  t.regex(isolated, /import \* as driver0 from "@runtimejs\/virtio-rng\/driver\.ts"/);
  await t.throwsAsync(
    async () => {
      const choice = "[{ driver: './src/driver.ts', placement: 'own' }]";
      const files = { 'src/driver.ts': 'export const attach = () => [];' };
      composition(await load(t, `export default { drivers: ${choice} };`, files));
    },
    { message: /driver\.ts cannot have an isolate of its own: there is no module own\.ts/ },
  );
  const shown = `export default {
    screen: {
      displays: [
        { driver: '@runtimejs/vga', placement: 'own' },
        { driver: '@runtimejs/framebuffer/bochs.ts', placement: 'own' },
      ],
      keyboards: [{ driver: '@runtimejs/ps2', placement: 'own' }],
    },
  };`;
  const screens = composition(await load(t, shown)) ?? '';
  t.regex(screens, /import \* as display0 from "@runtimejs\/vga\/own\.ts"/);
  t.regex(screens, /import \* as display1 from "@runtimejs\/framebuffer\/bochs-own\.ts"/);
  t.regex(screens, /import \* as keyboard0 from "@runtimejs\/ps2\/own\.ts"/);
  t.regex(screens, /screen\(\{ displays: \[display0, display1\], keyboards: \[keyboard0\] \}\)/);
  t.notRegex(screens, /virtio-(gpu|input)/);
  const other = composition(await load(t, "export default { network: 'none' };")) ?? '';
  for (const name of ['uart', 'virtio-console', 'vga', 'framebuffer', 'virtio-gpu', 'ps2'])
    t.true(other.includes(`@runtimejs/${name}/`), `what was not asked to go stays: ${name}`);
  const bare = 'export default { terminalDrivers: [], screen: false };';
  t.notRegex(composition(await load(t, bare)) ?? '', /terminal|uart|screen/);
  await t.throwsAsync(
    async () => composition(await load(t, "export default { drivers: ['./none.ts'] };")),
    { message: /There is no .*none\.ts, which the config names/ },
  );
});
