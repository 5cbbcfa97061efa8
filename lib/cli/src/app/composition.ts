// The composition of the system isolate that an app's config describes: what runs beside the app, and so
// what is in the image.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleSystem, defaultComposition, type SystemBundle } from '@runtimejs/system/bundle.ts';
import { currentInputs, writeStamp } from '../bundle/stamp.ts';
import type { WorkerParts } from '../bundle/worker.ts';
import { ToolError } from '../command.ts';
import type { DriverChoice } from '../config/config.ts';
import type { App } from '../config/load.ts';
import { version } from '../version.ts';
import { type ComposedServices, composeServices } from './services.ts';

const defaultNetworkDrivers = ['@runtimejs/virtio-net', '@runtimejs/e1000'];
const defaultTerminalDrivers = ['@runtimejs/uart', '@runtimejs/virtio-console'];
const defaultDrivers = ['@runtimejs/virtio-rng'];
/** Graphics adapters in the order in which they are looked for. */
const defaultDisplays = [
  '@runtimejs/vga',
  '@runtimejs/framebuffer',
  '@runtimejs/framebuffer/bochs.ts',
  '@runtimejs/virtio-gpu',
];
const defaultKeyboards = ['@runtimejs/ps2', '@runtimejs/virtio-input'];

/** Drivers that this version has. */
export const availableDrivers: readonly string[] = [
  ...new Set([
    ...[...defaultNetworkDrivers, ...defaultTerminalDrivers, ...defaultDrivers],
    ...[...defaultDisplays, ...defaultKeyboards].map((name) => name.split('/', 2).join('/')),
  ]),
].sort();

/** A bundle of the system isolate's code. */
export interface BuiltSystem {
  readonly file: string;
  readonly inputs: readonly string[];
  /** Bytes by package, before compaction. */
  readonly packages: Readonly<Record<string, number>>;
}

/**
 * Bundles the system isolate's code for an app, unless what is there is current.
 * @param app whose config says what runs
 * @param isReloadable whether drivers and services are to be replaced while the machine runs
 * @returns the bundle
 * @throws UserError when a driver or service cannot be bundled
 */
export async function buildSystem(app: App, isReloadable = false): Promise<BuiltSystem> {
  await mkdir(app.work, { recursive: true });
  const suffix = isReloadable ? '-dev' : '';
  const file = path.join(app.work, `system${suffix}.js`);
  const sizes = `${file}.packages.json`;
  // A bare app has its services in its own bundle, and this one for its tests.
  const source = app.system === undefined ? composition(app, isReloadable) : undefined;
  const programs = source === undefined ? [] : [...servicesOf(app).programs];
  const key = JSON.stringify([version, app.system, source, programs]);
  const current = existsSync(sizes) ? currentInputs(file, key) : undefined;
  if (current !== undefined) {
    const packages = JSON.parse(await readFile(sizes, 'utf8')) as SystemBundle['packages'];
    return { file, inputs: current, packages };
  }
  let entry = app.system ?? defaultComposition;
  if (source !== undefined) {
    entry = path.join(app.work, `composition${suffix}.mjs`);
    await writeFile(entry, source);
    await writePrograms(programs, app);
  }
  const { inputs, packages } = await bundleSystem(file, entry);
  await writeFile(sizes, JSON.stringify(packages));
  const own = source === undefined ? inputs : inputs.filter((input) => input !== entry);
  writeStamp(file, key, own);
  return { file, inputs: own, packages };
}

/** Whether the app leaves everything as it is. */
function isDefault(app: App): boolean {
  return (
    app.network === 'dhcp' &&
    app.networkDrivers === undefined &&
    app.terminalDrivers === undefined &&
    app.screen === true &&
    app.drivers === undefined &&
    app.services.length === 0 &&
    app.endpoints.length === 0
  );
}

/**
 * Writes the composition that a config describes, as a module.
 * @param app see there
 * @param isReloadable whether it is to have the server that replaces drivers and services
 * @returns its source; undefined when the default composition does
 */
export function composition(app: App, isReloadable = false): string | undefined {
  if (isDefault(app) && !isReloadable) return undefined;
  const imports: string[] = [];
  const bring = (choices: readonly DriverChoice[], kind: string) =>
    choices.map((choice, index) => {
      const name = `${kind}${index}`;
      const { driver, placement = 'system' } =
        typeof choice === 'string' ? { driver: choice } : choice;
      const module =
        placement === 'own' ? placedModuleOf(driver, app) : moduleOf(driver, app, true);
      imports.push(`import * as ${name} from ${JSON.stringify(module)};`);
      return name;
    });
  const cards = bring(
    app.network === 'none' ? [] : (app.networkDrivers ?? defaultNetworkDrivers),
    'card',
  );
  const terminals = bring(app.terminalDrivers ?? defaultTerminalDrivers, 'terminal');
  const drivers = bring(app.drivers ?? defaultDrivers, 'driver');
  const composed = servicesOf(app);
  const services = [...composed.services];
  imports.push(...composed.imports);
  imports.push(
    "import { system } from '@runtimejs/system/compose.ts';",
    "import { network } from '@runtimejs/system/network.ts';",
  );
  if (app.endpoints.length > 0) {
    imports.push("import { appEndpoints } from '@runtimejs/placement/services/app-endpoints.ts';");
    services.push(`appEndpoints(${JSON.stringify(app.endpoints)})`);
  }
  const configuration: string[] = [];
  if (app.network === 'dhcp') {
    imports.push("import { automatic } from '@runtimejs/system/network-automatic.ts';");
    configuration.push('automatic()');
  } else if (app.network !== 'none') {
    imports.push("import { staticAddresses } from '@runtimejs/system/network-static.ts';");
    configuration.push(`staticAddresses(${JSON.stringify({ interface: 'eth0', ...app.network })})`);
  }
  if (composed.usesSockets) {
    imports.push(socketsImport);
    configuration.push('sockets()');
  }
  if (app.screen !== false) {
    const { displays = defaultDisplays, keyboards = defaultKeyboards } =
      app.screen === true ? {} : app.screen;
    const shown = bring(displays, 'display').join(', ');
    const typed = bring(keyboards, 'keyboard').join(', ');
    terminals.push(`screen({ displays: [${shown}], keyboards: [${typed}] })`);
    imports.push("import { screen } from '@runtimejs/system/screen.ts';");
  }
  if (terminals.length > 0) {
    imports.push("import { terminal } from '@runtimejs/system/terminal.ts';");
    services.unshift(`terminal({ drivers: [${terminals.join(', ')}] })`);
  }
  const parts = [`drivers: [${cards.join(', ')}]`, `configuration: [${configuration.join(', ')}]`];
  if (isReloadable) {
    imports.push("import { reloadControl } from '@runtimejs/system/reload/control.ts';");
    parts.push('control: reloadControl()');
  }
  const stack = `network({ ${parts.join(', ')} })`;
  return [
    ...imports,
    'system({',
    `  drivers: [${drivers.join(', ')}],`,
    `  services: [${[stack, ...services].join(', ')}],`,
    '});',
    '',
  ].join('\n');
}

