// Bare apps, which run without Node: one script with everything in it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isolatesFile } from '@runtimejs/system/bundle.ts';
import { type StartupSnapshot, systemCodeCache } from '@runtimejs/system/code-cache.ts';
import {
  bundleIsolates,
  bundleReloadable,
  bundleReloadHost,
  bundlerFile,
  bundleWorker,
  type IsolateScripts,
  type WorkerBundle,
  WorkerBundleError,
} from '@runtimejs/worker/bundle.ts';
import type { BundledApp } from './app.ts';
import { BundleError } from './errors.ts';
import type { Project } from './project.ts';
import { reloadableScript } from './worker-paths.ts';

interface ReloadHost {
  readonly main: WorkerBundle;
  readonly cache: Uint8Array;
  readonly bundledAt: number;
  /** The module of services that it was made with. */
  readonly parts: string | undefined;
}

/** What an app runs on that can be replaced is the same for all of its versions. */
let reloadHost: ReloadHost | undefined;

/** Services beside a bare app. */
export interface WorkerParts {
  /** The module that composes them. */
  readonly file: string;
  /** Whether the app may call any. */
  readonly hasEndpoints: boolean;
}

/**
 * Bundles a bare app into /worker/main.js, with V8's code cache beside it.
 *
 * @param project the app
 * @param isReloadable whether the app is to be apart from what it runs on, so that it can be replaced
 * @param parts services beside it
 * @throws BundleError when the app cannot be bundled
 */
export async function bundleWorkerApp(
  project: Project,
  isReloadable = false,
  parts?: WorkerParts,
): Promise<BundledApp> {
  try {
    const bundled = await (isReloadable ? bundleApart : bundleTogether)(project, parts);
    const { app, files } = bundled;
    const isolates = await bundleIsolates(bundled.isolates, project.root);
    return {
      generated: new Map<string, string | Uint8Array>([...files, ...isolateFiles(isolates, 'V8')]),
      copied: new Map(),
      inputs: new Set([...app.inputs, ...isolates.inputs, bundlerFile]),
      copiedPackages: new Map(),
      warnings: [...app.warnings, ...isolates.warnings],
    };
  } catch (error) {
    if (error instanceof WorkerBundleError) throw new BundleError(error.message);
    throw error;
  }
}

interface BundledScripts {
  readonly app: WorkerBundle;
  readonly isolates: WorkerBundle['isolates'];
  readonly files: readonly [string, string | Uint8Array][];
}

async function bundleTogether(
  { entry, root }: Project,
  parts: WorkerParts | undefined,
): Promise<BundledScripts> {
  const app = await bundleWorker(entry, root, parts?.file);
  const files = mainFiles(app, systemCodeCache(app.code, 'V8'));
  return { app, isolates: app.isolates, files };
}

async function bundleApart(
  { entry, root }: Project,
  parts: WorkerParts | undefined,
): Promise<BundledScripts> {
  const app = await bundleReloadable(entry, root, parts?.hasEndpoints);
  const { main, cache } = await currentReloadHost(root, parts?.file);
  return {
    app: { ...app, inputs: [...app.inputs, ...main.inputs] },
    isolates: new Map([...app.isolates, ...main.isolates]),
    files: [...mainFiles(main, cache), [reloadableScript, app.code]],
  };
}

async function currentReloadHost(root: string, parts: string | undefined): Promise<ReloadHost> {
  const last = reloadHost?.parts === parts ? reloadHost : undefined;
  const isCurrent = last?.main.inputs.every(
    (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < last.bundledAt,
  );
  if (last !== undefined && isCurrent) return last;
  const bundledAt = Date.now();
  const main = await (parts === undefined ? bundleReloadHost() : bundleReloadHost(root, parts));
  reloadHost = { main, cache: systemCodeCache(main.code, 'V8'), bundledAt, parts };
  return reloadHost;
}

function mainFiles({ code }: WorkerBundle, cache: Uint8Array): [string, string | Uint8Array][] {
  return [
    ['/worker/main.js', code],
    ['/worker/main.js.cache', cache],
  ];
}

/** Scripts of isolates as files of the image, each with V8's code cache. */
function isolateFiles(
  { scripts }: IsolateScripts,
  snapshot: StartupSnapshot,
): [string, string | Uint8Array][] {
  return [...scripts].flatMap(([path, code]): [string, string | Uint8Array][] => [
    [path, code],
    [`${path}.cache`, systemCodeCache(code, snapshot)],
  ]);
}

/** Files for the image, and what they were made from. */
export interface IsolateFiles {
  readonly files: readonly [path: string, content: string | Uint8Array][];
  readonly inputs: readonly string[];
}

/**
 * Bundles the isolates that a bundle of the system isolate starts.
 *
 * @param system the bundle
 * @param root sources below it are named by their paths from there
 * @throws BundleError when one cannot be bundled
 */
export async function bundleSystemIsolates(system: string, root: string): Promise<IsolateFiles> {
  const list = isolatesFile(system);
  if (!existsSync(list)) return { files: [], inputs: [] };
  const entries = new Map(JSON.parse(readFileSync(list, 'utf8')) as [string, string][]);
  const { files, inputs } = await bundleIsolateFiles(entries, root);
  return { files, inputs: [...inputs, list] };
}

/**
 * Bundles isolates.
 *
 * @param entries their modules, by the paths of their scripts in the image
 * @param root sources below it are named by their paths from there
 * @throws BundleError when one cannot be bundled
 */
export async function bundleIsolateFiles(
  entries: ReadonlyMap<string, string>,
  root: string,
): Promise<IsolateFiles> {
  try {
    const isolates = await bundleIsolates(entries, root);
    return { files: isolateFiles(isolates, 'Node'), inputs: isolates.inputs };
  } catch (error) {
    if (error instanceof WorkerBundleError) throw new BundleError(error.message);
    throw error;
  }
}
