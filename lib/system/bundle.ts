/** Bundles the system isolate's program, on the build host. */
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { type Plugin, rollup } from 'rollup';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Takes types away; imports in this code name their files in full, so that nothing needs resolving.
 */
const typescript: Plugin = {
  name: 'typescript',
  async transform(source, file) {
    if (!file.endsWith('.ts')) return null;
    const options = { loader: 'ts', sourcefile: file, sourcemap: true, target: 'esnext' } as const;
    const { code, map } = await transform(source, options);
    return { code, map };
  },
};

/**
 * Bundles into one classic script with an inline source map, whose sources are named by their paths
 * in the repository. Imports of Node's modules are refused: there is no Node in a bare isolate.
 * @param outFile where the script goes
 * @param entry the program, default src/main.ts
 */
export async function bundleSystem(
  outFile: string,
  entry: string = fileURLToPath(new URL('src/main.ts', import.meta.url)),
): Promise<void> {
  const bundle = await rollup({
    input: entry,
    plugins: [typescript],
    onwarn: (warning) => {
      throw new Error(`The system bundle cannot be made: ${warning.message}`);
    },
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
