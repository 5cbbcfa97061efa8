// The build: native part, base, dist/runtime, dist/initrd. Only what changed is made again.
import { access, glob, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { assembleBase } from '@runtimejs/base/base.ts';
import { packRuntime } from '@runtimejs/base/pack.ts';
import { digestInputs, makeUnlessCurrent } from '@runtimejs/base/stamp.ts';
import { runCommand, ToolError } from './command.ts';
import { fetchFont } from './font.ts';
import { addonFile, buildAddon, buildNative, kernelAddon } from './native.ts';
import {
  buildFolder,
  distFolder,
  exampleEntry,
  initrdImage,
  inRepository,
  kernelElf,
  nodeBinary,
  preloadModule,
  prepareModule,
  repository,
  runtimeImage,
  shimLibrary,
} from './paths.ts';
import { type StepReport, step } from './progress.ts';
import { version } from './version.ts';

const baseArchive = path.join(buildFolder, 'base/base.cpio');
const systemBundle = path.join(buildFolder, 'system/main.js');
const strippedFolder = path.join(buildFolder, 'base/stripped');

/** What is built for. */
export interface BuildOptions {
  /** Entry of the app to bundle, or its folder; by default the example's. */
  readonly app?: string | undefined;
  /** Files, directories and patterns that the app reads by path, relative to its package.json. */
  readonly assets?: readonly string[] | undefined;
}

/** What was built. */
export interface BuildResult {
  readonly runtime: string;
  readonly initrd: string;
}

/**
 * Builds everything that is needed to boot an app.
 * @param options see there
 * @returns paths of the kernel with the base, and of the initrd with the app
 * @throws ToolError, with the output of the tool that failed
 */
export async function build(options: BuildOptions = {}): Promise<BuildResult> {
  await buildRuntime();
  return { runtime: runtimeImage, initrd: await buildApp(options) };
}

/**
 * Builds dist/runtime: the kernel, the shim and the addon, the base, and all in one file.
 * @throws ToolError, with the output of the tool that failed
 */
export async function buildRuntime(): Promise<void> {
  await step('Checking the generated bindings', async () => {
    await runCommand(nodeBinary, [inRepository('native/abi/generate.ts'), '--check']);
  });
  await step('Building the kernel and the shim', buildNative);
  await access(kernelElf).catch(() => {
    throw new ToolError(`The native build made no ${kernelElf}: see native/kernel/CMakeLists.txt.`);
  });
  await step("Building the kernel's Node addon", async (report) => {
    if (!(await buildAddon(kernelAddon, report))) {
      report.note(`There is no ${kernelAddon.folder}/CMakeLists.txt, so no addon.`);
    }
  });
  await step('Assembling the base', (report) => makeBase(kernelElf, baseArchive, report));
  await step('Packing dist/runtime', async () => {
    await mkdir(distFolder, { recursive: true });
    const stamp = path.join(buildFolder, 'base/runtime.stamp');
    await pack(kernelElf, baseArchive, runtimeImage, stamp);
  });
}

/**
 * Makes a runtime with another kernel than dist/runtime has, from parts that buildRuntime() has made.
 * @param kernel the kernel as linked
 * @param folder where its base and the runtime go
 * @param report says what takes long
 * @returns path of the runtime
 */
export async function buildOtherRuntime(
  kernel: string,
  folder: string,
  report: StepReport,
): Promise<string> {
  const base = path.join(folder, 'base.cpio');
  const runtime = path.join(folder, 'runtime');
  await makeBase(kernel, base, report);
  await pack(kernel, base, runtime, `${runtime}.stamp`);
  return runtime;
}

async function makeBase(kernel: string, output: string, report: StepReport): Promise<void> {
  const { font } = await fetchFont(report);
  await assembleBase({
    node: nodeBinary,
    kernel,
    parts: {
      'shim.so': shimLibrary,
      'kernel.node': addonFile(kernelAddon),
      'preload.cjs': preloadModule,
      'prepare.cjs': prepareModule,
    },
    font,
    version,
    cacheFolder: strippedFolder,
    output,
    onNote: report.note,
  });
}

async function pack(kernel: string, base: string, runtime: string, stamp: string): Promise<void> {
  const packer = inRepository('lib/base/src/pack.ts');
  const digest = await digestInputs([kernel, `${base}.stamp`, packer]);
  await makeUnlessCurrent(
    runtime,
    digest,
    async () => {
      await packRuntime(kernel, base, runtime);
    },
    stamp,
  );
}

/** Bundles the system isolate's code when any TypeScript that may be in it changed. */
async function buildSystem(): Promise<string> {
  const sources = await Array.fromAsync(
    glob('{lib,drivers}/**/*.ts', { cwd: repository, exclude: ['**/node_modules/**'] }),
  );
  const inputs = [...sources.sort(), 'package-lock.json'].map((file) => inRepository(file));
  await mkdir(path.dirname(systemBundle), { recursive: true });
  await makeUnlessCurrent(systemBundle, await digestInputs(inputs), async () => {
    const { bundleSystem } = await import('@runtimejs/system/bundle.ts');
    await bundleSystem(systemBundle);
  });
  return systemBundle;
}

/**
 * Bundles an app and the system isolate's code into an initrd.
 * @param options the app, by default the example's
 * @returns path of the initrd: dist/initrd for the example, build/app/initrd for another app
 * @throws ToolError or BundleError when it cannot be bundled
 */
export async function buildApp(options: BuildOptions = {}): Promise<string> {
  const entry = path.resolve(options.app ?? exampleEntry);
  const initrd = options.app === undefined ? initrdImage : path.join(buildFolder, 'app/initrd');
  await step(`Bundling ${path.relative(process.cwd(), entry)}`, async (report) => {
    // Rollup takes a while to load, so only here.
    const { buildInitrd } = await import('./bundle.ts');
    const system = await buildSystem();
    await buildInitrd({
      entry,
      outFile: initrd,
      ...(options.assets ? { assets: options.assets } : {}),
      ...(system === undefined ? {} : { system }),
      report: report.note,
    });
  });
  return initrd;
}
