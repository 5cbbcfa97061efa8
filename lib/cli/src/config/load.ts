// Finds and reads runtime.config.ts (or .mts, .js, .mjs), and fills in the defaults.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseEnv } from 'node:util';
import { type BuildFailure, build } from 'esbuild';
import { BundleError, describeAt } from '../bundle/errors.ts';
import {
  displayPath,
  findProject,
  isInside,
  type Project,
  packageRoot,
  readManifest,
} from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { type PortForward, parseForward } from '../network.ts';
import { parseMegabytes } from '../options.ts';
import type {
  ConfigContext,
  DriverChoice,
  MetadataProvider,
  RestartPolicy,
  RuntimeConfig,
  ScreenChoice,
  ServiceChoice,
  StaticNetwork,
} from './config.ts';
import { checkConfig } from './schema.ts';

const configNames = ['ts', 'mts', 'js', 'mjs'].map((extension) => `runtime.config.${extension}`);

/** The guest's port that is forwarded unless a config says otherwise. */
export const defaultPort = 8080;
const defaultTests = [
  '{test,tests,src}/**/*.{test,spec}.{ts,mts,js,mjs}',
  '*.test.{ts,mts,js,mjs}',
];

/** An app, as its config and package.json describe it, with every default filled in. */
export interface App {
  readonly name: string;
  readonly project: Project;
  /** Folder of package.json and runtime.config.ts. */
  readonly root: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly nodeOptions: readonly string[];
  readonly memoryMegabytes: number;
  readonly cpus: number;
  readonly ports: readonly PortForward[];
  /** Whether the ports were named; else the default's host port may be another. */
  readonly portsNamed: boolean;
  readonly network: 'dhcp' | 'none' | StaticNetwork;
  readonly networkDrivers: readonly DriverChoice[] | undefined;
  readonly terminalDrivers: readonly DriverChoice[] | undefined;
  readonly screen: boolean | ScreenChoice;
  readonly drivers: readonly DriverChoice[] | undefined;
  readonly services: readonly ServiceChoice[];
  /** What a bare app may call. */
  readonly endpoints: readonly string[];
  /** The app's own composition of the system isolate, an absolute path. */
  readonly system: string | undefined;
  readonly assets: readonly string[];
  /** Path in the image to a file of this machine, absolute. */
  readonly files: Readonly<Record<string, string>>;
  readonly metadata: MetadataProvider | 'none';
  /** Whether images start from a frozen process. */
  readonly warm: boolean;
  readonly restart: RestartPolicy;
  /** The kernel's command line, as words. */
  readonly kernelOptions: readonly string[];
  /** More arguments for QEMU. */
  readonly qemu: readonly string[];
  readonly tests: readonly string[];
  /** Folder for what is built, absolute. */
  readonly output: string;
  /** Folder for what is made on the way, absolute. */
  readonly work: string;
  /** Files that this was read from: config, what it imports, .env, package.json. */
  readonly inputs: readonly string[];
}

/**
 * Reads an app's config.
 * @param from folder of the app, or one of its modules, which then is its entry
 * @param context what a config that is a function is told
 * @returns the app
 * @throws ToolError or BundleError with what is wrong and what to do
 */
export async function loadApp(from: string, context: ConfigContext): Promise<App> {
  const start = path.resolve(from);
  if (!existsSync(start)) {
    throw new ToolError(`There is no app at ${displayPath(start)}: it does not exist.`);
  }
  const folder = configNames.some((name) => existsSync(path.join(start, name)))
    ? start
    : path.extname(start) === ''
      ? start
      : path.dirname(start);
  const root = packageRoot(folder) ?? folder;
  const work = path.join(root, 'node_modules/.cache/runtimejs');
  const file = configNames.map((name) => path.join(root, name)).find((name) => existsSync(name));
  const read =
    file === undefined ? { value: {}, inputs: [] } : await readConfig(file, work, context);
  const name = file === undefined ? 'the default config' : displayPath(file);
  return fillIn(checkConfig(read.value, name), { root, start, work, inputs: read.inputs, name });
}

/** Compiles a config with esbuild and runs it. */
async function readConfig(
  file: string,
  work: string,
  context: ConfigContext,
): Promise<{ value: unknown; inputs: string[] }> {
  const compiled = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    packages: 'external',
    sourcemap: 'inline',
    absWorkingDir: path.dirname(file),
    logLevel: 'silent',
  }).catch((error: BuildFailure) => {
    throw new BundleError(describeFailure(error, file));
  });
  await mkdir(work, { recursive: true });
  // Below node_modules of the project, so that its imports are found. The process may load it again.
  const module = path.join(work, `config-${process.pid}-${Date.now()}.mjs`);
  await writeFile(module, compiled.outputFiles[0]?.contents ?? '');
  try {
    const url = pathToFileURL(module).href;
    const { default: exported } = (await importConfig(url, file)) as { default?: unknown };
    if (exported === undefined) {
      throw new ToolError(
        `${displayPath(file)} exports no config. Write: export default defineConfig({ ... });`,
      );
    }
    const value = typeof exported === 'function' ? await exported(context) : await exported;
    const inputs = Object.keys(compiled.metafile.inputs);
    return { value, inputs: inputs.map((input) => path.resolve(path.dirname(file), input)) };
  } finally {
    await rm(module, { force: true });
  }
}

