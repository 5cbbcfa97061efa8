import { createHash } from 'node:crypto';
import { readdirSync, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { nodeFileTrace } from '@vercel/nft';
import { isInside } from './project.ts';
import { loadsUnknownModules, reasonInSource } from './source-analysis.ts';

/** Why a package stays outside the bundle and is copied as it is. */
export interface CopyReason {
  /** The rest of a sentence that starts with "It is copied because". */
  readonly text: string;
  /** No analysis can tell which of the package's files it loads, so all of them are copied. */
  readonly whole: boolean;
}

/**
 * Decides whether Rollup can bundle a package. Copying is always right; bundling is what makes an
 * app start quickly.
 *
 * @param specifier how the package is imported, such as `zod` or `lodash/get.js`
 * @param root the package's directory
 * @param importer the importing module, which resolution starts from
 * @param cache nft's cache, shared by every trace of one bundling
 * @returns undefined when it can be bundled
 */
export async function reasonToCopy(
  specifier: string,
  root: string,
  importer: string,
  cache: object,
): Promise<CopyReason | undefined> {
  const traced = await trace([specifier], importer, cache, (path) => {
    const real = realPath(path);
    return !isInside(real, root) && !isInside(root, real); // The way to the package may be a link.
  });
  const files = traced.files.filter((path) => isInside(path, root));
  // Node strips no types below node_modules, and only a package of the same repository has them.
  if (files.some((file) => /(?<!\.d)\.[cm]?ts$/.test(file))) return undefined;
  for (const file of files) {
    const extension = extname(file);
    const name = file.slice(root.length + 1);
    if (extension === '.node') return { text: `${name} is a native addon`, whole: false };
    if (!codeExtensions.has(extension))
      return { text: `it reads its own file ${name}`, whole: false };
  }
  for (const file of files) {
    const reason =
      extname(file) === '.json' ? undefined : reasonInSource(file, traced.unresolved.get(file));
    if (reason === undefined) continue;
    return { text: `${file.slice(root.length + 1)} ${reason}`, whole: loadsUnknownModules(reason) };
  }
  return undefined;
}

/** Follows symbolic links, such as those of workspaces; a path that is not there stays as it is. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const codeExtensions = new Set(['.js', '.mjs', '.cjs', '.json', '.ts', '.mts', '.cts']);

/** What a trace found. */
export interface Trace {
  /** Absolute paths of every file reached, sorted. */
  readonly files: readonly string[];
  /** Specifiers that lead nowhere, by the file that names them. */
  readonly unresolved: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Follows imports, requires and file references from packages.
 *
 * @param specifiers the packages, as they are imported
 * @param importer a path in the directory that resolution starts from
 * @param ignored paths that are not followed
 */
export async function trace(
  specifiers: readonly string[],
  importer: string,
  cache: object,
  ignored: (path: string) => boolean = () => false,
): Promise<Trace> {
  // The module that imports them exists only here. The cache knows files by name, so it needs its own.
  const digest = createHash('sha256').update(specifiers.join(' ')).digest('hex');
  const start = `${importer}.trace-${digest}.mjs`;
  const source = specifiers.map((name) => `import ${JSON.stringify(name)};`).join('\n');
  const result = await nodeFileTrace([start], {
    base: '/',
    processCwd: '/',
    cache,
    ignore: (path) => `/${path}` !== start && ignored(`/${path}`),
    readFile: async (path) => {
      if (path === start) return source;
      return readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'EISDIR') return null;
        throw error;
      });
    },
    stat: async (path) => stat(path).catch(() => null),
  });
  const files = [...result.fileList].map((path) => sep + path).filter((path) => path !== start);
  return { files: files.sort(), unresolved: unresolvedOf(result.warnings) };
}

/** Reads nft's warnings, which are the only place that names what it could not resolve. */
function unresolvedOf(warnings: Iterable<Error>): Map<string, Set<string>> {
  const unresolved = new Map<string, Set<string>>();
  for (const { message } of warnings) {
    const specifier = /^Failed to resolve dependency "(.*)":/.exec(message)?.[1];
    const file = / loaded from (.*)$/m.exec(message)?.[1];
    if (specifier === undefined || file === undefined) continue;
    unresolved.set(file, (unresolved.get(file) ?? new Set()).add(specifier));
  }
  return unresolved;
}

/**
 * Every file of a package that may be loaded at run time, without the packages nested in it.
 *
 * @param root the package's directory
 */
export function packageFiles(root: string): string[] {
  const files: string[] = [];
  const visit = (directory: string): void => {
    for (const item of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, item.name);
      if (item.isDirectory()) {
        if (item.name !== 'node_modules') visit(path);
      } else if (item.isFile() && !/\.(md|markdown|map|d\.[cm]?ts)$/i.test(item.name)) {
        files.push(path);
      }
    }
  };
  visit(root);
  return files.sort();
}

/**
 * Lays out the files of copied packages so that Node's lookup in the guest finds what it finds on
 * the host: the nearest `node_modules` that is used becomes /app/node_modules, those of directories
 * further up become /node_modules, where lookup goes next.
 *
 * @param files absolute paths
 * @param workspaces real directories of packages that a `node_modules` links to, by package name
 * @returns source path to path in the initrd, and files that are in no `node_modules`
 */
export function layOut(
  files: readonly string[],
  workspaces: ReadonlyMap<string, string>,
): { copied: Map<string, string>; misplaced: string[] } {
  const marker = `${sep}node_modules${sep}`;
  const owners = [
    ...new Set(
      files.flatMap((file) => (file.includes(marker) ? [file.slice(0, file.indexOf(marker))] : [])),
    ),
  ].sort((a, b) => b.length - a.length);
  const copied = new Map<string, string>();
  const misplaced: string[] = [];
  for (const file of files) {
    const index = file.indexOf(marker);
    if (index !== -1) {
      const top = file.slice(0, index) === owners[0] ? '/app/node_modules' : '/node_modules';
      copied.set(file, join(top, file.slice(index + marker.length)));
      continue;
    }
    const workspace = [...workspaces].find(([, directory]) => isInside(file, directory));
    if (workspace === undefined) misplaced.push(file);
    else copied.set(file, join('/app/node_modules', workspace[0], file.slice(workspace[1].length)));
  }
  return { copied, misplaced };
}
