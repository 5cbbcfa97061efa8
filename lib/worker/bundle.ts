/** Bundles a bare app with all that it runs on, and programs for isolates of their own, on the build host. */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import commonjsPlugin from '@rollup/plugin-commonjs';
import jsonPlugin from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { type IsolateEntries, isolateEntries } from '@runtimejs/system/isolate-entries.ts';
import { globalsByModule, loaderByModule } from '@runtimejs/web/globals.ts';
import { transform } from 'esbuild';
import { type Plugin, type RollupError, type RollupLog, rollup } from 'rollup';

// Their types are written for CommonJS importers, to whom the function is `.default`.
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;
const json = jsonPlugin as unknown as typeof jsonPlugin.default;

/** Sources are named by their paths from here: the repository, or the folder that this is installed in. */
const home = fileURLToPath(new URL('../..', import.meta.url));
/** Where a module of these packages is. */
const locate = (specifier: string): string => fileURLToPath(import.meta.resolve(specifier));
const entryName = '\0worker-entry';
/** Makes a module of CommonJS of a file of JSON. */
const tableSuffix = '.text.cjs';
const nothingName = '\0worker-nothing';
const globalsName = '\0worker-globals';

/** A bare app that is bundled. */
export interface WorkerBundle {
  /** A classic script, ASCII, with its source map at the end. */
  readonly code: string;
  /** Every file that was read. */
  readonly inputs: readonly string[];
  /** What deserves attention, one sentence each. */
  readonly warnings: readonly string[];
  /** Entry modules of the isolates that it starts, by the paths of their scripts in the image. */
  readonly isolates: IsolateEntries;
}

