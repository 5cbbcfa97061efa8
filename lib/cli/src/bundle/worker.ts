// Bare apps, which run without Node: one script with everything in it.
import { existsSync, readFileSync } from 'node:fs';
import { isolatesFile } from '@runtimejs/system/bundle.ts';
import { systemCodeCache } from '@runtimejs/system/code-cache.ts';
import {
  bundleIsolates,
  bundlerFile,
  bundleWorker,
  type IsolateScripts,
  WorkerBundleError,
} from '@runtimejs/worker/bundle.ts';
import type { BundledApp } from './app.ts';
import { BundleError } from './errors.ts';
import type { Project } from './project.ts';

/**
 * Bundles a bare app into /worker/main.js, with V8's code cache beside it.
 *
 * @param project the app
 * @throws BundleError when the app cannot be bundled
 */
export async function bundleWorkerApp(project: Project): Promise<BundledApp> {
  try {
    const app = await bundleWorker(project.entry, project.root);
    const isolates = await bundleIsolates(app.isolates, project.root);
    return {
      generated: new Map<string, string | Uint8Array>([
        ['/worker/main.js', app.code],
        ['/worker/main.js.cache', systemCodeCache(app.code)],
        ...isolateFiles(isolates),
      ]),
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

/** Scripts of isolates as files of the image, each with V8's code cache. */
function isolateFiles({ scripts }: IsolateScripts): [string, string | Uint8Array][] {
  return [...scripts].flatMap(([path, code]): [string, string | Uint8Array][] => [
    [path, code],
    [`${path}.cache`, systemCodeCache(code)],
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
  try {
    const isolates = await bundleIsolates(entries, root);
    return { files: isolateFiles(isolates), inputs: [...isolates.inputs, list] };
  } catch (error) {
    if (error instanceof WorkerBundleError) throw new BundleError(error.message);
    throw error;
  }
}
