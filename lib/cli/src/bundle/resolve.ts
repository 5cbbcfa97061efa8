import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Plugin } from 'rollup';
import { BundleError, describeAt, findSpecifier } from './errors.ts';
import { type CopyReason, reasonToCopy } from './packages.ts';
import { displayPath, isInside, type Project, packageRoot, readManifest } from './project.ts';

/** What one pass over the app found out about its packages. */
export interface PackageUse {
  /** Import specifiers that stay imports in the bundle, each with the package's directory. */
  readonly external: Map<string, { readonly root: string; readonly reason: CopyReason }>;
  /** Directories of the packages that went into the bundle. */
  readonly bundled: Set<string>;
}

/**
 * Rollup plugin that runs Node's resolution to its end: a built-in stays an import, a package that
 * cannot be bundled stays an import and is copied, everything else is bundled or is an error.
 *
 * @param project the app
 * @param forced package directories that an earlier pass found must be copied, with the reason
 * @param cache nft's cache
 * @param use is filled with what was found
 */
export function resolution(
  project: Project,
  forced: Map<string, CopyReason>,
  cache: object,
  use: PackageUse,
): Plugin {
  const decisions = new Map<string, Promise<CopyReason | undefined>>();

  const decide = async (
    specifier: string,
    root: string,
    importer: string,
  ): Promise<CopyReason | undefined> => {
    if (root === project.root) return undefined;
    const known = forced.get(root);
    if (known !== undefined) return known;
    const key = `${root}\n${specifier}`;
    const decision = decisions.get(key) ?? reasonToCopy(specifier, root, importer, cache);
    decisions.set(key, decision);
    return decision;
  };

  const noteExternal = (
    specifier: string,
    root: string,
    reason: CopyReason,
    importer: string,
  ): void => {
    const known = use.external.get(specifier);
    const importerRoot = packageRoot(dirname(importer));
    // In the guest the bundle sees what the project sees. A package with a version of its own
    // must do its own lookup, so it is copied too.
    const seen = findInstalled(packageName(specifier) ?? specifier, project.root);
    if (seen !== root && importerRoot !== undefined && importerRoot !== project.root) {
      forced.set(importerRoot, { text: `it needs its own ${specifier}`, whole: false });
    }
    if (known === undefined) use.external.set(specifier, { root, reason });
  };

  return {
    name: 'runtimejs:resolution',

    resolveId: {
      order: 'pre',
      async handler(specifier, importer, options) {
        if (importer === undefined || specifier.startsWith('\0') || importer.startsWith('\0')) {
          return null;
        }
        if (isBuiltin(specifier)) {
          const id = specifier.startsWith('node:') ? specifier : `node:${specifier}`;
          return { id, external: true, moduleSideEffects: false };
        }
        const importing = importer.replace(/\?.*$/, '');
        const name = packageName(specifier);
        const root = name === undefined ? undefined : findInstalled(name, dirname(importing));
        // Before Rollup resolves it: that would load the package to see what kind of module it is.
        const reason = root === undefined ? undefined : await decide(specifier, root, importing);
        if (root !== undefined && reason !== undefined) {
          noteExternal(specifier, root, reason, importing);
          return { id: specifier, external: true };
        }
        const resolved = await this.resolve(specifier, importer, {
          attributes: options.attributes,
          isEntry: options.isEntry,
          ...(options.custom === undefined ? {} : { custom: options.custom }),
          skipSelf: true,
        });
        if (resolved === null || resolved.external !== false) {
          throw missingModule(specifier, importing, project);
        }
        if (root !== undefined) use.bundled.add(root);
        return resolved;
      },
    },
  };
}

/** The package that a specifier names, or undefined for paths and the package's own "imports". */
function packageName(specifier: string): string | undefined {
  if (/^[./#]/.test(specifier) || /^[a-z]+:/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Describes an import that leads nowhere: who asks for it, and what to do. */
export function missingModule(specifier: string, importer: string, project: Project): BundleError {
  const importerName = displayPath(importer);
  const { text, remedy } = /^[./]/.test(specifier)
    ? missingFile(specifier, importer)
    : missingPackage(specifier, project);
  const position = findSpecifier(importer, specifier);
  const where =
    position === undefined ? `${importerName}: ${text}` : describeAt(text, position, importerName);
  return new BundleError(`${where}\n\n${remedy}`);
}

function missingFile(specifier: string, importer: string): { text: string; remedy: string } {
  const path = resolve(dirname(importer), specifier);
  const text = `Cannot find the module ${JSON.stringify(specifier)}.`;
  let siblings: string[];
  try {
    siblings = readdirSync(dirname(path));
  } catch {
    return { text, remedy: `The directory ${displayPath(dirname(path))} does not exist.` };
  }
  const wanted = basename(path)
    .toLowerCase()
    .replace(/\.[cm]?[jt]sx?$/, '');
  const close = siblings.find(
    (name) => name.toLowerCase().replace(/\.[cm]?[jt]sx?$/, '') === wanted,
  );
  if (close === undefined)
    return {
      text,
      remedy: `There is no such file in the directory ${JSON.stringify(displayPath(dirname(path)))}.`,
    };
  let suggestion = relative(dirname(importer), join(dirname(path), close));
  if (!suggestion.startsWith('.')) suggestion = `./${suggestion}`;
  return { text, remedy: `Did you mean ${JSON.stringify(suggestion)}?` };
}

function missingPackage(specifier: string, project: Project): { text: string; remedy: string } {
  if (specifier.startsWith('node:')) {
    return {
      text: `Node ${process.versions.node} has no built-in module ${JSON.stringify(specifier)}.`,
      remedy: 'Correct the name, or import a package instead.',
    };
  }
  if (specifier.startsWith('#')) {
    return {
      text: `package.json has no entry ${JSON.stringify(specifier)} in "imports".`,
      remedy: 'Add the entry, or correct the name.',
    };
  }
  const name = packageName(specifier) ?? specifier;
  const installed = findInstalled(name, project.root);
  if (installed !== undefined) {
    const { version } = readManifest(join(installed, 'package.json'));
    return {
      text: `The package "${name}" ${version ?? ''} has no module ${JSON.stringify(specifier)}.`,
      remedy: `See "exports" and "main" in ${displayPath(join(installed, 'package.json'))}.`,
    };
  }
  const where = displayPath(project.root);
  return {
    text: `Cannot find the package "${name}".`,
    remedy: `Install it${where === '.' ? '' : ` in ${where}`}: npm install ${name}`,
  };
}

/** The real directory of a package as Node's lookup from a directory finds it. */
export function findInstalled(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (dirname(directory) === directory) return undefined;
  }
}

/**
 * Finds packages that would be there twice, once bundled and once copied, which would give the app
 * two instances of their classes and their state. They must all be copied.
 *
 * @param files what is copied
 * @param use the pass's findings
 * @param forced is extended
 * @returns whether another pass is needed
 */
export function forceShared(
  files: readonly string[],
  use: PackageUse,
  forced: Map<string, CopyReason>,
): boolean {
  let changed = false;
  for (const root of use.bundled) {
    if (forced.has(root) || !files.some((file) => isInside(file, root))) continue;
    forced.set(root, { text: 'a copied package shares it', whole: false });
    changed = true;
  }
  return changed;
}
