import type { AstNode } from 'rollup';

/** A view of any ESTree node: its type, and whatever fields that type has. */
export type Syntax = AstNode & Readonly<Record<string, unknown>>;

/** Tells whether a field of a node holds a node. */
export function isNode(value: unknown): value is Syntax {
  return typeof value === 'object' && value !== null && typeof (value as AstNode).type === 'string';
}

/** Tells whether a node is an identifier of that name. */
export function isNamed(node: unknown, name: string): boolean {
  return isNode(node) && node.type === 'Identifier' && node.name === name;
}

/** The nodes directly below a node, in the order of the source as far as ESTree keeps it. */
export function childrenOf(node: Syntax): Syntax[] {
  return Object.values(node).flat().filter(isNode);
}
