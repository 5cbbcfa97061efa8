import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { scriptPath } from '@runtimejs/system/isolate-entries.ts';
import MagicString from 'magic-string';
import type { AstNode, Plugin, PluginContext } from 'rollup';
import { BundleError } from './errors.ts';
import { displayPath, isInside, type Project } from './project.ts';
import { childrenOf, isNamed, type Syntax } from './syntax.ts';

/**
 * Rollup plugin for files that the app names by URL. `new URL('./file', import.meta.url)` becomes
 * the URL of a copy in the initrd; inside `new Worker(...)` the file is bundled as an entry of its
 * own. As the `entry` of an isolate, in a module that imports @runtimejs/isolate, it becomes the path of a script.
 * Native addons that are imported by path are copied and loaded.
 *
 * @param project the app
 * @param isolates gets the entry modules of isolates, by the paths of their scripts in the image
 */
export function assets(project: Project, isolates: Map<string, string>): Plugin {
  const emission: Emission = { project, isolates, references: new Map() };
  return {
    name: 'runtimejs:assets',

    buildStart() {
      emission.references.clear();
      isolates.clear();
    },

    load(id) {
      if (extname(id) !== '.node') return null;
      const reference = emitAsset(this, id, emission);
      return [
        `import { createRequire } from 'node:module';`,
        `import { fileURLToPath } from 'node:url';`,
        `const require = createRequire(import.meta.url);`,
        `export default require(fileURLToPath(import.meta.ROLLUP_FILE_URL_${reference}));`,
      ].join('\n');
    },

    async transform(code, id) {
      if (!code.includes('import.meta.url') || !code.includes('new URL')) return null;
      const found = findUrls(this.parse(code), code);
      if (found.length === 0) return null;
      const edited = new MagicString(code);
      for (const url of found) {
        const replacement = await emit(this, url, id.replace(/\?.*$/, ''), emission);
        if (replacement !== undefined) edited.overwrite(url.start, url.end, replacement);
      }
      if (!edited.hasChanged()) return null;
      return { code: edited.toString(), map: edited.generateMap({ hires: 'boundary' }) };
    },
  };
}

/** One `new URL('literal', import.meta.url)` in a module. */
interface NamedUrl {
  readonly start: number;
  readonly end: number;
  readonly specifier: string;
  /** Whether it is what a Worker is started from. */
  readonly worker: boolean;
  /** Whether an isolate is started from it. */
  readonly isolate: boolean;
}

const codeExtensions = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs']);

async function emit(
  context: PluginContext,
  url: NamedUrl,
  importer: string,
  emission: Emission,
): Promise<string | undefined> {
  const target = fileURLToPath(new URL(url.specifier, pathToFileURL(importer)));
  const stats = statSync(target, { throwIfNoEntry: false });
  if (url.worker || url.isolate) {
    const resolved = await context.resolve(url.specifier, importer, { skipSelf: true });
    if (resolved === null || resolved.external !== false) {
      const [what, where] = url.worker ? ['worker', 'new Worker'] : ['isolate', 'entry: '];
      throw new BundleError(
        `${displayPath(importer)}: There is no ${what} module ${displayPath(target)}.\n` +
          `Correct the path in ${where}(new URL(...)); it is relative to the module that names it.`,
      );
    }
    if (url.isolate) {
      const path = scriptPath(resolved.id, emission.project.root);
      emission.isolates.set(path, resolved.id);
      return JSON.stringify(path);
    }
    const fileName = workerName(resolved.id, emission.project);
    const reference = once(emission, fileName, () =>
      context.emitFile({ type: 'chunk', id: resolved.id, fileName }),
    );
    return `new URL(import.meta.ROLLUP_FILE_URL_${reference})`;
  }
  if (stats === undefined) return undefined; // Perhaps a file that the app creates.
  if (stats.isFile()) {
    // Node strips types from a TypeScript module wherever it is loaded, so a copy is enough.
    return `new URL(import.meta.ROLLUP_FILE_URL_${emitAsset(context, target, emission)})`;
  }
  // A directory that holds the module itself would drag in the whole app.
  if (!stats.isDirectory() || isInside(importer, target)) return undefined;
  return emitDirectory(context, target, emission);
}

/** What one build emitted: several modules may name the same file. */
interface Emission {
  readonly project: Project;
  readonly isolates: Map<string, string>;
  /** Rollup's references by file name. */
  readonly references: Map<string, string>;
}

function once(emission: Emission, fileName: string, emitFile: () => string): string {
  const reference = emission.references.get(fileName) ?? emitFile();
  emission.references.set(fileName, reference);
  return reference;
}

