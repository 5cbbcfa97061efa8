// The composition of the system isolate that an app's config describes: what runs beside the app, and so
// what is in the image.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleSystem, defaultComposition, type SystemBundle } from '@runtimejs/system/bundle.ts';
import { currentInputs, writeStamp } from '../bundle/stamp.ts';
import { ToolError } from '../command.ts';
import type { App } from '../config/load.ts';
import { version } from '../version.ts';

/** Drivers that this version has. */
export const availableDrivers: readonly string[] = [
  '@runtimejs/e1000',
  '@runtimejs/virtio-net',
  '@runtimejs/virtio-rng',
];
const defaultNetworkDrivers = ['@runtimejs/virtio-net', '@runtimejs/e1000'];
const defaultDrivers = ['@runtimejs/virtio-rng'];

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
 * @returns the bundle
 * @throws UserError when a driver or service cannot be bundled
 */
export async function buildSystem(app: App): Promise<BuiltSystem> {
  await mkdir(app.work, { recursive: true });
  const file = path.join(app.work, 'system.js');
  const sizes = `${file}.packages.json`;
  const source = app.system === undefined ? composition(app) : undefined;
  const key = JSON.stringify([version, app.system, source]);
  const current = existsSync(sizes) ? currentInputs(file, key) : undefined;
  if (current !== undefined) {
    const packages = JSON.parse(await readFile(sizes, 'utf8')) as SystemBundle['packages'];
    return { file, inputs: current, packages };
  }
  let entry = app.system ?? defaultComposition;
  if (source !== undefined) {
    entry = path.join(app.work, 'composition.mjs');
    await writeFile(entry, source);
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
    app.drivers === undefined &&
    app.services.length === 0
  );
}

/**
 * Writes the composition that a config describes, as a module.
 * @param app see there
 * @returns its source; undefined when the default composition does
 */
export function composition(app: App): string | undefined {
  if (isDefault(app)) return undefined;
  const imports: string[] = [];
  const bring = (specifiers: readonly string[], kind: string, isDriver: boolean) =>
    specifiers.map((specifier, index) => {
      const name = `${kind}${index}`;
      const module = moduleOf(specifier, app, isDriver);
      imports.push(`import ${isDriver ? '* as ' : ''}${name} from ${JSON.stringify(module)};`);
      return name;
    });
  const cards = bring(
    app.network === 'none' ? [] : (app.networkDrivers ?? defaultNetworkDrivers),
    'card',
    true,
  );
  const drivers = bring(app.drivers ?? defaultDrivers, 'driver', true);
  const services = bring(app.services, 'service', false);
  imports.push(
    "import { system } from '@runtimejs/system/compose.ts';",
    "import { network } from '@runtimejs/system/network.ts';",
  );
  let configuration = '';
  if (app.network === 'dhcp') {
    imports.push("import { automatic } from '@runtimejs/system/network-automatic.ts';");
    configuration = 'automatic()';
  } else if (app.network !== 'none') {
    imports.push("import { staticAddresses } from '@runtimejs/system/network-static.ts';");
    configuration = `staticAddresses(${JSON.stringify({ interface: 'eth0', ...app.network })})`;
  }
  const stack = `network({ drivers: [${cards.join(', ')}], configuration: [${configuration}] })`;
  return [
    ...imports,
    'system({',
    `  drivers: [${drivers.join(', ')}],`,
    `  services: [${[stack, ...services].join(', ')}],`,
    '});',
    '',
  ].join('\n');
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
