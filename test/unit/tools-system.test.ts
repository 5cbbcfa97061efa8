import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import vm from 'node:vm';
import test from 'ava';
import { ToolError } from '../../lib/cli/src/command.ts';
import { bundleSystem } from '../../lib/cli/src/system.ts';
import { temporaryFolder } from './tools-fixtures.ts';

test('modules become one classic script, made again only when one of them changes', async (t) => {
  const folder = await temporaryFolder(t);
  const inFolder = (name: string) => path.join(folder, name);
  const options = { entry: inFolder('main.ts'), output: inFolder('out/main.js') };
  await writeFile(
    options.entry,
    "import { greet } from './greet.ts';\nconst name: string = 'system';\nlog(greet(name));\n",
  );
  const greet = (word: string) =>
    writeFile(
      inFolder('greet.ts'),
      `export const greet = (name: string): string => \`${word}, \${name}\`;\n`,
    );
  const run = async (): Promise<string> => {
    let line = '';
    const log = (text: string) => {
      line = text;
    };
    vm.runInNewContext(await readFile(options.output, 'utf8'), { log });
    return line;
  };

  await greet('hello');
  t.is(await bundleSystem(options), options.output);
  t.is(await run(), 'hello, system');
  const { mtimeMs } = await stat(options.output);
  await bundleSystem(options);
  t.is((await stat(options.output)).mtimeMs, mtimeMs);

  await greet('goodbye');
  await bundleSystem(options);
  t.is(await run(), 'goodbye, system');

  const map = JSON.parse(await readFile(`${options.output}.map`, 'utf8'));
  t.true(map.sources.some((source: string) => source.endsWith('greet.ts')));
});

test('Node has no place in the system isolate', async (t) => {
  const folder = await temporaryFolder(t);
  const options = { entry: path.join(folder, 'main.ts'), output: path.join(folder, 'main.js') };
  for (const name of ['node:fs', 'fs']) {
    await writeFile(options.entry, `import fs from '${name}';\nfs.readFileSync('x');\n`);
    await t.throwsAsync(bundleSystem(options), {
      instanceOf: ToolError,
      message: /main\.ts imports (node:)?fs\. The system isolate has no Node/,
    });
  }
});

test('a module that is not there, and code that is wrong, are named', async (t) => {
  const folder = await temporaryFolder(t);
  const options = { entry: path.join(folder, 'main.ts'), output: path.join(folder, 'main.js') };
  t.is(await bundleSystem(options), undefined);
  await writeFile(options.entry, "import './nowhere.ts';\n");
  await t.throwsAsync(bundleSystem(options), { instanceOf: ToolError, message: /nowhere\.ts/ });
  await writeFile(options.entry, 'const = 1;\n');
  await t.throwsAsync(bundleSystem(options), { instanceOf: ToolError, message: /main\.ts/ });
});
