// Builds an app: the runtime it needs, the system isolate's bundle, and its initrd.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { displayPath, isBareApp } from '../bundle/project.ts';
import type { App } from '../config/load.ts';
import { commandLine } from '../launch.ts';
import { type MetadataService, metadataParts } from '../metadata/metadata.ts';
import { step } from '../progress.ts';
import { type BuiltSystem, buildSystem, buildWorkerParts } from './composition.ts';
import { findRuntime, type RuntimeImage } from './runtime-image.ts';

/** An app that is built: what boots it, and what every kind of image is made from. */
export interface BuiltApp {
  readonly app: App;
  /** Kernel and base. */
  readonly runtime: RuntimeImage;
  /** The initrd: the system bundle and the app. */
  readonly initrd: string;
  /** The kernel's command line that the config asks for. */
  readonly commandLine: string;
  readonly system: BuiltSystem;
  /** False when the initrd was current already. */
  readonly rebuilt: boolean;
  /** Every file that a change of makes another image. */
  readonly inputs: readonly string[];
}

/** What to build. */
export interface BuildAppOptions {
  /** Where the initrd goes; by default among what is made on the way. */
  readonly initrd?: string;
  /** Modules to start from instead of the app's entry, by the name that they get in /app: tests. */
  readonly entries?: Readonly<Record<string, string>>;
  /** Packages to copy with all of their files: test runners. */
  readonly wholePackages?: readonly string[];
  /** More files: absolute path in the image to a file of this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** Node's arguments in place of the app's: options, module, arguments. */
  readonly arguments?: readonly string[];
  /** The metadata service to ask, in place of the config's. */
  readonly metadata?: MetadataService | undefined;
  /** Whether a bare app, or drivers and services beside Node, are to be replaced while the machine runs. */
  readonly isReloadable?: boolean;
  /** Whether the image starts from a frozen process, in place of what the config says. */
  readonly isWarm?: boolean | undefined;
  /** What is being done, for the progress. */
  readonly title?: string;
}

/**
 * Builds an app, as far as it changed.
 * @param app see there
 * @param options what to build
 * @returns what was built
 * @throws BundleError, UserError with what is wrong and what to do
 */
export async function buildApp(app: App, options: BuildAppOptions = {}): Promise<BuiltApp> {
  const runtime = await findRuntime(app.root);
  await mkdir(app.work, { recursive: true });
  const initrd = options.initrd ?? path.join(app.work, 'initrd');
  // Tests run here, where no cloud is.
  const metadata = metadataParts(options.entries ? 'none' : (options.metadata ?? app.metadata));
  const work = async (note: (line: string) => void) => {
    // Rollup takes a while to load, so only here.
    const { buildInitrd } = await import('../bundle.ts');
    const isBare = isBareApp(app.project) && options.entries === undefined; // its tests run in Node
    const workerParts = isBare ? await buildWorkerParts(app, options.isReloadable) : undefined;
    const system = await buildSystem(app, options.isReloadable);
    const { inputs, rebuilt } = await buildInitrd({
      entry: app.project.entry,
      outFile: initrd,
      assets: app.assets,
      files: { ...app.files, ...metadata.files, ...options.files },
      ...(options.entries === undefined ? {} : { entries: options.entries }),
      ...(options.wholePackages === undefined ? {} : { wholePackages: options.wholePackages }),
      arguments: options.arguments ?? nodeArguments(app, metadata.nodeOptions),
      environment: { ...app.environment, ...metadata.environment },
      system: system.file,
      workerParts,
      isReloadable: options.isReloadable,
      report: note,
    });
    return { system, inputs, rebuilt };
  };
  const title = options.title ?? `Bundling ${displayPath(app.project.entry)}`;
  const { system, inputs, rebuilt } = await step(title, (report) => work(report.note));
  const words = commandLine({ options: app.kernelOptions });
  return {
    app,
    runtime,
    initrd: options.isWarm ? await warmInitrd(app, runtime, initrd, words) : initrd,
    commandLine: words,
    system,
    rebuilt,
    inputs: [...new Set([...inputs, ...system.inputs, ...app.inputs])],
  };
}

/** Freezes the app's process, as far as something changed. */
function warmInitrd(
  app: App,
  runtime: RuntimeImage,
  initrd: string,
  words: string,
): Promise<string> {
  return step('Freezing the process', async () => {
    const { makeWarmInitrd, refuseInspector } = await import('../warm/warm-image.ts');
    refuseInspector(app.nodeOptions, app.environment);
    const outFile = `${initrd}.warm`;
    await makeWarmInitrd({
      runtime: runtime.file,
      initrd,
      commandLine: words,
      memoryMegabytes: app.memoryMegabytes,
      outFile,
    });
    return outFile;
  });
}

/** Node's argument vector for an app. */
function nodeArguments(app: App, before: readonly string[]): string[] {
  const options = ['--enable-source-maps', ...before, ...app.nodeOptions];
  return ['node', ...options, '/app/main.mjs', ...app.arguments];
}
