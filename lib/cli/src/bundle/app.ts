import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { type OutputBundle, type Plugin, type RollupError, type RollupLog, rollup } from 'rollup';
import { foreignAddons } from './addons.ts';
import { assets } from './assets.ts';
import { builtins } from './builtins.ts';
import { BundleError, describeAt } from './errors.ts';
import { type CopyReason, layOut, packageFiles, trace } from './packages.ts';
import {
  displayPath,
  forgetPackageRoots,
  type Project,
  packageRoot,
  readManifest,
} from './project.ts';
import { findInstalled, forceShared, type PackageUse, resolution } from './resolve.ts';
import { commonjs, json } from './rollup-plugins.ts';
import { chunkName, dropPackageSources, sourceName } from './sources.ts';
import { typescript } from './typescript.ts';

/** A bundled app: everything that goes below /app, and what it was made from. */
export interface BundledApp {
  /** Path in the initrd to content. */
  readonly generated: ReadonlyMap<string, string | Uint8Array>;
  /** Path of a file on the host to path in the initrd. */
  readonly copied: ReadonlyMap<string, string>;
  /** Every file that was read. */
  readonly inputs: ReadonlySet<string>;
  /** Packages that were copied, with the reason. */
  readonly copiedPackages: ReadonlyMap<string, string>;
  /** What deserves the user's attention, one sentence each. */
  readonly warnings: readonly string[];
}

/** A package can force another out of the bundle, and that one a third. */
const maximumPasses = 8;

/**
 * Bundles an app and its packages into /app/main.mjs, its workers and its files.
 *
 * @param project the app
 * @param entries modules to start from instead of the app's entry, by the name that they get in /app
 * @param whole packages to copy with all of their files
 * @throws BundleError when the app cannot be bundled
 */
export async function bundleApp(
  project: Project,
  entries?: Readonly<Record<string, string>>,
  whole: readonly string[] = [],
): Promise<BundledApp> {
  forgetPackageRoots();
  const forced = new Map<string, CopyReason>();
  for (const name of whole) {
    const root = findInstalled(name, project.root);
    if (root !== undefined) forced.set(root, { text: 'all of it is wanted', whole: true });
  }
  const cache = {};
  const isolates = new Map<string, string>();
  for (let pass = 0; pass < maximumPasses; pass++) {
    const use: PackageUse = { external: new Map(), bundled: new Set() };
    const forcedBefore = forced.size;
    const { bundle, inputs, warnings } = await runRollup(
      project,
      entries,
      plugins(project, forced, cache, use, isolates),
    );
    if (forced.size !== forcedBefore) continue;
    const files = await filesToCopy(project, cache, use);
    if (forceShared(files, use, forced)) continue;

    const left = foreignAddons(files);
    const kept = files.filter((file) => !left.has(file));
    const { copied, misplaced } = layOut(kept, workspacesAmong(kept));
    if (misplaced[0] !== undefined) {
      throw new BundleError(
        `A package reaches for ${displayPath(misplaced[0])}, which is in no node_modules.\n` +
          'Install the package that holds it.',
      );
    }
    for (const file of files) inputs.add(file);
    // What bundles isolates is loaded by those who need it: most apps start none.
    const scripts =
      isolates.size === 0
        ? undefined
        : await (await import('./worker.ts')).bundleIsolateFiles(isolates, project.root);
    for (const file of scripts?.inputs ?? []) inputs.add(file);
    return {
      generated: new Map([...outputs(bundle), ...(scripts?.files ?? [])]),
      copied,
      inputs,
      copiedPackages: new Map([...use.external].map(([name, { reason }]) => [name, reason.text])),
      warnings,
    };
  }
  throw new BundleError(
    `The packages of ${displayPath(project.root)} depend on each other's versions in a way that ` +
      'does not settle.\nRun npm dedupe, or align the versions in package.json.',
  );
}

async function runRollup(
  project: Project,
  entries: Readonly<Record<string, string>> | undefined,
  plugins: readonly Plugin[],
): Promise<{ bundle: OutputBundle; inputs: Set<string>; warnings: string[] }> {
  const warnings: string[] = [];
  try {
    const build = await rollup({
      input: entries ?? { main: project.entry },
      plugins: [...plugins],
      // Nothing imports the entry, so its exports need not keep their shape.
      preserveEntrySignatures: false,
      maxParallelFileOps: 16,
      onLog: (_level, log) => collect(log, warnings, project),
    });
    const inputs = new Set(build.watchFiles.filter((file) => !file.includes('\0')).map(stripQuery));
    for (const file of [...inputs]) addManifest(file, inputs);
    try {
      const { output } = await build.generate({
        format: 'es',
        dir: '/app',
        entryFileNames: '[name].mjs',
        chunkFileNames: chunkName,
        sourcemap: true,
        sourcemapPathTransform: (source, map) => sourceName(resolve(dirname(map), source), project),
        generatedCode: 'es2015',
        externalLiveBindings: false,
        // Where the output lies does not matter here: paths in the map come from sourceName.
      });
      return {
        bundle: Object.fromEntries(output.map((file) => [file.fileName, file])),
        inputs,
        warnings,
      };
    } finally {
      await build.close();
    }
  } catch (error) {
    throw readable(error as RollupError);
  }
}

