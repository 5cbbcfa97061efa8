// What is published works where only it and its declared dependencies are installed.
import { glob, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import test from 'ava';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { publishedManifest } from '../../lib/cli/src/publish/pack.ts';
import { publishedWorkspaces } from '../../lib/cli/src/publish/workspaces.ts';

/** Modules of lib/cli that serve this repository only, and are not published. */
const ofRepository = /^src\/(main|build|native|lint|test|acpica|tap|publish\/.*)\.ts$/;

test('every package that a published one imports is among its dependencies, in an exact version', async (t) => {
  const workspaces = await publishedWorkspaces();
  const published = new Set(workspaces.map(({ manifest }) => manifest.name));
  for (const { folder, manifest } of workspaces) {
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
    for (const [name, version] of Object.entries(declared)) {
      t.regex(version, /^\d+\.\d+\.\d+/, `${manifest.name}: ${name}`);
      if (name.startsWith('@runtimejs/')) t.true(published.has(name), `${name} is not published`);
    }
    const files = glob('{src,bin}/**/*.{ts,mjs}', { cwd: inRepository(folder) });
    for await (const file of files) {
      if (manifest.name === '@runtimejs/cli' && ofRepository.test(file)) continue;
      const source = await readFile(path.join(inRepository(folder), file), 'utf8');
      for (const [, specifier = ''] of source.matchAll(
        /^(?:import|export)\b[^;'"]*?from '([^'./][^']*)'|\bimport\('([^'./][^']*)'\)/gm,
      )) {
        if (specifier === '' || isBuiltin(specifier)) continue;
        const parts = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1);
        const name = parts.join('/');
        t.true(
          name === manifest.name || name in declared,
          `${folder}/${file} imports ${specifier}`,
        );
      }
    }
  }
});

test('no published module reaches into another workspace by path', async (t) => {
  for (const { folder, manifest } of await publishedWorkspaces()) {
    for await (const file of glob('src/**/*.ts', { cwd: inRepository(folder) })) {
      if (manifest.name === '@runtimejs/cli' && ofRepository.test(file)) continue;
      const source = await readFile(path.join(inRepository(folder), file), 'utf8');
      for (const [, specifier = ''] of source.matchAll(/from '(\.[^']*)'/g)) {
        const target = path.join(folder, path.dirname(file), specifier);
        t.true(target.startsWith(`${folder}/`), `${folder}/${file} imports ${specifier}`);
      }
    }
  }
});

test('exports lead to JavaScript and its declarations', (t) => {
  const { exports } = publishedManifest({
    name: 'a',
    version: '1.0.0',
    exports: { '.': './src/index.ts', './*.ts': './src/*.ts', './package.json': './package.json' },
  });
  t.deepEqual(exports, {
    '.': { types: './src/index.d.ts', default: './src/index.js' },
    './*.ts': { types: './src/*.d.ts', default: './src/*.js' },
    './package.json': './package.json',
  });
});

test('packages come after what they depend on', async (t) => {
  const names = (await publishedWorkspaces()).map(({ manifest }) => manifest.name);
  t.true(names.indexOf('@runtimejs/base') < names.indexOf('@runtimejs/system'));
  t.true(names.indexOf('@runtimejs/system') < names.indexOf('@runtimejs/cli'));
  t.true(names.includes('create-runtime-app'));
});
