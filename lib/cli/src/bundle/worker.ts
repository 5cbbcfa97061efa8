// Bare apps, which run without Node: one script with everything in it.
import { systemCodeCache } from '@runtimejs/system/code-cache.ts';
import { bundlerFile, bundleWorker, WorkerBundleError } from '@runtimejs/worker/bundle.ts';
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
    const { code, inputs, warnings } = await bundleWorker(project.entry, project.root);
    return {
      generated: new Map<string, string | Uint8Array>([
        ['/worker/main.js', code],
        ['/worker/main.js.cache', systemCodeCache(code)],
      ]),
      copied: new Map(),
      inputs: new Set([...inputs, bundlerFile]),
      copiedPackages: new Map(),
      warnings,
    };
  } catch (error) {
    if (error instanceof WorkerBundleError) throw new BundleError(error.message);
    throw error;
  }
}