function plugins(
  project: Project,
  forced: Map<string, CopyReason>,
  cache: object,
  use: PackageUse,
  isolates: Map<string, string>,
): Plugin[] {
  return [
    resolution(project, forced, cache, use),
    typescript(),
    assets(project, isolates),
    nodeResolve({
      // Node's own rules: no "module" or "browser" fields, which name code for other bundlers.
      mainFields: ['main'],
      exportConditions: ['node', 'module-sync'],
      extensions: ['.mjs', '.js', '.json', '.ts', '.mts', '.cjs', '.cts', '.node'],
      preferBuiltins: true,
      rootDir: project.root,
    }),
    json(),
    commonjs({
      extensions: ['.js', '.cjs', '.cts'],
      strictRequires: true,
      // As in Node, `import x from` a CommonJS module is its module.exports.
      defaultIsModuleExports: true,
      ignoreTryCatch: false,
    }),
    builtins(),
  ];
}

function stripQuery(id: string): string {
  return id.replace(/\?.*$/, '');
}

/** The package.json of a module steers its resolution, so it is an input too. */
function addManifest(file: string, inputs: Set<string>): void {
  const root = packageRoot(dirname(file));
  if (root !== undefined) inputs.add(join(root, 'package.json'));
}

async function filesToCopy(project: Project, cache: object, use: PackageUse): Promise<string[]> {
  if (use.external.size === 0) return [];
  const { files: traced } = await trace([...use.external.keys()], project.entry, cache);
  const files = new Set(traced);
  for (const { root, reason } of use.external.values()) {
    files.add(join(root, 'package.json'));
    if (!reason.whole) continue;
    const own = packageFiles(root);
    for (const file of own) files.add(file);
    const manifest = readManifest(join(root, 'package.json')) as {
      dependencies?: Record<string, string>;
    };
    // Any of its files may be loaded, and each may import other parts of what it depends on.
    const code = own.filter((file) => /\.[cm]?js$/.test(file));
    const start = [...Object.keys(manifest.dependencies ?? {}), ...code];
    const needed = await trace(start, join(root, 'package.json'), cache);
    for (const file of needed.files) files.add(file);
  }
  // Directories are listed when the trace met a symbolic link to one.
  return [...files].filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile()).sort();
}

function workspacesAmong(files: readonly string[]): Map<string, string> {
  const workspaces = new Map<string, string>();
  for (const file of files) {
    if (file.includes('/node_modules/')) continue;
    const root = packageRoot(dirname(file));
    const name = root === undefined ? undefined : readManifest(join(root, 'package.json')).name;
    if (root !== undefined && name !== undefined) workspaces.set(name, root);
  }
  return workspaces;
}

function outputs(bundle: OutputBundle): Map<string, string | Uint8Array> {
  const files = new Map<string, string | Uint8Array>();
  for (const file of Object.values(bundle)) {
    const path = join('/app', file.fileName);
    if (file.type === 'chunk') {
      files.set(path, file.code);
      continue;
    }
    files.set(path, file.source);
  }
  for (const file of Object.values(bundle)) {
    if (file.type !== 'chunk' || file.map === null) continue;
    dropPackageSources(file.map);
    files.set(join('/app', `${file.fileName}.map`), file.map.toString());
  }
  return files;
}

/** Rollup's remarks that say nothing about the app's own behaviour. */
const silent = new Set([
  'CIRCULAR_DEPENDENCY',
  'THIS_IS_UNDEFINED',
  'EMPTY_BUNDLE',
  'MODULE_LEVEL_DIRECTIVE',
  'SOURCEMAP_ERROR',
  'UNUSED_EXTERNAL_IMPORT',
  'MIXED_EXPORTS',
  'INVALID_ANNOTATION',
  'GENERATED_ENTRY',
]);

function collect(log: RollupLog, warnings: string[], project: Project): void {
  if (log.code !== undefined && silent.has(log.code)) return;
  if (log.id !== undefined && !log.id.startsWith(project.root)) return;
  if (log.id?.includes('/node_modules/')) return;
  warnings.push(log.message.split('\n')[0] ?? log.message);
}

/** Turns Rollup's errors into ones that a user can act on. */
function readable(error: RollupError): Error {
  const cause = error.cause instanceof BundleError ? error.cause : error;
  if (cause instanceof BundleError) return cause;
  if (error.plugin?.startsWith('runtimejs:') === true) {
    // Rollup wraps what a hook throws; the message is ours, behind its own prefix.
    return new BundleError(
      error.message.replace(/^\[plugin [^\]]*\] /, '').replace(/^\S+ \(\d+:\d+\): /, ''),
    );
  }
  const text = (error.message.split('\n')[0] ?? '')
    .replace(/^\S+ \(\d+:\d+\): /, '')
    .replace(/ in \/\S+$/, '');
  const file = error.loc?.file ?? error.id;
  if (file === undefined) return new BundleError(text);
  if (error.loc === undefined) return new BundleError(`${displayPath(file)}: ${text}`);
  const { line, column } = error.loc;
  return new BundleError(
    describeAt(text, { file: stripQuery(file), line, column }, displayPath(stripQuery(file))),
  );
}