function emitAsset(context: PluginContext, file: string, emission: Emission): string {
  context.addWatchFile(file);
  const fileName = assetName(file, emission.project);
  return once(emission, fileName, () =>
    context.emitFile({ type: 'asset', fileName, source: readFileSync(file) }),
  );
}

function emitDirectory(
  context: PluginContext,
  directory: string,
  emission: Emission,
): string | undefined {
  let replacement: string | undefined;
  for (const file of filesBelow(directory)) {
    const reference = emitAsset(context, file, emission);
    const up = relative(dirname(file), directory) || '.';
    replacement ??= `new URL('${up.split(sep).join('/')}/', import.meta.ROLLUP_FILE_URL_${reference})`;
  }
  return replacement;
}

/** Every file below a directory, sorted, without hidden files and node_modules. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name))
    .filter((file) => !/(^|\/)(\.[^/]*|node_modules)(\/|$)/.test(relative(directory, file)))
    .sort();
}

/** Path in /app of a file that is named as an asset: readable, and one for each source file. */
function assetName(file: string, project: Project): string {
  return join('assets', flatten(relative(project.root, file)));
}

function workerName(file: string, project: Project): string {
  const name = flatten(relative(project.root, file)).replace(/\.[cm]?[jt]sx?$/, '');
  return `${name.split(sep).join('-')}.worker.mjs`;
}

/** A relative path without steps upwards, which would lead out of /app. */
function flatten(path: string): string {
  return path
    .split(sep)
    .filter((part) => part !== '..')
    .map((part) => (part === 'node_modules' ? 'packages' : part))
    .join(sep);
}

function findUrls(program: AstNode, code: string): NamedUrl[] {
  const found: NamedUrl[] = [];
  const workerNodes = new Set<unknown>();
  const workerNames = new Set<unknown>();
  const entryNodes = new Set<unknown>();
  const entryNames = new Set<unknown>();
  const mayStartIsolates = code.includes('@runtimejs/isolate/');
  const initialisers = new Map<unknown, unknown>();
  const isCode = (path: unknown): boolean => codeExtensions.has(extname(path as string));
  const isOneOf = (node: unknown, nodes: Set<unknown>, names: Set<unknown>): boolean => {
    const name = initialisers.get(node);
    return nodes.has(node) || (name !== undefined && names.has(name));
  };
  const visit = (node: Syntax): void => {
    if (node.type === 'VariableDeclarator') {
      initialisers.set(node.init, (node.id as Syntax).name);
    }
    if (node.type === 'Property' && isNamed(node.key, 'entry')) {
      const value = node.value as Syntax;
      entryNodes.add(value);
      if (value.type === 'Identifier') entryNames.add(value.name);
    }
    if (node.type === 'NewExpression') {
      const [first, base] = node.arguments as Syntax[];
      if (isNamed(node.callee, 'Worker') && first !== undefined) {
        workerNodes.add(first);
        if (first.type === 'Identifier') workerNames.add(first.name);
      }
      if (
        isNamed(node.callee, 'URL') &&
        first?.type === 'Literal' &&
        typeof first.value === 'string' &&
        /^\.\.?\//.test(first.value) &&
        base !== undefined &&
        code.slice(base.start, base.end) === 'import.meta.url'
      ) {
        found.push({
          start: node.start,
          end: node.end,
          specifier: first.value,
          get worker() {
            return isCode(first.value) && isOneOf(node, workerNodes, workerNames);
          },
          get isolate() {
            return mayStartIsolates && isCode(first.value) && isOneOf(node, entryNodes, entryNames);
          },
        });
      }
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program as Syntax);
  return found;
}

/**
 * Expands the `assets` option.
 *
 * @param patterns files, directories or globs, relative to the project
 * @param project the app
 * @returns source path to path in the initrd: /app and the path relative to the project
 * @throws BundleError when a pattern matches nothing or leads out of the project
 */
export function expandAssets(patterns: readonly string[], project: Project): Map<string, string> {
  const copies = new Map<string, string>();
  for (const pattern of patterns) {
    const matches = globSync(pattern, { cwd: project.root }).sort();
    const files = matches.flatMap((match) => {
      const path = resolve(project.root, match);
      return statSync(path).isDirectory() ? filesBelow(path) : [path];
    });
    if (files.length === 0) {
      throw new BundleError(
        `The asset ${JSON.stringify(pattern)} matches no file in ${displayPath(project.root)}.\n` +
          'Correct the "assets" option; its paths are relative to the app’s package.json.',
      );
    }
    for (const file of files) {
      if (!isInside(file, project.root)) {
        throw new BundleError(
          `The asset ${displayPath(file)} is outside the app’s directory ${displayPath(project.root)}.\n` +
            'Move it into the app, or name it with new URL(..., import.meta.url).',
        );
      }
      copies.set(file, join('/app', relative(project.root, file)));
    }
  }
  return copies;
}
