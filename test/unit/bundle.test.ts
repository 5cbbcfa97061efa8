// The bundler, on small projects made for each test.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { readCpio } from '../../lib/base/src/cpio.ts';
import { codeFrame } from '../../lib/cli/src/bundle/errors.ts';
import { BundleError, buildInitrd, type InitrdOptions } from '../../lib/cli/src/bundle.ts';

interface Context {
  folder: string;
}

const test = anyTest as TestFn<Context>;

test.beforeEach((t) => {
  t.context.folder = mkdtempSync(path.join(tmpdir(), 'bundle-'));
});

test.afterEach.always((t) => rmSync(t.context.folder, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

/** Writes a project; a package.json is added unless there is one. */
function project(folder: string, files: Files): void {
  const manifest = { name: 'app', version: '1.0.0', type: 'module' };
  const all = { 'package.json': JSON.stringify(manifest), ...files };
  for (const [name, content] of Object.entries(all)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** Files of a package in node_modules. */
function installed(name: string, files: Files, manifest: object = {}): Files {
  const entries = Object.entries(files).map(([file, content]) => [
    `node_modules/${name}/${file}`,
    content,
  ]);
  const json = JSON.stringify({ name, version: '1.0.0', ...manifest });
  return { ...Object.fromEntries(entries), [`node_modules/${name}/package.json`]: json };
}

/** Bundles the project and gives the archive's files by path. */
async function bundle(
  t: ExecutionContext<Context>,
  files: Files,
  options: Partial<InitrdOptions> = {},
): Promise<Map<string, Buffer>> {
  project(t.context.folder, files);
  const outFile = path.join(t.context.folder, 'out/initrd');
  await buildInitrd({ entry: t.context.folder, outFile, ...options });
  return contents(outFile);
}

function contents(archive: string): Map<string, Buffer> {
  const entries = readCpio(readFileSync(archive)).filter(({ kind }) => kind === 'file');
  return new Map(entries.map(({ path: name, data }) => [name, Buffer.from(data)]));
}

/** Unpacks an archive's files and runs the app with Node. */
async function run(t: ExecutionContext<Context>, files: Map<string, Buffer>): Promise<string> {
  const root = path.join(t.context.folder, 'unpacked');
  for (const [name, data] of files) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), data);
  }
  const app = path.join(root, 'app');
  const result = await execa(process.execPath, ['--enable-source-maps', 'main.mjs'], {
    cwd: app,
    all: true,
    reject: false,
  });
  return result.all;
}

async function failure(t: ExecutionContext<Context>, files: Files): Promise<string> {
  const error = await t.throwsAsync(bundle(t, files), { instanceOf: BundleError });
  return error.message.replaceAll(`${t.context.folder}/`, '');
}

test('TypeScript, JSON and CommonJS become one module', async (t) => {
  const files = await bundle(t, {
    'src/main.ts': `import data from './data.json' with { type: 'json' };
      import { Colour } from './colour.js';
      import old, { name } from './old.cjs';
      import assert from 'assert';
      assert(true);
      const text: string = data.text satisfies string;
      console.log(text, Colour.Red, name, old.name);`,
    'src/colour.ts': `export enum Colour { Red = 'red' }`,
    'src/data.json': '{ "text": "from JSON" }',
    'src/old.cjs': `exports.name = 'common';`,
  });
  t.deepEqual([...files.keys()], ['app/main.mjs', 'app/main.mjs.map']);
  t.is(await run(t, files), 'from JSON red common common');
});

test("Node's modules are taken without what an import of them would load", async (t) => {
  const main = `import whole, { createServer as create, default as again } from 'node:http';
      import { join } from 'path';
      import * as space from 'node:os';
      const process = 'a name that apps may use';
      const loaded = globalThis.process.moduleLoadList.filter((name) => /undici|tls/.test(name));
      console.log(whole.createServer === create, again === whole, join('a', 'b'), typeof space.EOL);
      console.log(process, loaded.length);`;
  const files = await bundle(t, { 'main.js': main });
  t.is(await run(t, files), 'true true a/b string\na name that apps may use 0');
});

test("imports of Node's modules stay live where the app replaces exports", async (t) => {
  const files = await bundle(t, {
    'main.js': `import http, { request } from 'node:http';
      import { syncBuiltinESMExports } from 'node:module';
      http.request = () => 'replaced';
      syncBuiltinESMExports();
      console.log(request());`,
  });
  t.is(await run(t, files), 'replaced');
});

test('an export that a module of Node does not have is missing in the bundle, too', async (t) => {
  const files = await bundle(t, { 'main.js': `import { nothing } from 'node:os';\nnothing();` });
  t.regex(
    await run(t, files),
    /SyntaxError: .*'node:os' does not provide an export named 'nothing'/,
  );
});

test('stack traces name the line in TypeScript', async (t) => {
  const files = await bundle(t, {
    'src/main.ts': `import { fail } from './lib/fail.ts';\n\nfail('x');\n`,
    'src/lib/fail.ts': `interface Unused {\n  a: string;\n}\n\nexport function fail(text: string): never {\n  throw new Error(text);\n}\n`,
  });
  const map = new TraceMap(String(files.get('app/main.mjs.map')));
  const line =
    String(files.get('app/main.mjs'))
      .split('\n')
      .findIndex((text) => text.includes('new Error')) + 1;
  const origin = originalPositionFor(map, { line, column: 3 });
  t.deepEqual([origin.source, origin.line], ['src/lib/fail.ts', 6]);
  t.regex(await run(t, files), /at fail \(.*app\/src\/lib\/fail\.ts:6:9\)\n.*src\/main\.ts:3:1\)/);
});

