/** Bundles the system isolate's program, on the build host. */
import { readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, extname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { UserError } from '@runtimejs/base/errors.ts';
import { type TransformFailure, transform } from 'esbuild';
import { type Plugin, type RollupError, rollup } from 'rollup';
import { isolateEntries } from './isolate-entries.ts';

/** Sources are named by their paths from here: the repository, or the folder that this is installed in. */
const home = fileURLToPath(new URL('../..', import.meta.url));
const ownExtension = extname(import.meta.filename);

/** The composition that runs when the app brings none. */
export const defaultComposition: string = fileURLToPath(
  new URL(`src/main${ownExtension}`, import.meta.url),
);

/** Refuses Node's modules: there is no Node in a bare isolate. */
const withoutNode: Plugin = {
  name: 'without-node',
  resolveId(source, importer) {
    if (!source.startsWith('node:') && !builtinModules.includes(source)) return null;
    return this.error(`"${source}", imported by ${importer}, is part of Node, which is not there`);
  },
};

/** Finds the packages of this project from a composition that lies where they are not installed. */
const ownPackages: Plugin = {
  name: 'own-packages',
  async resolveId(source, importer) {
    if (!source.startsWith('@runtimejs/')) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    if (found !== null) return found;
    try {
      return fileURLToPath(import.meta.resolve(source));
    } catch {
      return null;
    }
  },
};

/** Takes types away. */
const typescript: Plugin = {
  name: 'typescript',
  async transform(source, file) {
    if (!file.endsWith('.ts')) return null;
    const options = { loader: 'ts', sourcefile: file, sourcemap: true, target: 'esnext' } as const;
    const { code, map } = await transform(source, options).catch((error: TransformFailure) => {
      const { location, text } = error.errors[0] ?? {};
      if (!location) throw error;
      return this.error(text ?? error.message, { line: location.line, column: location.column });
    });
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

/** What {@link bundleSystem} made. */
export interface SystemBundle {
  /** Every file that was read. */
  readonly inputs: readonly string[];
  /** Bytes of the bundle, before spaces are taken out, by the package that they are from. */
  readonly packages: Readonly<Record<string, number>>;
}

/**
 * The file beside a bundle that names the entry modules of the isolates that it starts: pairs of the path that a
 * script is to have in the image, and the module.
 */
export function isolatesFile(bundle: string): string {
  return `${bundle}.isolates.json`;
}

/**
 * Bundles into one classic script with an inline source map, whose sources are named by their paths
 * in the repository. Modules that nothing uses are left out: what a composition does not import is
 * not there. Imports of Node's modules are refused.
 * @param outFile where the script goes
 * @param entry the program: a composition (src/compose.ts), by default the one in src/main.ts
 * @throws UserError that names the module, the place and the cause
 */
export async function bundleSystem(
  outFile: string,
  entry: string = defaultComposition,
): Promise<SystemBundle> {
  const isolates = new Map<string, string>();
  const bundle = await rollup({
    input: entry,
    plugins: [
      withoutNode,
      ownPackages,
      nodeResolve({ extensions: ['.ts', '.mjs', '.js'], preferBuiltins: false }),
      typescript,
      isolateEntries(isolates, home),
      compact,
    ],
    onwarn: (warning) => {
      if (warning.code === 'CIRCULAR_DEPENDENCY') return; // classes that make each other
      throw new UserError(`The system bundle cannot be made: ${warning.message}`);
    },
  }).catch((error: RollupError) => {
    throw new UserError(describe(error), { cause: error });
  });
  try {
    const { output } = await bundle.write({
      file: outFile,
      format: 'iife',
      sourcemap: 'inline',
      sourcemapExcludeSources: true,
      sourcemapPathTransform: (source) => {
        const path = relative(home, resolve(dirname(outFile), source));
        return path.split(sep).join('/');
      },
    });
    writeFileSync(isolatesFile(outFile), JSON.stringify([...isolates]));
    const packages: Record<string, number> = {};
    for (const [file, { renderedLength }] of Object.entries(output[0].modules)) {
      const name = packageOf(file);
      packages[name] = (packages[name] ?? 0) + renderedLength;
    }
    return { inputs: bundle.watchFiles.filter((file) => !file.startsWith('\0')), packages };
  } finally {
    await bundle.close();
  }
}

/** Rollup's error as text: the place, the cause, and the lines around it. */
function describe({ message, loc, frame }: RollupError): string {
  const text = message.replace(/^\[plugin [^\]]*\] /, '');
  const place = loc?.file === undefined || text.includes(loc.file) ? '' : `${loc.file}: `;
  return `The system bundle cannot be made: ${place}${text}${frame === undefined ? '' : `\n\n${frame}`}`;
}

const packageNames = new Map<string, string>();

/** Name of the package that a file belongs to. */
function packageOf(file: string): string {
  const folder = dirname(file.replace(/^\0/, ''));
  const known = packageNames.get(folder);
  if (known !== undefined) return known;
  let name = 'app';
  try {
    const { name: own } = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8'));
    name = typeof own === 'string' ? own : packageOf(folder);
  } catch {
    if (dirname(folder) !== folder) name = packageOf(folder);
  }
  packageNames.set(folder, name);
  return name;
}
