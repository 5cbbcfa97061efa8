// The workspaces that are published, in an order in which each comes after what it depends on.
import { existsSync, readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { ToolError } from '../command.ts';
import { inRepository, repository } from '../paths.ts';

/** The parts of a package.json that publishing reads and changes. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** What a driver is plugged into, which may depend on the driver. */
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
  readonly [key: string]: unknown;
}

/** A workspace that is published. */
export interface Workspace {
  /** Relative to the repository. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Reads the workspaces.
 * @throws ToolError when their versions differ, or they depend on each other in a circle
 */
export async function publishedWorkspaces(): Promise<Workspace[]> {
  const found = await Array.fromAsync(
    glob('{lib,drivers}/*/package.json', { cwd: repository, exclude: ['**/node_modules/**'] }),
  );
  const open = found
    .sort()
    .map((file): Workspace => {
      const manifest = JSON.parse(readFileSync(inRepository(file), 'utf8')) as Manifest;
      return { folder: file.replace(/\/package\.json$/, ''), manifest };
    })
    .filter(({ manifest }) => manifest.private !== true);
  const names = new Set(open.map(({ manifest }) => manifest.name));
  const ordered: Workspace[] = [];
  const done = new Set<string>();
  while (open.length > 0) {
    const index = open.findIndex(({ manifest }) =>
      Object.keys(manifest.dependencies ?? {}).every((name) => !names.has(name) || done.has(name)),
    );
    const [next] = open.splice(index, index < 0 ? 0 : 1);
    if (next === undefined) {
      const circle = open.map(({ manifest }) => manifest.name).join(', ');
      throw new ToolError(`These packages depend on each other in a circle: ${circle}.`);
    }
    ordered.push(next);
    done.add(next.manifest.name);
  }
  const version = ordered[0]?.manifest.version;
  for (const { folder, manifest } of ordered) {
    if (manifest.version === version && existsSync(inRepository(folder))) continue;
    throw new ToolError(`${folder} has version ${manifest.version}, others have ${version}.`);
  }
  return ordered;
}