test('files that are named by URL come along', async (t) => {
  const files = await bundle(t, {
    'src/main.ts': `import { readFileSync, readdirSync, existsSync } from 'node:fs';
      console.log(readFileSync(new URL('./text.txt', import.meta.url), 'utf8'));
      console.log(readdirSync(new URL('../pages/', import.meta.url)).join());
      console.log(existsSync(new URL('./made-later.txt', import.meta.url)));`,
    'src/text.txt': 'the text',
    'pages/a.html': 'a',
    'pages/deep/b.html': 'b',
  });
  t.is(await run(t, files), 'the text\na.html,deep\nfalse');
});

test('the assets option copies files, directories and globs', async (t) => {
  const files = await bundle(
    t,
    {
      'main.ts': '',
      'public/a/x.css': 'x',
      'public/.hidden': '',
      'data/one.csv': '1',
      'data/two.txt': '2',
    },
    { assets: ['public', 'data/*.csv'] },
  );
  const names = [...files.keys()].filter((name) => !name.startsWith('app/main'));
  t.deepEqual(names, ['app/data/one.csv', 'app/public/a/x.css']);
  const error = await t.throwsAsync(bundle(t, { 'main.ts': '' }, { assets: ['nowhere/*'] }));
  t.regex(error.message, /"nowhere\/\*" matches no file/);
});

test('workers are entries of their own', async (t) => {
  const files = await bundle(t, {
    'src/main.ts': `import { Worker } from 'node:worker_threads';
      import { shared } from './shared.ts';
      const url = new URL('./jobs/job.ts', import.meta.url);
      new Worker(url).on('message', (m) => console.log(shared(m)));
      new Worker(new URL('./jobs/job.ts', import.meta.url));`,
    'src/jobs/job.ts': `import { parentPort } from 'node:worker_threads';
      import { shared } from '../shared.ts';
      parentPort!.postMessage(shared('from the worker' as string));`,
    'src/shared.ts': `export const shared = (text: string) => '<' + text + '>';`,
  });
  t.is(await run(t, files), '<<from the worker>>');
});

test('packages are bundled when they can be', async (t) => {
  const files = await bundle(t, {
    'main.ts': `import { a } from 'plain'; import common, { b } from 'common/lib/b'; console.log(a, b, common.b);`,
    ...installed(
      'plain',
      { 'index.js': `export const a = 'es';` },
      { type: 'module', exports: './index.js' },
    ),
    ...installed('common', {
      'lib/b.js': `exports.b = require('../c').c;`,
      'c.js': `exports.c = 'cjs';`,
    }),
  });
  t.deepEqual([...files.keys()], ['app/main.mjs', 'app/main.mjs.map']);
  t.is(await run(t, files), 'es cjs cjs');
  t.true(String(files.get('app/main.mjs.map')).includes('"node_modules/plain/index.js"'));
});

