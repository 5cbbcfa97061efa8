import type { Fact } from './facts.ts';

/** Lays facts out in two columns. */
export function renderTable(facts: readonly Fact[]): string {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.map(([label, value]) => `  ${label.padEnd(width)}   ${value}`).join('\n');
}
