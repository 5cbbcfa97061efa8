import { dirname, join, relative } from 'node:path';
import type { RenderedChunk, SourceMap } from 'rollup';
import { insideNodeModules, isInside, type Project, packageRoot, readManifest } from './project.ts';

/**
 * The path by which a stack trace in the guest names a source file: relative to the project, or
 * below node_modules for a package, wherever on the host it is.
 *
 * @param file absolute path on the host
 * @param project the app
 */
export function sourceName(file: string, project: Project): string {
  const installed = insideNodeModules(file);
  if (installed !== undefined) return join('node_modules', installed.rest);
  if (isInside(file, project.root)) return relative(project.root, file);
  const root = packageRoot(dirname(file));
  const name = root === undefined ? undefined : readManifest(join(root, 'package.json')).name;
  if (root !== undefined && name !== undefined && !isInside(project.root, root)) {
    return join('node_modules', name, relative(root, file));
  }
  return join('outside', relative(project.root, file).replaceAll(`..${'/'}`, ''));
}

/**
 * Shrinks a source map to what the guest uses: the text of the app's own sources stays, which Node
 * quotes for an uncaught error; that of packages goes.
 *
 * @param map is changed
 */
export function dropPackageSources(map: SourceMap): void {
  map.sourcesContent = map.sources.map((source, index) =>
    source.includes('node_modules/')
      ? (null as unknown as string)
      : (map.sourcesContent?.[index] ?? ''),
  );
}

/** Names a chunk that several entries share after the module that it was made for. */
export function chunkName(chunk: Pick<RenderedChunk, 'name'>): string {
  return `chunk-${chunk.name.replace(/[^\w.-]/g, '-')}-[hash].mjs`;
}