test('packages that load modules by computed names are copied as a whole', async (t) => {
  const reports: string[] = [];
  const files = await bundle(
    t,
    {
      'main.ts': `import { load } from 'dynamic'; console.log(load('two'));`,
      ...installed(
        'dynamic',
        {
          'index.js': `exports.load = (name) => require('./parts/' + name).value + require('helper').value;`,
          'parts/one.js': 'exports.value = 1;',
          'parts/two.js': 'exports.value = 2;',
          'readme.md': 'not needed',
        },
        { dependencies: { helper: '1' } },
      ),
      ...installed('helper', { 'index.js': `exports.value = ' and help';` }),
    },
    { report: (line) => reports.push(line) },
  );
  t.is(await run(t, files), '2 and help');
  t.deepEqual(reports, [
    'dynamic is copied instead of bundled: index.js requires modules whose names are known at run time.',
  ]);
  t.false([...files.keys()].some((name) => name.endsWith('.md')));
});

test('packages with native addons or own files are copied', async (t) => {
  const files = await bundle(t, {
    'main.ts': `import { text } from 'reads-files'; console.log(text);`,
    ...installed('reads-files', {
      'index.js': `exports.text = require('fs').readFileSync(require('path').join(__dirname, 'data.txt'), 'utf8');`,
      'data.txt': 'its own file',
    }),
  });
  t.is(await run(t, files), 'its own file');
  t.true(files.has('app/node_modules/reads-files/data.txt'));
});

test('optional requires work whether the package is there or not', async (t) => {
  const files = await bundle(t, {
    'main.ts': `import { found } from 'tries'; import { ask } from 'lazy';
      console.log(found, ask('present'), ask('absent'));`,
    ...installed('tries', {
      'index.js': `let found = []; try { found.push(require('present')); } catch {}
        try { found.push(require('absent')); } catch { found.push('none'); } exports.found = found.join();`,
    }),
    ...installed('lazy', {
      'index.js': `const getters = { present: () => require('present'), absent: () => require('absent') };
        exports.ask = (name) => { try { return getters[name](); } catch (error) { return error.code; } };`,
    }),
    ...installed('present', { 'index.js': `module.exports = 'there';` }),
  });
  t.is(await run(t, files), 'there,none there MODULE_NOT_FOUND');
});

test('a package that is copied for another one is not bundled as well', async (t) => {
  const files = await bundle(t, {
    'main.ts': `import { shared } from 'shared'; import { get } from 'copied'; console.log(get() === shared);`,
    ...installed('shared', { 'index.js': 'exports.shared = {};' }),
    ...installed('copied', {
      'index.js': `exports.get = () => __dirname && require('shared').shared;`,
    }),
  });
  t.is(await run(t, files), 'true');
});

test('a package that is copied may have any number of dependencies', async (t) => {
  const names = Array.from({ length: 60 }, (_, index) => `dependency-${index}`);
  const dependencies = Object.fromEntries(names.map((name) => [name, '1.0.0']));
  const source = `const load = (name) => require(name); exports.sum = ${JSON.stringify(names)}.reduce((sum, name) => sum + load(name).one, 0);`;
  const files = await bundle(t, {
    'main.ts': `import { sum } from 'many'; console.log(sum);`,
    ...installed('many', { 'index.js': source }, { dependencies }),
    ...Object.assign(
      {},
      ...names.map((name) => installed(name, { 'index.js': 'exports.one = 1;' })),
    ),
  });
  t.is(await run(t, files), '60');
});

