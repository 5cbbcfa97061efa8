// Makes dist/initrd: the app, bundled by Rollup, and the system bundle, as a cpio archive.
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CpioWriter } from '@runtimejs/base/cpio.ts';
import { isolatesFile } from '@runtimejs/system/bundle.ts';
import { systemCodeCache } from '@runtimejs/system/code-cache.ts';
import { bundleApp } from './bundle/app.ts';
import { expandAssets } from './bundle/assets.ts';
import { BundleError } from './bundle/errors.ts';
import { findProject, isBareApp, type Project } from './bundle/project.ts';
import { currentInputs, writeStamp } from './bundle/stamp.ts';
import type { IsolateFiles, WorkerParts } from './bundle/worker.ts';

import { version } from './version.ts';

export { bundleApp } from './bundle/app.ts';
export { BundleError } from './bundle/errors.ts';
export { findProject } from './bundle/project.ts';

/** What goes into an initrd. */
export interface InitrdOptions {
  /** The app's entry module, or the directory that holds it. */
  readonly entry: string;
  /** Where the archive goes. */
  readonly outFile: string;
  /** Files, directories and globs below the project that the app reads by path, in /app. */
  readonly assets?: readonly string[];
  /** More files: absolute path in the image to a file of this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** Modules to start from instead of the app's entry, by the name that they get in /app: tests. */
  readonly entries?: Readonly<Record<string, string>>;
  /** Packages to copy with all of their files: test runners. */
  readonly wholePackages?: readonly string[];
  /** Node's whole argument vector; by default `node --enable-source-maps /app/main.mjs`. */
  readonly arguments?: readonly string[];
  /** Variables of the app's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** File with the system isolate's bundle, a classic script. */
  readonly system?: string;
  /** Services beside a bare app. */
  readonly workerParts?: WorkerParts | undefined;
  /** Whether a bare app is to be replaced while its machine runs. */
  readonly isReloadable?: boolean | undefined;
  /** Is told what deserves attention: warnings, and why packages are copied. */
  readonly report?: (line: string) => void;
}

/** What {@link buildInitrd} did. */
export interface InitrdResult {
  /** False when the archive was current already. */
  readonly rebuilt: boolean;
  /** Every file that the archive was made from. */
  readonly inputs: readonly string[];
}

/** What is in an initrd, as it is kept beside it for reports. */
export interface InitrdContent {
  /** Path in the image to size in bytes. */
  readonly files: Readonly<Record<string, number>>;
  /** Packages that are copied, with the reason. */
  readonly copied: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Reads what an initrd holds.
 * @param outFile the initrd
 */
export function readContent(outFile: string): InitrdContent {
  return JSON.parse(readFileSync(contentFile(outFile), 'utf8')) as InitrdContent;
}

/** Where {@link readContent} finds it. */
export function contentFile(outFile: string): string {
  return join(dirname(outFile), `.${basename(outFile)}.content.json`);
}

/**
 * Bundles an app and writes its initrd, unless the one that is there was made from the same inputs.
 *
 * @throws BundleError when the app cannot be bundled; its message is complete
 */
export async function buildInitrd(options: InitrdOptions): Promise<InitrdResult> {
  const project = findProject(options.entry);
  const outFile = resolve(options.outFile);
  const key = stampKey(options, project);
  const current = existsSync(contentFile(outFile)) ? currentInputs(outFile, key) : undefined;
  if (current !== undefined) return { rebuilt: false, inputs: current };

  const isBare = isBareApp(project) && options.entries === undefined; // its tests run in Node
  const app = isBare
    ? await (await import('./bundle/worker.ts')).bundleWorkerApp(
        project,
        options.isReloadable,
        options.workerParts,
      )
    : await bundleApp(project, options.entries, options.wholePackages);
  for (const warning of app.warnings) options.report?.(warning);
  for (const [name, reason] of app.copiedPackages) {
    options.report?.(`${name} is copied instead of bundled: ${reason}.`);
  }
  const chosen = expandAssets(options.assets ?? [], project);
  const copied = [...app.copied, ...chosen].map(([file, path]): [string, string] => [path, file]);
  copied.push(...Object.entries(options.files ?? {}));
  // A bare app has its drivers and services in its own bundle.
  const system = options.system === undefined || isBare ? undefined : resolve(options.system);
  const isolates = system === undefined ? undefined : await systemIsolates(system, project.root);

  mkdirSync(dirname(outFile), { recursive: true });
  const sizes: Record<string, number> = {};
  await writeArchive(outFile, async (archive) => {
    await archive.addDirectory('/app');
    const entries: [string, string | Uint8Array | { file: string }][] = [
      ...app.generated,
      ...copied.map(([path, file]): [string, { file: string }] => [path, { file }]),
      // The kernel starts the shim, which finds the bundle and starts no Node.
      ...settings(isBare ? { ...options, arguments: ['app'] } : options),
    ];
    if (system !== undefined) {
      const bundle = readFileSync(system);
      entries.push(['/system/main.js', bundle]);
      entries.push(['/system/main.js.cache', cachedCodeCache(system, bundle)]);
      // One that both start is the same script.
      entries.push(...(isolates?.files ?? []).filter(([path]) => !app.generated.has(path)));
    }
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    for (const [index, [path, content]] of entries.entries()) {
      if (entries[index - 1]?.[0] === path) {
        throw new BundleError(
          `Two files of the app would both become ${path}.\nRename one of them.`,
        );
      }
      await archive.addFile(path, content);
      sizes[path] = sizeOf(content);
    }
  });
  const content: InitrdContent = {
    files: sizes,
    copied: Object.fromEntries(app.copiedPackages),
    warnings: app.warnings,
  };
  writeFileSync(contentFile(outFile), JSON.stringify(content));
  const inputs = [
    ...app.inputs,
    ...copied.map(([, file]) => file),
    ...(system === undefined ? [] : [system]),
    ...(isolates?.inputs ?? []),
  ];
  writeStamp(outFile, key, [...inputs, ...bundlerSources()]);
  return { rebuilt: true, inputs };
}

/** Scripts of the isolates that a bundle of the system isolate starts; most start none. */
async function systemIsolates(system: string, root: string): Promise<IsolateFiles | undefined> {
  const list = isolatesFile(system);
  const startsAny = existsSync(list) && readFileSync(list, 'utf8') !== '[]';
  if (!startsAny) return undefined;
  return (await import('./bundle/worker.ts')).bundleSystemIsolates(system, root);
}

function sizeOf(content: string | Uint8Array | { readonly file: string }): number {
  if (typeof content === 'string') return Buffer.byteLength(content);
  return content instanceof Uint8Array ? content.length : statSync(content.file).size;
}

/** V8's code cache of a system bundle. Making it takes a process and a while, so it is kept beside it. */
function cachedCodeCache(system: string, bundle: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(bundle).update(process.versions.v8).digest('hex');
  const file = `${system}.${digest.slice(0, 16)}.cache`;
  if (existsSync(file)) return readFileSync(file);
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, systemCodeCache(Buffer.from(bundle).toString('latin1'), 'Node'));
  try {
    linkSync(partial, file);
  } catch (error) {
    // Another process has made one meanwhile: V8 need not write the same bytes twice, images have to.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(partial);
  }
  return readFileSync(file);
}

