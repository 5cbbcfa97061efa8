import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { nodeFileTrace } from '@vercel/nft';
import type { AstNode } from 'rollup';
import { parseAst } from 'rollup/parseAst';
import { isInside } from './project.ts';

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
  const links = await trace([specifier], importer, cache, (path) => {
    const real = realPath(path);
    return !isInside(real, root) && !isInside(root, real); // The way to the package may be a link.
  });
  const files = links.filter((path) => isInside(path, root));
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
    const reason = extname(file) === '.json' ? undefined : reasonInSource(file);
    if (reason === undefined) continue;
    return { text: `${file.slice(root.length + 1)} ${reason}`, whole: wholeReasons.has(reason) };
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

/**
 * Follows imports, requires and file references from packages.
 *
 * @param specifiers the packages, as they are imported
 * @param importer a path in the directory that resolution starts from
 * @param ignored paths that are not followed
 * @returns absolute paths of every file reached, sorted
 */
export async function trace(
  specifiers: readonly string[],
  importer: string,
  cache: object,
  ignored: (path: string) => boolean = () => false,
): Promise<string[]> {
  // The module that imports them exists only here. The cache knows files by name, so it needs its own.
  const start = `${importer}.trace-${encodeURIComponent(specifiers.join(' '))}.mjs`;
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
  return [...result.fileList]
    .map((path) => sep + path)
    .filter((path) => path !== start)
    .sort();
}

const dynamicRequire = 'requires modules whose names are known at run time';
const dynamicImport = 'imports modules whose names are known at run time';
const requireAsValue = 'passes require on';
const wholeReasons = new Set([dynamicRequire, dynamicImport, requireAsValue]);

/** `require('literal')`, which Rollup turns into an import. */
const literalRequire = /\brequire\(\s*(['"])[^'"\n]+\1\s*\)/g;
const needsAnalysis =
  /\brequire\b|__dirname|__filename|\bimport\.meta\.|\bimport\(\s*[^'"\s]|process\.binding|process\.dlopen/;

function reasonInSource(file: string): string | undefined {
  const source = readFileSync(file, 'utf8');
  const hasOptionalRequire = /\btry\b/.test(source) && /\brequire\(/.test(source);
  if (!hasOptionalRequire && !needsAnalysis.test(source.replace(literalRequire, '')))
    return undefined;
  let program: AstNode;
  try {
    program = parseAst(source, { allowReturnOutsideFunction: true }) as unknown as AstNode;
  } catch {
    return 'is not plain JavaScript';
  }
  return findReason(program, false);
}

/** A view of any syntax node: its type, and whatever fields that type has. */
type Syntax = AstNode & Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Syntax {
  return typeof value === 'object' && value !== null && typeof (value as AstNode).type === 'string';
}

function isIdentifier(node: unknown, name: string): boolean {
  return isNode(node) && node.type === 'Identifier' && node.name === name;
}

/**
 * Walks the syntax for what a bundle cannot keep: requires whose target is known only at run time
 * or may be absent, and code that asks where its own file is.
 */
function findReason(node: AstNode, inTry: boolean): string | undefined {
  const syntax = node as Syntax;
  switch (syntax.type) {
    case 'CallExpression': {
      if (!isIdentifier(syntax.callee, 'require')) break;
      const [argument] = syntax.arguments as Syntax[];
      if (argument?.type !== 'Literal') return dynamicRequire;
      if (inTry && !isBuiltin(String(argument.value))) return 'requires modules that may be absent';
      return undefined;
    }
    case 'ImportExpression':
      if ((syntax.source as Syntax).type !== 'Literal') {
        return dynamicImport;
      }
      break;
    case 'UnaryExpression':
      if (syntax.operator === 'typeof') return undefined;
      break;
    case 'MemberExpression': {
      const object = syntax.object;
      if (isIdentifier(object, 'require')) return 'uses require as an object';
      if (isNode(object) && object.type === 'MetaProperty') {
        const property = syntax.property as Syntax;
        const name = String(property.name ?? property.value);
        if (name !== 'url') return `uses import.meta.${name}`;
      }
      // Only the object and computed properties are references.
      return (
        findReason(object as Syntax, inTry) ??
        (syntax.computed === true ? findReason(syntax.property as Syntax, inTry) : undefined)
      );
    }
    case 'Property':
      return (
        (syntax.computed === true ? findReason(syntax.key as Syntax, inTry) : undefined) ??
        findReason(syntax.value as Syntax, inTry)
      );
    case 'Identifier':
      if (syntax.name === 'require') return requireAsValue;
      if (syntax.name === '__dirname' || syntax.name === '__filename') {
        return `uses ${syntax.name}`;
      }
      if (syntax.name === 'createRequire') return 'creates a require of its own';
      return undefined;
    case 'TryStatement': {
      const { block, handler, finalizer } = syntax as unknown as Record<string, Syntax | null>;
      return (
        (block ? findReason(block, true) : undefined) ??
        (handler ? findReason(handler, inTry) : undefined) ??
        (finalizer ? findReason(finalizer, inTry) : undefined)
      );
    }
  }
  for (const value of Object.values(syntax)) {
    const children: unknown[] = Array.isArray(value) ? value : [value];
    for (const child of children) {
      const reason = isNode(child) ? findReason(child, inTry) : undefined;
      if (reason !== undefined) return reason;
    }
  }
  return undefined;
}

function isBuiltin(name: string): boolean {
  return process.getBuiltinModule(name) !== undefined;
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