test('a package with its own version of a copied one gets that version', async (t) => {
  const library = (version: string) => `exports.version = __dirname && '${version}';`;
  const files = await bundle(t, {
    'main.ts': `import { version } from 'library'; import { inner } from 'user'; console.log(version, inner);`,
    ...installed('library', { 'index.js': library('two') }),
    ...installed('user', { 'index.js': `exports.inner = require('library').version;` }),
    'node_modules/user/node_modules/library/package.json':
      '{ "name": "library", "version": "0.1.0" }',
    'node_modules/user/node_modules/library/index.js': library('one'),
  });
  t.is(await run(t, files), 'two one');
});

test('TypeScript packages of the same repository are bundled', async (t) => {
  project(path.join(t.context.folder, 'packages/tool'), {
    'package.json': '{ "name": "@here/tool", "type": "module", "exports": "./src/index.ts" }',
    'src/index.ts': `import { createRequire } from 'node:module';
      export const tool: string = createRequire(import.meta.url)('node:os').EOL === '\\n' ? 'tool' : '';`,
  });
  mkdirSync(path.join(t.context.folder, 'node_modules/@here'), { recursive: true });
  symlinkSync('../../packages/tool', path.join(t.context.folder, 'node_modules/@here/tool'));
  const files = await bundle(t, {
    'main.ts': `import { tool } from '@here/tool'; console.log(tool);`,
  });
  t.is(await run(t, files), 'tool');
});

test('arguments, environment and the system bundle are stored', async (t) => {
  const system = path.join(t.context.folder, 'system.js');
  writeFileSync(system, 'system();');
  const files = await bundle(
    t,
    { 'main.ts': '' },
    {
      arguments: ['node', '--expose-gc', '/app/main.mjs'],
      environment: { A: '1', B: 'two words' },
      system,
    },
  );
  t.is(String(files.get('etc/runtime/arguments')), 'node\0--expose-gc\0/app/main.mjs\0');
  t.is(String(files.get('etc/runtime/environment')), 'A=1\0B=two words\0');
  t.is(String(files.get('system/main.js')), 'system();');
});

test('the same input gives the same archive, and is not bundled twice', async (t) => {
  project(t.context.folder, {
    'main.ts': `import './a.ts'; import('./b.ts'); new URL('./c.txt', import.meta.url);`,
    'a.ts': 'console.log(1);',
    'b.ts': 'console.log(2);',
    'c.txt': 'c',
  });
  const build = (name: string) => {
    const outFile = path.join(t.context.folder, name);
    return buildInitrd({ entry: path.join(t.context.folder, 'main.ts'), outFile });
  };
  t.true((await build('one')).rebuilt);
  t.true((await build('two')).rebuilt);
  const read = (name: string) => readFileSync(path.join(t.context.folder, name));
  t.deepEqual(read('one'), read('two'));
  t.false((await build('one')).rebuilt);
  writeFileSync(path.join(t.context.folder, 'c.txt'), 'changed');
  t.true((await build('one')).rebuilt);
  t.notDeepEqual(read('one'), read('two'));
  writeFileSync(path.join(t.context.folder, 'b.ts'), 'console.log(3);');
  t.true((await build('two')).rebuilt);
});

test('a failed build leaves the old archive and no partial one', async (t) => {
  const before = await bundle(t, { 'main.ts': 'console.log(1);' });
  await t.throwsAsync(bundle(t, { 'main.ts': 'syntax error here' }));
  t.deepEqual(contents(path.join(t.context.folder, 'out/initrd')), before);
});

test('a missing package names its importer and what to install', async (t) => {
  const message = await failure(t, {
    'main.ts': `import x from '@scope/missing/deep';\nconsole.log(x);`,
  });
  t.regex(message, /^main\.ts:1:15: Cannot find the package "@scope\/missing"\.\n\n> 1 \| import/);
  t.regex(message, /npm install @scope\/missing$/);
});

test('a missing file names its importer and what is close', async (t) => {
  const message = await failure(t, {
    'src/main.ts': `\nimport './Helper.ts';`,
    'src/helper.ts': '',
  });
  t.regex(message, /^src\/main\.ts:2:8: Cannot find the module "\.\/Helper\.ts"/);
  t.regex(message, /Did you mean "\.\/helper\.ts"\?$/);
});

