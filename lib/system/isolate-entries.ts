/** Finds the entry modules of isolates in the code that starts them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, extname, relative, resolve, sep } from 'node:path';
import MagicString from 'magic-string';
import type { Plugin } from 'rollup';

/** Entry modules, by the paths that their scripts have in the image. */
export type IsolateEntries = ReadonlyMap<string, string>;

/** What a module with such URLs has in it somewhere. */
const hintPattern = /new\s+URL\b[\s\S]*import\.meta\.url/;
const codePattern = /^\.{1,2}\/.+\.[mc]?[jt]s$/;

const digestLength = 8;

/** The path of an entry module's script: two modules of one name have different ones. */
export function scriptPath(module: string, root: string): string {
  const place = relative(root, module).split(sep).join('/');
  const digest = createHash('sha256').update(place).digest('hex').slice(0, digestLength);
  return `/isolates/${basename(module, extname(module))}-${digest}.js`;
}

/**
 * Puts paths of scripts in the place of URLs of modules.
 * @param found gets the modules
 * @param root the paths do not depend on where this is
 */
export function isolateEntries(found: Map<string, string>, root: string): Plugin {
  return {
    name: 'runtimejs:isolate-entries',
    transform(source, file) {
      if (!hintPattern.test(source)) return null;
      const code = new MagicString(source);
      for (const { start, end, specifier } of findUrls(this.parse(source), source)) {
        const module = findModule(resolve(dirname(file), specifier));
        if (module === undefined) {
          return this.error(
            `There is no ${resolve(dirname(file), specifier)}, which new URL('${specifier}', import.meta.url) names. ` +
              'Correct the path: it is relative to the module that names it.',
          );
        }
        const path = scriptPath(module, root);
        found.set(path, module);
        code.overwrite(start, end, JSON.stringify(path));
      }
      return code.hasChanged()
        ? { code: code.toString(), map: code.generateMap({ hires: true }) }
        : null;
    },
  };
}

/** The module of a path; a package that was compiled has JavaScript in the place of TypeScript. */
function findModule(path: string): string | undefined {
  return [path, path.replace(/\.ts$/, '.js')].find((each) => existsSync(each));
}

/** A node of a syntax tree. */
interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

interface ModuleUrl {
  readonly start: number;
  readonly end: number;
  readonly specifier: string;
}

/** Finds `new URL('./module.ts', import.meta.url)`. */
function findUrls(program: unknown, source: string): ModuleUrl[] {
  const found: ModuleUrl[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (typeof value !== 'object' || value === null || !('type' in value)) return;
    const node = value as Syntax;
    const specifier = node.type === 'NewExpression' ? specifierOf(node, source) : undefined;
    if (specifier === undefined) for (const each of Object.values(node)) visit(each);
    else found.push({ start: node.start, end: node.end, specifier });
  };
  visit(program);
  return found;
}

/** The module that a `new` expression names; undefined when it is another one. */
function specifierOf(node: Syntax, source: string): string | undefined {
  const [first, base] = node.arguments as Syntax[];
  const callee = node.callee as Syntax;
  const isUrl =
    callee.type === 'Identifier' &&
    callee.name === 'URL' &&
    base !== undefined &&
    source.slice(base.start, base.end) === 'import.meta.url';
  const isCode =
    first?.type === 'Literal' && typeof first.value === 'string' && codePattern.test(first.value);
  return isUrl && isCode ? (first.value as string) : undefined;
}
