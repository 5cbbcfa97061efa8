import { existsSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { type Loader, type TransformFailure, transform } from 'esbuild';
import type { Plugin } from 'rollup';
import { BundleError, describeAt } from './errors.ts';
import { displayPath } from './project.ts';

const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
};

/** TypeScript allows a module to be imported by the name of its compiled output. */
const compiledNames: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
  '.jsx': ['.tsx'],
};

/** Rollup plugin: turns TypeScript and JSX into JavaScript with exact source maps. Types are not checked. */
export function typescript(): Plugin {
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
          jsx: 'automatic',
          // Class names and function names appear in stack traces and in `error.name`.
          keepNames: false,
          logLevel: 'silent',
        });
        return { code: result.code, map: result.map };
      } catch (error) {
        throw syntaxError(error as TransformFailure, id);
      }
    },
  };
}

function syntaxError(failure: TransformFailure, file: string): Error {
  const first = failure.errors?.[0];
  if (first?.location == null) return failure;
  const { line, column } = first.location;
  return new BundleError(describeAt(first.text, { file, line, column }, displayPath(file)));
}