test('entries of isolates are scripts without Node; other URLs stay files', async (t) => {
  const files = {
    'src/main.ts': `import { isolates } from '@runtimejs/isolate/isolates.ts';
      import { options } from './other.ts';
      const entry = new URL('./named.ts', import.meta.url);
      isolates().spawn({ name: 'direct', entry: new URL('./direct.ts', import.meta.url) });
      isolates().spawn({ name: 'named', entry });
      console.log(options.entry.href);`,
    'src/direct.ts': `export default (): void => console.log('direct');`,
    'src/named.ts': `export default (): void => console.log('named');`,
    'src/file.ts': `export const file = 1;`,
    'src/other.ts': `export const options = { entry: new URL('./file.ts', import.meta.url) };`,
    ...installed('@runtimejs/isolate', {
      'isolates.ts': `export const isolates = () => ({ spawn(options: object) { console.log(options); } });`,
    }),
    'package.json': JSON.stringify({ name: 'app', type: 'module', main: 'src/main.ts' }),
  };
  const made = await bundle(t, files);
  const scripts = [...made.keys()].filter((name) => name.startsWith('isolates/'));
  t.deepEqual(
    scripts.map((name) => name.replace(/-[0-9a-f]{8}/, '')),
    [
      'isolates/direct.js',
      'isolates/direct.js.cache',
      'isolates/named.js',
      'isolates/named.js.cache',
    ],
  );
  const main = String(made.get('app/main.mjs'));
  for (const name of scripts.filter((each) => each.endsWith('.js')))
    t.true(main.includes(`/${name}`));
  t.true(made.has('app/assets/src/file.ts'));
});

test('a missing module of an isolate is an error', async (t) => {
  const files = {
    'main.ts': `import '@runtimejs/isolate/isolates.ts';
      export const options = { entry: new URL('./none.ts', import.meta.url) };`,
    ...installed('@runtimejs/isolate', { 'isolates.ts': '' }),
  };
  t.regex(await failure(t, files), /^main\.ts:2:47: Cannot find the module "\.\/none\.ts"/);
});

test('a missing worker module is an error', async (t) => {
  const message = await failure(t, {
    'main.ts': `import { Worker } from 'node:worker_threads'; new Worker(new URL('./none.ts', import.meta.url));`,
  });
  t.regex(message, /none\.ts/);
});

test('a syntax error shows its place', async (t) => {
  const message = await failure(t, {
    'src/main.ts': `import './bad.ts';`,
    'src/bad.ts': 'const a = 1;\nconst b: = 2;\n',
  });
  t.is(
    message,
    'src/bad.ts:2:10: Unexpected "="\n\n  1 | const a = 1;\n> 2 | const b: = 2;\n    |          ^\n  3 |',
  );
});

test('a syntax error in JavaScript and a missing export show their place', async (t) => {
  t.regex(
    await failure(t, { 'main.js': 'let a = ;' }),
    /^main\.js:1:9: .*\n\n> 1 \| let a = ;\n {4}\| {9}\^/,
  );
  rmSync(path.join(t.context.folder, 'main.js'));
  const message = await failure(t, {
    'main.ts': `import { nope } from './other.ts';\nnope();`,
    'other.ts': 'export {};',
  });
  t.regex(message, /^main\.ts:1:10: "nope" is not exported by/);
});

test('an app that is not there says what is looked for', async (t) => {
  t.regex(await failure(t, {}), /There is no app in .*src\/main\.ts/s);
  const missing = buildInitrd({ entry: path.join(t.context.folder, 'x.ts'), outFile: 'unused' });
  t.regex((await t.throwsAsync(missing)).message, /There is no app at .*x\.ts/);
  const broken = { 'package.json': '{ "name": "app", "main": "gone.ts" }' };
  t.regex(await failure(t, broken), /"main" of .* is "gone\.ts"/);
});

test('code frames point at the column', (t) => {
  t.is(
    codeFrame('one\n\ttwo\nthree', { line: 2, column: 1 }),
    '  1 | one\n> 2 |  two\n    |  ^\n  3 | three',
  );
  t.is(codeFrame('one', { line: 5, column: 0 }), '');
});
