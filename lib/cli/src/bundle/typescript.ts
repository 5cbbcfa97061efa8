import { existsSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { type Loader, type TransformFailure, type TransformOptions, transform } from 'esbuild';
import { type Cache, getTsconfig } from 'get-tsconfig';
import type { Plugin, PluginContext } from 'rollup';
import { BundleError, describeAt } from './errors.ts';
import { displayPath } from './project.ts';

const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
};

type CompilerOptions = NonNullable<
  Exclude<TransformOptions['tsconfigRaw'], string | undefined>['compilerOptions']
>;

/** Options of tsconfig.json that change what the code does. */
const meaningfulOptions = new Set([
  'experimentalDecorators',
  'jsx',
  'jsxFactory',
  'jsxFragmentFactory',
  'jsxImportSource',
  'useDefineForClassFields',
  'verbatimModuleSyntax',
]);

/** TypeScript allows a module to be imported by the name of its compiled output. */
const compiledNames: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
  '.jsx': ['.tsx'],
};

/**
 * Rollup plugin that turns TypeScript and JSX into JavaScript with exact source maps. Types are not
 * checked. The nearest tsconfig.json decides what it decides for tsc, such as how decorators work.
 */
export function typescript(): Plugin {
  const configurations: Cache = new Map();
  return {
    name: 'runtimejs:typescript',

    resolveId(specifier, importer) {
      if (importer === undefined || !specifier.startsWith('.')) return null;
      const path = resolve(dirname(importer), specifier);
      const extension = extname(path);
      const candidates = compiledNames[extension];
      if (candidates === undefined || existsSync(path)) return null;
      const stem = path.slice(0, -extension.length);
      return candidates.map((candidate) => stem + candidate).find(existsSync) ?? null;
    },

    async transform(code, id) {
      const loader = loaders[extname(id)];
      if (loader === undefined) return null;
      try {
        const result = await transform(code, {
          loader,
          sourcefile: id,
          sourcemap: true,
          sourcesContent: false,
          target: 'node26',
          tsconfigRaw: { compilerOptions: compilerOptions(this, id, configurations) },
          logLevel: 'silent',
        });
        return { code: result.code, map: result.map };
      } catch (error) {
        throw syntaxError(error as TransformFailure, id);
      }
    },
  };
}

/** What the nearest tsconfig.json says about the meaning of code. */
function compilerOptions(context: PluginContext, file: string, cache: Cache): CompilerOptions {
  const found = getTsconfig(dirname(file), 'tsconfig.json', cache);
  if (found === null) return { jsx: 'react-jsx' };
  context.addWatchFile(found.path);
  const options = Object.entries(found.config.compilerOptions ?? {});
  return {
    jsx: 'react-jsx',
    ...Object.fromEntries(options.filter(([name]) => meaningfulOptions.has(name))),
  };
}

function syntaxError(failure: TransformFailure, file: string): Error {
  const first = failure.errors?.[0];
  if (first?.location == null) return failure;
  const { line, column } = first.location;
  return new BundleError(describeAt(first.text, { file, line, column }, displayPath(file)));
}