/**
 * Writes an archive beside its final place and moves it there, so a failure leaves the old one.
 *
 * @param outFile where the archive goes
 * @param fill adds the entries
 */
async function writeArchive(
  outFile: string,
  fill: (archive: CpioWriter) => Promise<void>,
): Promise<void> {
  const temporary = `${outFile}.${process.pid}.new`; // Two may make the same one at a time.
  const archive = await CpioWriter.create(temporary);
  try {
    await fill(archive);
    await archive.finish();
  } catch (error) {
    await archive.abandon();
    throw error;
  }
  renameSync(temporary, outFile);
}

/** The files below /etc/runtime that tell the kernel how to start Node. */
function settings(options: InitrdOptions): [string, string][] {
  const files: [string, string][] = [];
  if (options.arguments !== undefined) {
    files.push(['/etc/runtime/arguments', terminated(options.arguments, 'argument')]);
  }
  if (options.environment !== undefined) {
    const pairs = Object.entries(options.environment).map(([name, value]) => {
      if (name === '' || name.includes('=')) {
        throw new BundleError(
          `The environment variable name ${JSON.stringify(name)} is not possible.`,
        );
      }
      return `${name}=${value}`;
    });
    files.push(['/etc/runtime/environment', terminated(pairs, 'environment variable')]);
  }
  return files;
}

function terminated(strings: readonly string[], what: string): string {
  for (const text of strings) {
    if (text.includes('\0')) {
      throw new BundleError(
        `An ${what} holds a NUL character: ${JSON.stringify(text)}.\nRemove it.`,
      );
    }
  }
  return strings.map((text) => `${text}\0`).join('');
}

function stampKey(options: InitrdOptions, project: Project): string {
  const { assets, files, entries, wholePackages, arguments: argv, environment, system } = options;
  const lists = expandAssets(assets ?? [], project);
  const { isReloadable = false, workerParts } = options;
  const image = [argv, environment, system, isReloadable, workerParts];
  const parts = [project, [...lists], files, entries, wholePackages, ...image];
  return JSON.stringify([...parts, process.version, version]);
}

/** The bundler itself is an input: a change of it must not leave an old initrd in place. */
function bundlerSources(): string[] {
  const directory = join(import.meta.dirname, 'bundle');
  return [
    import.meta.filename,
    ...readdirSync(directory).map((name) => join(directory, name)),
    fileURLToPath(import.meta.resolve('@runtimejs/base/cpio.ts')),
    join(import.meta.dirname, '../../../package-lock.json'),
  ];
}
