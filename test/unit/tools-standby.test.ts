// What a machine of `runtime dev` that stands by can take, and what needs another boot.
import test, { type ExecutionContext } from 'ava';
import { changedModules, readContent } from '../../lib/cli/src/standby/changes.ts';
import { archive, type Files, temporaryFolder } from './tools-fixtures.ts';

const before: Files = {
  '/app/main.mjs': "import './chunk-a.mjs';\n//# sourceMappingURL=main.mjs.map\n",
  '/app/main.mjs.map': '{"version":3,"sources":["src/main.ts"]}',
  '/app/chunk-a.mjs': 'export {};\n',
  '/app/data.txt': 'data',
  '/app/node_modules/package/index.mjs': 'export {};\n',
  '/system/main.js': '// drivers',
};

/** @returns the modules that changed; `null` takes a file away */
async function changes(
  t: ExecutionContext,
  change: Readonly<Record<string, string | null>>,
): Promise<Record<string, string> | undefined> {
  const folder = await temporaryFolder(t);
  const content = await readContent(await archive(folder, 'before', before));
  const files = Object.entries({ ...before, ...change }).filter(([, text]) => text !== null);
  const after = await archive(folder, 'after', Object.fromEntries(files) as Files);
  const modules = await changedModules(content, after);
  return modules && Object.fromEntries(modules);
}

test('modules of the app are handed over, with their source maps in them', async (t) => {
  const map = '{"version":3,"sources":["src/main.ts","src/other.ts"]}';
  const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  t.deepEqual(
    await changes(t, {
      '/app/main.mjs': "import './chunk-b.mjs';\n//# sourceMappingURL=main.mjs.map\n",
      '/app/main.mjs.map': map,
      '/app/chunk-a.mjs': null,
      '/app/chunk-b.mjs': 'export const b = 1;\n',
    }),
    {
      '/app/main.mjs': `import './chunk-b.mjs';\n//# sourceMappingURL=${url}`,
      '/app/chunk-b.mjs': 'export const b = 1;\n',
    },
  );
});

test('a source map that alone has changed takes its module along', async (t) => {
  const modules = await changes(t, { '/app/main.mjs.map': '{"version":3,"sources":["x.ts"]}' });
  t.deepEqual(Object.keys(modules ?? {}), ['/app/main.mjs']);
});

test('anything else needs a boot', async (t) => {
  for (const name of ['/app/data.txt', '/app/node_modules/package/index.mjs', '/system/main.js']) {
    t.is(await changes(t, { [name]: 'other' }), undefined, name);
    t.is(await changes(t, { [name]: null }), undefined, `without ${name}`);
  }
  t.is(await changes(t, { '/etc/runtime/environment': 'A=b' }), undefined);
});
