import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { BundleError } from './errors.ts';

/** The parts of a package.json that the bundler reads. */
export interface PackageManifest {
  readonly name?: string;
  readonly version?: string;
  readonly main?: string;
  /** "worker": a bare app, which runs without Node. */
  readonly runtimejs?: unknown;
}

/** The app that is bundled: its entry module and the directory of its package.json. */
export interface Project {
  readonly root: string;
  readonly entry: string;
}

const entryNames = ['src/main', 'main', 'src/index', 'index', 'src/app', 'app'];
const entryExtensions = ['.ts', '.mts', '.js', '.mjs', '.cts', '.cjs', '.tsx'];

/**
 * Finds the app's entry module and its project directory.
 *
 * @param entry an entry module, or a directory that holds one: the `main` of its package.json, or
 *   a file such as src/main.ts, main.ts, src/index.ts
 * @throws BundleError when there is no such module
 */
export function findProject(entry: string): Project {
  const path = resolve(entry);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new BundleError(
      `There is no app at ${displayPath(path)}: that file or directory does not exist.\n` +
        'Name the app’s entry module, such as src/main.ts, or the directory that holds it.',
    );
  }
  const file = stats.isDirectory() ? findEntryIn(path) : path;
  return { entry: file, root: packageRoot(dirname(file)) ?? dirname(file) };
}

function findEntryIn(directory: string): string {
  const manifest = join(directory, 'package.json');
  const main = existsSync(manifest) ? readManifest(manifest).main : undefined;
  if (main !== undefined) {
    const file = join(directory, main);
    if (isFile(file)) return file;
    throw new BundleError(
      `The "main" of ${displayPath(manifest)} is "${main}", and that file does not exist.\n` +
        'Point "main" at the app’s entry module.',
    );
  }
  for (const name of entryNames) {
    for (const extension of entryExtensions) {
      const file = join(directory, name + extension);
      if (isFile(file)) return file;
    }
  }
  throw new BundleError(
    `There is no app in ${displayPath(directory)}: no package.json with "main", and none of ` +
      `${entryNames
        .slice(0, 4)
        .map((name) => `${name}.ts`)
        .join(', ')}.\n` +
      'Create src/main.ts, or name the entry module.',
  );
}

/** Tells whether the app's package.json asks for a bare app, which runs without Node. */
export function isBareApp({ root }: Project): boolean {
  const manifest = join(root, 'package.json');
  return existsSync(manifest) && readManifest(manifest).runtimejs === 'worker';
}

/** Tells whether a regular file is at the path. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * Reads a package.json.
 *
 * @throws BundleError when it is not valid JSON
 */
export function readManifest(file: string): PackageManifest {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PackageManifest;
  } catch (error) {
    throw new BundleError(
      `${displayPath(file)} cannot be read as JSON: ${(error as Error).message}\nCorrect the file.`,
    );
  }
}

const packageRoots = new Map<string, string | undefined>();

/**
 * The nearest directory, going up, whose package.json has a name. Nested package.json files without
 * one only set the module type of a sub-directory.
 */
export function packageRoot(directory: string): string | undefined {
  if (packageRoots.has(directory)) return packageRoots.get(directory);
  const manifest = join(directory, 'package.json');
  const parent = dirname(directory);
  let root: string | undefined;
  if (existsSync(manifest) && readManifest(manifest).name !== undefined) root = directory;
  else if (parent !== directory) root = packageRoot(parent);
  packageRoots.set(directory, root);
  return root;
}

/** Drops what {@link packageRoot} remembers; each bundling starts with what is on the disk now. */
export function forgetPackageRoots(): void {
  packageRoots.clear();
}

/** Tells whether `path` is `directory` or below it. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory + sep);
}

/** A path as the user would type it: relative to the working directory when it is below it. */
export function displayPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' ? '.' : short.startsWith('..') ? path : short;
}

/** The directory whose `node_modules` holds the path, and the path below it; undefined outside any. */
export function insideNodeModules(path: string): { owner: string; rest: string } | undefined {
  const marker = `${sep}node_modules${sep}`;
  const index = path.indexOf(marker);
  if (index === -1) return undefined;
  return { owner: path.slice(0, index), rest: path.slice(index + marker.length) };
}
