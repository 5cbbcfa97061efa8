/** Bundles the system isolate's program, on the build host. */
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transform } from 'esbuild';
import { type Plugin, rollup } from 'rollup';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The composition that runs when the app brings none. */
export const defaultComposition: string = fileURLToPath(new URL('src/main.ts', import.meta.url));

/** Refuses Node's modules: there is no Node in a bare isolate. */
const withoutNode: Plugin = {
  name: 'without-node',
  resolveId(source, importer) {
    if (!source.startsWith('node:') && !builtinModules.includes(source)) return null;
    return this.error(`"${source}", imported by ${importer}, is part of Node, which is not there`);
  },
};

/** Takes types away. */
const typescript: Plugin = {
  name: 'typescript',
  async transform(source, file) {
    if (!file.endsWith('.ts')) return null;
    const options = { loader: 'ts', sourcefile: file, sourcemap: true, target: 'esnext' } as const;
    const { code, map } = await transform(source, options);
    return { code, map };
  },
};

/** Takes spaces and comments away: the isolate reads the whole script each time it starts. */
const compact: Plugin = {
  name: 'compact',
  async renderChunk(source) {
    const options = { minifyWhitespace: true, sourcemap: true, target: 'esnext' } as const;
    const { code, map } = await transform(source, options);
    return { code, map };
  },
};

/**
 * Bundles into one classic script with an inline source map, whose sources are named by their paths
 * in the repository. Modules that nothing uses are left out: what a composition does not import is
 * not there. Imports of Node's modules are refused.
 * @param outFile where the script goes
 * @param entry the program: a composition (src/compose.ts), by default the one in src/main.ts
 */
export async function bundleSystem(
  outFile: string,
  entry: string = defaultComposition,
): Promise<void> {
  const bundle = await rollup({
    input: entry,
    plugins: [
      withoutNode,
      nodeResolve({
        extensions: ['.ts', '.mjs', '.js'],
        preferBuiltins: false,
        // A composition that lies elsewhere finds the workspaces all the same.
        modulePaths: [join(repository, 'node_modules')],
      }),
      typescript,
      compact,
    ],
    onwarn: (warning) => {
      if (warning.code === 'CIRCULAR_DEPENDENCY') return; // classes that make each other
      throw new Error(`The system bundle cannot be made: ${warning.message}`);
    },
  }).catch((error: Error) => {
    throw new Error(`The system bundle cannot be made: ${error.message}`, { cause: error });
  });
  try {
    await bundle.write({
      file: outFile,
      format: 'iife',
      sourcemap: 'inline',
      sourcemapExcludeSources: true,
      sourcemapPathTransform: (source) => {
        const path = relative(repository, resolve(dirname(outFile), source));
        return path.split(sep).join('/');
      },
    });
  } finally {
    await bundle.close();
  }
}
