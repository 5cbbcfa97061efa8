// `npm run pack`: makes npm packages of the workspaces. Node runs no TypeScript below node_modules, so a
// package holds JavaScript and declarations, in the places where the workspace has TypeScript.
import { copyFile, cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makePrebuilt } from '@runtimejs/base/prebuilt.ts';
import { buildRuntime } from '../build.ts';
import { runCommand } from '../command.ts';
import { fetchFont } from '../font.ts';
import { addonFile, kernelAddon } from '../native.ts';
import {
  buildFolder,
  inRepository,
  kernelElf,
  loaderFolder,
  nodeBinary,
  nodePackage,
  preloadModule,
  prepareModule,
  repository,
  shimLibrary,
} from '../paths.ts';
import { step } from '../progress.ts';
import { version } from '../version.ts';
import { type Manifest, publishedWorkspaces, type Workspace } from './workspaces.ts';

/** Where the packages are put together. */
const packagesFolder = path.join(buildFolder, 'packages');
const emitFolder = path.join(buildFolder, 'packages-emit');
const partsWorkspace = 'lib/runtime-linux-x64';
/** What every package holds besides what its package.json lists. */
const licence = 'LICENSE';

/** A package that is ready to be published. */
export interface PackedWorkspace {
  readonly name: string;
  /** Folder with the package's content, for `npm publish`. */
  readonly folder: string;
}

/**
 * Puts the packages together, each in a folder of its own.
 * @returns the packages, each after what it depends on
 * @throws ToolError with the compiler's output
 */
export async function pack(): Promise<PackedWorkspace[]> {
  await buildRuntime();
  const workspaces = await publishedWorkspaces();
  await rm(packagesFolder, { recursive: true, force: true });
  await step('Compiling the packages', compile);
  return step('Putting the packages together', async () => {
    const packed: PackedWorkspace[] = [];
    for (const workspace of workspaces) {
      const folder = path.join(packagesFolder, workspace.manifest.name);
      await assemble(workspace, folder);
      packed.push({ name: workspace.manifest.name, folder });
    }
    return packed;
  });
}

/** Compiles every workspace at once, into the same places below another folder. */
async function compile(): Promise<void> {
  await rm(emitFolder, { recursive: true, force: true });
  await mkdir(emitFolder, { recursive: true });
  const project = path.join(emitFolder, 'tsconfig.json');
  const sources = ['lib/*/src', 'lib/*/*.ts', 'drivers/*/src'];
  const settings = {
    extends: inRepository('tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: repository,
      outDir: emitFolder,
      typeRoots: [inRepository('node_modules/@types')],
    },
    include: sources.map((pattern) => inRepository(pattern)),
    exclude: ['**/node_modules'],
  };
  await writeFile(project, JSON.stringify(settings));
  await runCommand(inRepository('node_modules/.bin/tsc'), ['--project', project], {
    cwd: repository,
  });
}

/** Puts one package together. */
async function assemble({ folder, manifest }: Workspace, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const isSource = /(?<!\.d)\.ts$/;
  const others = await Array.fromAsync(
    glob('**/*', {
      cwd: inRepository(folder),
      withFileTypes: true,
      exclude: (entry) => /^(node_modules|tsconfig\.json|parts|CMakeLists\.txt)$/.test(entry.name),
    }),
  );
  for (const entry of others) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(inRepository(folder), file);
    if (isSource.test(name) && !name.startsWith('templates/')) continue;
    await mkdir(path.dirname(path.join(target, name)), { recursive: true });
    await cp(file, path.join(target, name));
  }
  const compiled = path.join(emitFolder, folder);
  await cp(compiled, target, {
    recursive: true,
    filter: (file) => path.basename(file) !== 'package.json',
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error; // A package without code.
  });
  await copyFile(inRepository(licence), path.join(target, licence));
  if (folder === partsWorkspace) await makeParts(path.join(target, 'parts'));
  const published = publishedManifest(manifest);
  await writeFile(path.join(target, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
}

/** Rewrites a workspace's package.json: exports lead to JavaScript and its declarations. */
export function publishedManifest(manifest: Manifest): Manifest {
  const { exports, ...rest } = manifest;
  return {
    ...rest,
    engines: { node: '>=20.12' },
    ...(exports === undefined ? {} : { exports: compiledExports(exports) }),
  };
}

function compiledExports(exports: unknown): unknown {
  if (typeof exports === 'string') {
    if (!exports.endsWith('.ts')) return exports;
    const stem = exports.slice(0, -'.ts'.length);
    return { types: `${stem}.d.ts`, default: `${stem}.js` };
  }
  return Object.fromEntries(
    Object.entries(exports as object).map(([name, target]) => [name, compiledExports(target)]),
  );
}

async function makeParts(output: string): Promise<void> {
  const { version: nodeVersion } = JSON.parse(
    await readFile(path.join(nodePackage, 'package.json'), 'utf8'),
  ) as { version: string };
  await makePrebuilt({
    node: nodeBinary,
    nodeVersion,
    kernel: kernelElf,
    parts: {
      'shim.so': shimLibrary,
      'kernel.node': addonFile(kernelAddon),
      'preload.cjs': preloadModule,
      'prepare.cjs': prepareModule,
    },
    loaders: loaderFolder,
    font: await fetchFont({ detail: () => {} }),
    version,
    cacheFolder: path.join(buildFolder, 'base/stripped'),
    output,
  });
}

/**
 * Publishes packages.
 * @param packages from pack()
 * @param registry URL of an npm registry
 * @param tag the packages get in the registry
 * @throws ToolError with npm's output
 */
export async function publish(
  packages: readonly PackedWorkspace[],
  registry: string,
  tag: string,
): Promise<void> {
  for (const { name, folder } of packages) {
    await step(`Publishing ${name}`, () =>
      runCommand('npm', [
        'publish',
        folder,
        '--registry',
        registry,
        '--access',
        'public',
        '--tag',
        tag,
      ]),
    );
  }
}

/**
 * Makes a tarball of each package.
 * @param packages from pack()
 * @returns paths of the tarballs
 */
export async function makeTarballs(packages: readonly PackedWorkspace[]): Promise<string[]> {
  const target = path.join(buildFolder, 'tarballs');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  return step('Packing', async () => {
    const files: string[] = [];
    for (const { folder } of packages) {
      const words = ['pack', folder, '--pack-destination', target, '--silent'];
      files.push(path.join(target, (await runCommand('npm', words)).trim()));
    }
    return files;
  });
}