async function importConfig(url: string, file: string): Promise<object> {
  try {
    return await import(url);
  } catch (error) {
    const { code, message, stack } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND') {
      const name = /Cannot find package '([^']+)'/.exec(message)?.[1];
      const remedy = name === undefined ? '' : ` Install it: npm install --save-dev ${name}`;
      throw new ToolError(
        `${displayPath(file)}: ${message.replace(/ imported from .*/, '')}.${remedy}`,
      );
    }
    throw new ToolError(`${displayPath(file)} failed: ${stack ?? message}`);
  }
}

/** esbuild's first error, with the place in the source. */
export function describeFailure(error: BuildFailure, file: string): string {
  const first = error.errors?.[0];
  if (first === undefined) return `${displayPath(file)}: ${error.message}`;
  if (first.location === null) return `${displayPath(file)}: ${first.text}`;
  const { line, column } = first.location;
  const place = path.resolve(path.dirname(file), first.location.file);
  return describeAt(first.text, { file: place, line, column }, displayPath(place));
}

interface Place {
  readonly root: string;
  readonly start: string;
  readonly work: string;
  readonly inputs: readonly string[];
  /** Of the config, for messages. */
  readonly name: string;
}

async function fillIn(config: RuntimeConfig, place: Place): Promise<App> {
  const { root, start, work } = place;
  const inProject = (file: string) => path.resolve(root, file);
  const entry = path.extname(start) === '' ? undefined : start;
  const named = config.entry === undefined ? root : inProject(config.entry);
  if (entry === undefined && config.entry !== undefined && !existsSync(named)) {
    throw new ToolError(`${place.name}: entry: there is no ${displayPath(named)}.`);
  }
  const project = findProject(entry ?? named);
  const manifest = path.join(root, 'package.json');
  const packageName = existsSync(manifest) ? readManifest(manifest).name : undefined;
  const environment = await readEnvironment(config, place);
  const system = config.system === undefined ? undefined : inProject(config.system);
  if (system !== undefined && !existsSync(system)) {
    throw new ToolError(`${place.name}: system: there is no ${displayPath(system)}.`);
  }
  for (const [target, file] of Object.entries(config.files ?? {})) {
    if (existsSync(inProject(file))) continue;
    throw new ToolError(
      `${place.name}: files: there is no ${displayPath(inProject(file))} for ${target}.`,
    );
  }
  const output = inProject(config.output ?? 'dist');
  if (isInside(root, output)) {
    throw new ToolError(`${place.name}: output: ${config.output} holds the project itself.`);
  }
  return {
    name: config.name ?? (packageName ?? path.basename(root)).replace(/^@[^/]*\//, ''),
    project,
    root,
    arguments: config.arguments ?? [],
    environment: environment.variables,
    nodeOptions: config.nodeOptions ?? [],
    memoryMegabytes: parseMegabytes(String(config.memory ?? 512)),
    cpus: config.cpus ?? 1,
    ports: (config.ports ?? [defaultPort]).map((port) => parseForward(String(port))),
    portsNamed: config.ports !== undefined,
    network: config.network ?? 'dhcp',
    networkDrivers: config.networkDrivers,
    terminalDrivers: config.terminalDrivers,
    screen: config.screen ?? true,
    drivers: config.drivers,
    services: config.services ?? [],
    endpoints: config.endpoints ?? [],
    system,
    assets: config.assets ?? [],
    files: Object.fromEntries(
      Object.entries(config.files ?? {}).map(([target, file]) => [target, inProject(file)]),
    ),
    metadata: config.metadata ?? 'none',
    warm: config.warm ?? false,
    restart: config.restart ?? 'never',
    kernelOptions: [
      ...(config.restart === undefined ? [] : [`restart=${config.restart}`]),
      ...(config.shutdown === undefined ? [] : [`shutdown=${config.shutdown}`]),
      ...(config.kernelOptions ?? []),
    ],
    qemu: config.qemu ?? [],
    tests: config.tests ?? defaultTests,
    output,
    work,
    inputs: [...place.inputs, ...environment.inputs, manifest],
  };
}

async function readEnvironment(
  config: RuntimeConfig,
  { root, name }: Place,
): Promise<{ variables: Record<string, string>; inputs: string[] }> {
  const variables = Object.fromEntries(
    Object.entries(config.environment ?? {}).map(([key, value]) => [key, String(value)]),
  );
  if (config.environmentFile === false) return { variables, inputs: [] };
  const file = path.resolve(root, config.environmentFile ?? '.env');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && config.environmentFile === undefined) return '';
    throw new ToolError(
      `${name}: environmentFile: ${displayPath(file)} cannot be read (${error.code}).`,
    );
  });
  return {
    variables: { ...variables, ...(parseEnv(text) as Record<string, string>) },
    inputs: [file],
  };
}

/**
 * Finds a package that an app or this tool depends on.
 * @param name of the package
 * @param root the app's folder
 * @returns its folder, or undefined when it is not installed
 */
export function findPackage(name: string, root: string): string | undefined {
  for (const from of [path.join(root, 'package.json'), import.meta.filename]) {
    try {
      return path.dirname(createRequire(from).resolve(`${name}/package.json`));
    } catch {
      // Not there, or it hides its package.json.
    }
  }
  return undefined;
}
