// Finds in a package's source what a bundle cannot keep: modules whose names are known at run time
// or that may be absent, and code that asks where its own file is.
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import type { AstNode } from 'rollup';
import { parseAst } from 'rollup/parseAst';
import { childrenOf, isNamed, isNode, type Syntax } from './syntax.ts';

const dynamicRequire = 'requires modules whose names are known at run time';
const dynamicImport = 'imports modules whose names are known at run time';
const requireAsValue = 'passes require on';

/** Tells whether no analysis can say which of its own files a package loads. */
export function loadsUnknownModules(reason: string): boolean {
  return [dynamicRequire, dynamicImport, requireAsValue].includes(reason);
}

/** `require('literal')`, which Rollup turns into an import. */
const literalRequire = /\brequire\(\s*(['"])[^'"\n]+\1\s*\)/g;
const needsAnalysis =
  /\brequire\b|__dirname|__filename|\bimport\.meta\.|\bimport\(\s*[^'"\s]|process\.binding/;

/**
 * Says why a source file cannot be bundled.
 *
 * @param file absolute path of a JavaScript file
 * @param unresolved what it requires and what is not installed
 * @returns the rest of a sentence that starts with the file's name, or undefined when it can be
 */
export function reasonInSource(
  file: string,
  unresolved: ReadonlySet<string> = new Set(),
): string | undefined {
  const source = readFileSync(file, 'utf8');
  const mayBeOptional = unresolved.size > 0 || /\btry\b/.test(source);
  const hasOptionalRequire = mayBeOptional && /\brequire\(/.test(source);
  if (!hasOptionalRequire && !needsAnalysis.test(source.replace(literalRequire, ''))) {
    return undefined;
  }
  let program: AstNode;
  try {
    program = parseAst(source, { allowReturnOutsideFunction: true }) as unknown as AstNode;
  } catch {
    return 'is not plain JavaScript';
  }
  return findReason(program as Syntax, { inTry: false, inFunction: false, unresolved });
}

interface Scope {
  readonly inTry: boolean;
  readonly inFunction: boolean;
  readonly unresolved: ReadonlySet<string>;
}

function findReason(node: Syntax, scope: Scope): string | undefined {
  switch (node.type as string) {
    case 'CallExpression':
      if (isNamed(node.callee, 'require')) return reasonInRequire(node, scope);
      break;
    case 'ImportExpression':
      if ((node.source as Syntax).type !== 'Literal') return dynamicImport;
      break;
    case 'UnaryExpression':
      if (node.operator === 'typeof') return undefined;
      break;
    case 'MemberExpression':
      return reasonInMember(node, scope);
    case 'Property':
      return (
        (node.computed === true ? findReason(node.key as Syntax, scope) : undefined) ??
        findReason(node.value as Syntax, scope)
      );
    case 'Identifier':
      return reasonInName(String(node.name));
    case 'TryStatement':
      return childrenOf(node)
        .map((child) => findReason(child, child === node.block ? { ...scope, inTry: true } : scope))
        .find((reason) => reason !== undefined);
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return firstReason(node, { ...scope, inFunction: true });
  }
  return firstReason(node, scope);
}

function firstReason(node: Syntax, scope: Scope): string | undefined {
  for (const child of childrenOf(node)) {
    const reason = findReason(child, scope);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function reasonInRequire(
  call: Syntax,
  { inTry, inFunction, unresolved }: Scope,
): string | undefined {
  const [argument] = call.arguments as Syntax[];
  if (argument?.type !== 'Literal') return dynamicRequire;
  const name = String(argument.value);
  // A bundle has no `require` to fail, and what is absent would keep the bundle from being made.
  const isOptional = (inTry && !isBuiltin(name)) || (inFunction && unresolved.has(name));
  return isOptional ? 'requires modules that may be absent' : undefined;
}

function reasonInMember(member: Syntax, scope: Scope): string | undefined {
  const { object, property, computed } = member;
  if (isNamed(object, 'require')) return 'uses require as an object';
  if (isNode(object) && object.type === 'MetaProperty') {
    const { name, value } = property as Syntax;
    if ((name ?? value) !== 'url') return `uses import.meta.${name ?? value}`;
  }
  return (
    findReason(object as Syntax, scope) ??
    (computed === true ? findReason(property as Syntax, scope) : undefined)
  );
}

function reasonInName(name: string): string | undefined {
  if (name === 'require') return requireAsValue;
  if (name === '__dirname' || name === '__filename') return `uses ${name}`;
  if (name === 'createRequire') return 'creates a require of its own';
  return undefined;
}
