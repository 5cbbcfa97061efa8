// Looks at the source of a service: whether it can have an isolate of its own, and whether it serves anything.
import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { parseAst } from 'rollup/parseAst';

/** What can be seen of a service without running it. */
export interface ServiceSource {
  /** Whether others can call it; undefined when that cannot be seen. */
  readonly hasServe: boolean | undefined;
  /** What its start() takes of its context by name, as far as that can be seen. */
  readonly taken: readonly string[];
}

/** A node of a syntax tree. */
interface Syntax {
  readonly type: string;
  readonly [property: string]: unknown;
}

const unseen: ServiceSource = { hasServe: undefined, taken: [] };

/** Reads a module whose default export is a service. What does not parse is for the bundler to complain about. */
export function inspectService(file: string): ServiceSource {
  let body: readonly Syntax[];
  try {
    const { code } = transformSync(readFileSync(file, 'utf8'), { loader: 'ts', target: 'esnext' });
    body = (parseAst(code) as unknown as { body: readonly Syntax[] }).body;
  } catch {
    return unseen;
  }
  const names = topLevel(body);
  const service = resolve(defaultExport(body), names);
  if (service?.type !== 'ObjectExpression') return unseen;
  const properties = service.properties as readonly Syntax[];
  const isWhole = properties.every(({ type, computed }) => type === 'Property' && !computed);
  const member = (name: string): Syntax | undefined =>
    properties.find((each) => each.type === 'Property' && keyOf(each) === name);
  const start = resolve(member('start')?.value as Syntax | undefined, names);
  return {
    hasServe: member('serve') !== undefined ? true : isWhole ? false : undefined,
    taken: start === undefined ? [] : [...takenBy(start)],
  };
}

/** What top-level names stand for. */
function topLevel(body: readonly Syntax[]): ReadonlyMap<string, Syntax> {
  const found = new Map<string, Syntax>();
  for (const statement of body) {
    const inner =
      statement.type === 'ExportNamedDeclaration'
        ? (statement.declaration as Syntax | null)
        : statement;
    if (inner?.type === 'FunctionDeclaration') found.set(nameOf(inner.id), inner);
    if (inner?.type !== 'VariableDeclaration') continue;
    for (const { id, init } of inner.declarations as readonly Syntax[]) {
      if (init !== null) found.set(nameOf(id), init as Syntax);
    }
  }
  return found;
}

function defaultExport(body: readonly Syntax[]): Syntax | undefined {
  for (const statement of body) {
    if (statement.type === 'ExportDefaultDeclaration') return statement.declaration as Syntax;
    if (statement.type !== 'ExportNamedDeclaration') continue;
    const named = (statement.specifiers as readonly Syntax[]).find(
      ({ exported }) => nameOf(exported) === 'default',
    );
    if (named !== undefined) return named.local as Syntax;
  }
  return undefined;
}

function resolve(node: Syntax | undefined, names: ReadonlyMap<string, Syntax>): Syntax | undefined {
  return node?.type === 'Identifier' ? names.get(nameOf(node)) : node;
}

function nameOf(node: unknown): string {
  return String((node as { name?: unknown } | null)?.name ?? '');
}

function keyOf({ key }: Syntax): string {
  const { name, value } = key as { name?: string; value?: unknown };
  return name ?? String(value);
}

/** Names that a function takes of its first parameter. */
function takenBy({ params, body }: Syntax): Set<string> {
  const taken = new Set<string>();
  const [first] = (params ?? []) as readonly Syntax[];
  const note = (pattern: unknown): void => {
    for (const each of (pattern as { properties: readonly Syntax[] }).properties) {
      if (each.type === 'Property') taken.add(keyOf(each));
    }
  };
  if (first?.type === 'ObjectPattern') note(first);
  if (first?.type !== 'Identifier') return taken;
  const name = nameOf(first);
  const isContext = (node: unknown): boolean =>
    (node as Syntax | null)?.type === 'Identifier' && nameOf(node) === name;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== 'object' || value === null || !('type' in value)) return;
    const node = value as Syntax;
    if (node.type === 'MemberExpression' && !node.computed && isContext(node.object)) {
      taken.add(nameOf(node.property));
    } else if (node.type === 'VariableDeclarator' && isContext(node.init)) {
      if ((node.id as Syntax).type === 'ObjectPattern') note(node.id);
    }
    Object.values(node).forEach(visit);
  };
  visit(body);
  return taken;
}