/**
 * Writes the module with the services of a bare app, and the programs of their isolates.
 * @param isReloadable whether the app is to be apart from them
 * @returns undefined when there are none
 */
export async function buildWorkerParts(
  app: App,
  isReloadable = false,
): Promise<WorkerParts | undefined> {
  const { services, endpoints } = app;
  if (services.length === 0 && endpoints.length === 0) return undefined;
  const composed = servicesOf(app);
  const imports = [...composed.imports];
  if (composed.usesSockets) imports.push(socketsImport);
  const configuration = composed.usesSockets ? 'sockets()' : '';
  const parts =
    `{ services: [${composed.services.join(', ')}], endpoints: ${JSON.stringify(endpoints)}, ` +
    `configuration: [${configuration}] }`;
  if (!isReloadable) imports.push("import { connectApp } from '@runtimejs/worker/services.ts';");
  const file = path.join(app.work, `services${isReloadable ? '-dev' : ''}.mjs`);
  await writeChanged(
    file,
    [...imports, `export const parts = ${isReloadable ? parts : `connectApp(${parts})`};`, ''].join(
      '\n',
    ),
  );
  await writePrograms(composed.programs, app);
  return { file, hasEndpoints: endpoints.length > 0 };
}

/** Writes programs of isolates, beside the composition. */
async function writePrograms(programs: Iterable<[string, string]>, app: App): Promise<void> {
  for (const [name, text] of programs) {
    const program = path.join(app.work, name);
    await mkdir(path.dirname(program), { recursive: true });
    await writeChanged(program, text);
  }
}

/** Leaves a file alone that is as it should be: what was made of it stays current. */
async function writeChanged(file: string, text: string): Promise<void> {
  const present = await readFile(file, 'utf8').catch(() => undefined);
  if (present !== text) await writeFile(file, text);
}

const socketsImport = "import { sockets } from '@runtimejs/system/service/sockets/endpoint.ts';";

/** The services of a config. @throws ToolError when one of them is not possible */
export function servicesOf(app: App): ComposedServices {
  return composeServices(app.services, app.endpoints, {
    moduleOf: (specifier) => moduleOf(specifier, app, false),
    fileOf: (module) => (path.isAbsolute(module) ? module : resolveModule(module, app)),
  });
}

/** The module that places a driver, beside it: of `other.ts` it is `other-own.ts`, or else `own.ts`. */
function placedModuleOf(specifier: string, app: App): string {
  const { dir, name } = path.posix.parse(moduleOf(specifier, app, true));
  for (const each of [`${name}-own.ts`, 'own.ts']) {
    const own = path.posix.join(dir, each);
    const file = path.isAbsolute(own) ? own : resolveModule(own, app);
    if (file !== undefined && existsSync(file)) return own;
  }
  throw new ToolError(
    `${specifier} cannot have an isolate of its own: there is no module own.ts beside its driver. ` +
      "Leave out placement: 'own', or write that module (drivers/README.md says how).",
  );
}

/** The file of a module of a package, as the project or these tools find it; undefined when neither does. */
function resolveModule(specifier: string, app: App): string | undefined {
  for (const parent of [pathToFileURL(path.join(app.root, 'package.json')).href, import.meta.url]) {
    try {
      const file = createRequire(parent).resolve(specifier);
      if (existsSync(file)) return file;
    } catch {
      // Not to be found from there.
    }
  }
  return undefined;
}

/** The module behind a name in a config: a file of the project, or a package's `driver.ts`. */
function moduleOf(specifier: string, app: App, isDriver: boolean): string {
  const isPath = specifier.startsWith('.') || path.isAbsolute(specifier);
  const file = path.resolve(app.root, specifier);
  if (isPath || existsSync(file)) {
    if (!existsSync(file)) {
      throw new ToolError(`There is no ${file}, which the config names as a driver or service.`);
    }
    return file;
  }
  const isPackage = specifier.split('/').length === (specifier.startsWith('@') ? 2 : 1);
  return isPackage && isDriver ? `${specifier}/driver.ts` : specifier;
}