/** Scripts of isolates, by their paths in the image. */
export interface IsolateScripts {
  readonly scripts: ReadonlyMap<string, string>;
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

/** A bare app that cannot be bundled; the message says why and where. */
export class WorkerBundleError extends Error {}

/** Refuses Node's modules. */
const withoutNode: Plugin = {
  name: 'runtimejs:without-node',
  resolveId(source, importer) {
    if (!source.startsWith('node:') && !builtinModules.includes(source)) return null;
    return this.error(
      `"${source}", imported by ${importer}, is part of Node, and a bare app runs without it. ` +
        'Use the web platform’s API, or take "runtimejs": "worker" out of package.json to run in Node.',
    );
  },
};

/** Takes types away. */
const typescript: Plugin = {
  name: 'runtimejs:typescript',
  async transform(source, file) {
    if (!/\.[mc]?ts$/.test(file)) return null;
    const options = { loader: 'ts', sourcefile: file, sourcemap: true, target: 'esnext' } as const;
    const { code, map } = await transform(source, options);
    return { code, map };
  },
};

/** Takes spaces and comments away, and makes it ASCII, as a code cache needs. */
const compact: Plugin = {
  name: 'runtimejs:compact',
  async renderChunk(source) {
    const options = {
      minifyWhitespace: true,
      charset: 'ascii',
      sourcemap: true,
      target: 'esnext',
    } as const;
    const { code, map } = await transform(source, options);
    return { code, map };
  },
};

/** What whatwg-url imports, and what it gets in its place. */
const replacements: Readonly<Record<string, string>> = {
  // Asked for every host name, with large tables. Most names are plain ASCII: the tables are made when one is
  // not, and are text until then.
  tr46: locate('@runtimejs/web/domain-names.cjs'),
  './encoding': locate('@runtimejs/web/url-encoding.cjs'),
  // For queries in encodings other than UTF-8, which the URL class does not have.
  '@exodus/bytes/encoding.js': nothingName,
  '@exodus/bytes/whatwg.js': locate('@runtimejs/web/percent-encoding.cjs'),
};

/** Fits whatwg-url to a small bundle. */
const smallUrl: Plugin = {
  name: 'runtimejs:small-url',
  resolveId(source, importer) {
    if (importer?.includes('/whatwg-url/') === true) {
      const replacement = replacements[source];
      if (replacement !== undefined) return replacement;
    }
    if (!source.endsWith('/mappingTable.json') || importer === undefined) return null;
    return `${join(dirname(importer), source)}${tableSuffix}`;
  },
  load(file) {
    if (file === nothingName) return '';
    if (!file.endsWith(tableSuffix)) return null;
    const table = readFileSync(file.slice(0, -tableSuffix.length), 'utf8');
    const text = JSON.stringify(JSON.stringify(JSON.parse(table)));
    return `module.exports = JSON.parse(${text});`;
  },
};

/** What runs an entry module: modules that come before it, and a function that gets its default export. */
interface Runner {
  readonly prepare: readonly string[];
  /** Likewise, but with the web's globals. */
  readonly before?: readonly string[];
  readonly run: readonly [name: string, module: string];
}

/** The program is a bare app, which has drivers, the network stack and the HTTP server with it. */
const appRunner: Runner = {
  prepare: ['@runtimejs/worker/prepare.ts'],
  before: ['@runtimejs/worker/run.ts', '@runtimejs/worker/freeze.ts'],
  run: ['run', '@runtimejs/worker/run.ts'],
};

/** The program is a bare app that is replaced while what it runs on goes on. */
const reloadableRunner: Runner = {
  prepare: ['@runtimejs/worker/reload/adapt.ts', '@runtimejs/worker/prepare.ts'],
  run: ['offer', '@runtimejs/worker/reload/offer.ts'],
};

/** The program is the control server of such an app; drivers, the network stack and the HTTP server are with it. */
const reloadRunner: Runner = {
  prepare: ['@runtimejs/worker/prepare.ts'],
  run: ['runReloadable', '@runtimejs/worker/reload/run.ts'],
};

/** The program has an isolate to itself. */
const isolateRunner: Runner = {
  prepare: ['@runtimejs/isolate/prepare.ts'],
  run: ['enter', '@runtimejs/isolate/enter.ts'],
};

/** The bundle's first module: it prepares the isolate, sets globals, loads the program, and runs it. */
function composition(
  entry: string,
  globals: readonly string[],
  runner: Runner,
  parts: string | undefined,
): Plugin {
  return {
    name: 'runtimejs:worker',
    resolveId(source, importer) {
      if (source === entryName || source === globalsName) return source;
      // What these modules import is found from this package, wherever the app is.
      const isOurs = importer === entryName || importer === globalsName || importer === parts;
      return isOurs && source.startsWith('@runtimejs/') ? locate(source) : null;
    },
    load(id) {
      if (id === entryName) {
        return [
          ...runner.prepare.map((module) => `import '${module}';`),
          `import ${JSON.stringify(globalsName)};`,
          ...(runner.before ?? []).map((module) => `import '${module}';`),
          `import * as program from ${JSON.stringify(entry)};`,
          `import { ${runner.run[0]} } from '${runner.run[1]}';`,
          ...(parts === undefined
            ? [`${runner.run[0]}(program.default);`]
            : [
                `import { parts } from ${JSON.stringify(parts)};`,
                `${runner.run[0]}(program.default, parts);`,
              ]),
        ].join('\n');
      }
      if (id !== globalsName) return null;
      const wanted = Object.entries(globalsByModule)
        .map(([module, names]) => ({
          module,
          names: names.filter((name) => globals.includes(name)),
        }))
        .filter(({ names }) => names.length > 0);
      return {
        code: [
          `import { define, defineOnDemand } from '@runtimejs/web/define.ts';`,
          ...wanted.flatMap(({ module, names }) => {
            const loader = loaderByModule[module];
            return [
              `import { ${loader ?? names.join(', ')} } from '@runtimejs/web/${module}';`,
              loader === undefined
                ? `define({ ${names.join(', ')} });`
                : `defineOnDemand(${JSON.stringify(names)}, ${loader});`,
            ];
          }),
        ].join('\n'),
        moduleSideEffects: true,
      };
    },
  };
}

function plugins(own: readonly Plugin[]): Plugin[] {
  return [
    withoutNode,
    smallUrl,
    ...own,
    nodeResolve({
      extensions: ['.ts', '.mts', '.mjs', '.js', '.json', '.cts', '.cjs'],
      preferBuiltins: false,
      // As other runtimes without Node: packages that have code for them name it so.
      exportConditions: ['workerd', 'worker', 'module'],
      mainFields: ['module', 'main'],
    }),
    typescript,
    json(),
    commonjs({ strictRequires: true, extensions: ['.js', '.cjs', '.cts'] }),
  ];
}

/**
 * Finds the globals of the web's API that modules and their packages name: the others are left out of the bundle.
 * @param entries an app, and services beside it
 * @returns their names; also some that only stand in comments or strings, which does no harm
 */
async function findGlobals(entries: readonly string[]): Promise<string[]> {
  const named = new Set<string>();
  const names = Object.values(globalsByModule).flat();
  const pattern = new RegExp(`\\b(?:${names.join('|')})\\b`, 'g');
  const scan: Plugin = {
    name: 'runtimejs:find-globals',
    transform(source) {
      for (const [name] of source.matchAll(pattern)) named.add(name);
      return null;
    },
  };
  const build = await rollup({
    input: [...entries],
    plugins: [...plugins([]), scan],
    onLog: () => {},
  });
  await build.close();
  return names.filter((name) => named.has(name));
}

/**
 * Bundles a bare app into one classic script: its modules and packages, the globals of the web's API that they
 * use, the HTTP server, the network stack and the drivers.
 * @param entry the app's entry module
 * @param root sources below it are named by their paths from there
 * @param parts a module whose `parts` are services beside it, and what the app may call of them: a ConnectedApp
 * @throws WorkerBundleError that names the module, the place and the cause
 */
export async function bundleWorker(
  entry: string,
  root: string,
  parts?: string,
): Promise<WorkerBundle> {
  return bundleProgram(entry, root, appRunner, parts);
}

/**
 * Bundles a bare app without what it runs on: bundleReloadHost() has that. Its script is run in place of the one
 * before while the machine runs.
 * @param entry the app's entry module
 * @param root sources below it are named by their paths from there
 * @param hasEndpoints whether it may call services
 * @throws WorkerBundleError that names the module, the place and the cause
 */
export async function bundleReloadable(
  entry: string,
  root: string,
  hasEndpoints = false,
): Promise<WorkerBundle> {
  const parts = hasEndpoints ? locate('@runtimejs/worker/reload/endpoints.ts') : undefined;
  return bundleProgram(entry, root, reloadableRunner, parts);
}

/**
 * Bundles what an app runs on that bundleReloadable() bundles: the HTTP server, the network stack and the drivers.
 * @param root sources below it are named by their paths from there
 * @param parts a module whose `parts` are services beside it, and what the app may call of them: AppParts
 */
export async function bundleReloadHost(root: string = home, parts?: string): Promise<WorkerBundle> {
  const control = locate('@runtimejs/worker/reload/control.ts');
  return bundleProgram(control, root, reloadRunner, parts);
}

/**
 * Bundles programs for isolates of their own, and those of isolates that they name, each into one classic script.
 * @param entries their entry modules, by the paths that their scripts have in the image
 * @param root sources below it are named by their paths from there
 * @throws WorkerBundleError that names the module, the place and the cause
 */
export async function bundleIsolates(
  entries: IsolateEntries,
  root: string,
): Promise<IsolateScripts> {
  const scripts = new Map<string, string>();
  const inputs: string[] = [];
  const warnings: string[] = [];
  const waiting = [...entries];
  for (const [path, entry] of waiting) {
    if (scripts.has(path)) continue;
    const bundle = await bundleProgram(entry, root, isolateRunner);
    scripts.set(path, bundle.code);
    inputs.push(...bundle.inputs);
    warnings.push(...bundle.warnings);
    waiting.push(...bundle.isolates);
  }
  return { scripts, inputs, warnings };
}

async function bundleProgram(
  entry: string,
  root: string,
  runner: Runner,
  parts?: string,
): Promise<WorkerBundle> {
  const warnings: string[] = [];
  const isolates = new Map<string, string>();
  try {
    const globals = await findGlobals(parts === undefined ? [entry] : [entry, parts]);
    const build = await rollup({
      input: entryName,
      plugins: [
        ...plugins([composition(entry, globals, runner, parts)]),
        isolateEntries(isolates, root),
        compact,
      ],
      onLog: (_level, log) => collect(log, root, warnings),
    });
    const { output } = await build.generate({
      format: 'iife',
      name: 'app',
      exports: 'none',
      file: join(root, 'main.js'),
      sourcemap: 'inline',
      sourcemapExcludeSources: true,
      sourcemapPathTransform: (source) => sourceName(join(root, source), root),
    });
    const inputs = build.watchFiles.filter((file) => !file.includes('\0'));
    await build.close();
    return { code: output[0].code, inputs, warnings, isolates };
  } catch (error) {
    throw new WorkerBundleError(describe(error as RollupError), { cause: error });
  }
}

/** Names a source by its path in the app, or from where these packages are. */
function sourceName(file: string, root: string): string {
  const inRoot = relative(root, file);
  const path = inRoot.startsWith('..') ? relative(home, file) : inRoot;
  return path.split(sep).join('/');
}

function collect(log: RollupLog, root: string, warnings: string[]): void {
  if (log.code === 'UNRESOLVED_IMPORT' || log.code === 'MISSING_EXPORT')
    throw new Error(log.message);
  const isOwn = log.id?.startsWith(root) === true && !log.id.includes('node_modules');
  if (isOwn && log.code !== 'CIRCULAR_DEPENDENCY') warnings.push(log.message);
}

/** Rollup's error as text: the place, the cause, and the lines around it. */
function describe({ message, loc, frame, code }: RollupError): string {
  if (code === 'INVALID_TLA_FORMAT' || /top-level await/i.test(message)) {
    return `${message}\nA bare app is one script, where await stands in functions only: await within fetch().`;
  }
  const text = message.replace(/^\[plugin [^\]]*\] /, '');
  const place =
    loc?.file === undefined || text.includes(loc.file) ? '' : `${loc.file}:${loc.line}: `;
  return `${place}${text}${frame === undefined ? '' : `\n\n${frame}`}`;
}

/** For stamps: what of this package makes another bundle of the same app. */
export const bundlerFile: string = fileURLToPath(import.meta.url);
