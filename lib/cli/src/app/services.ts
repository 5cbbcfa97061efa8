// The services of a composition: where each one runs, and whom it may call.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeUnplaceable, unplaceable } from '@runtimejs/placement/unplaceable.ts';
import { ToolError } from '../command.ts';
import type { PlacedServiceChoice, ServiceChoice } from '../config/config.ts';
import { nearest } from '../config/schema.ts';
import { parseMegabytes } from '../options.ts';
import { inspectService, type ServiceSource } from './service-source.ts';

/** Endpoints that the system has, by the option of a composition that brings each. */
const systemEndpoints = ['sockets', 'clock'] as const;

/** Folder of programs of services' isolates, beside the composition. */
const programFolder = 'services';

/** Services, as text of a composition. */
export interface ComposedServices {
  readonly imports: readonly string[];
  readonly services: readonly string[];
  /** Whether somebody has the endpoint. */
  readonly usesSockets: boolean;
  /** Programs of isolates: paths beside the composition, and their texts. */
  readonly programs: ReadonlyMap<string, string>;
}

/** A service of a config, with all that is known of it. */
interface FoundService {
  readonly choice: PlacedServiceChoice;
  readonly name: string;
  readonly module: string;
  readonly source: ServiceSource;
}

/** How a module is found. */
export interface ModuleFinder {
  /** The module behind a name of a config. @throws ToolError when there is none */
  moduleOf(specifier: string): string;
  /** Its file; undefined when that is not to be found. */
  fileOf(module: string): string | undefined;
}

/**
 * Composes services.
 * @param choices of the config
 * @param app what the app itself may call
 * @throws ToolError that says which one is not possible, why, and what to do
 */
export function composeServices(
  choices: readonly ServiceChoice[],
  app: readonly string[],
  { moduleOf, fileOf }: ModuleFinder,
): ComposedServices {
  const found = choices.map((given): FoundService => {
    const choice = typeof given === 'string' ? { service: given } : given;
    const module = moduleOf(choice.service);
    const file = fileOf(module);
    const name = choice.name ?? defaultName(choice.service);
    const source = file === undefined ? { hasServe: undefined, taken: [] } : inspectService(file);
    return { choice, name, module: file ?? module, source };
  });
  checkNames(found);
  for (const each of found) {
    checkEndpoints(`The service ${each.name}`, each.choice.endpoints ?? [], found, each.name);
    checkPlacement(each);
  }
  checkEndpoints('The app', app, found);
  const given = new Set([...app, ...found.flatMap(({ choice }) => choice.endpoints ?? [])]);
  const imports: string[] = [];
  const programs = new Map<string, string>();
  const services = found.map((each, index) => {
    if (each.choice.placement === 'own') return place(each, programs);
    imports.push(`import service${index} from ${JSON.stringify(each.module)};`);
    return `hosted(service${index}, ${JSON.stringify(optionsOf(each))})`;
  });
  if (services.some((text) => text.startsWith('hosted('))) {
    imports.push("import { hosted } from '@runtimejs/system/service/hosted.ts';");
  }
  if (programs.size > 0) {
    imports.push(
      "import { placedService } from '@runtimejs/placement/services/placed-service.ts';",
    );
  }
  if (given.has('clock')) {
    imports.push("import { clock } from '@runtimejs/system/service/clock.ts';");
    services.unshift('clock()');
  }
  return { imports, services, usesSockets: given.has('sockets'), programs };
}

/** Writes the program of a service's isolate. @returns the service, for the composition */
function place(service: FoundService, programs: Map<string, string>): string {
  const { choice, name, module } = service;
  const file = `${programFolder}/${name}.mjs`;
  const program = fileURLToPath(
    import.meta.resolve('@runtimejs/placement/services/service-isolate.ts'),
  );
  programs.set(
    file,
    [
      `import { serviceProgram } from ${JSON.stringify(program)};`,
      `import service from ${JSON.stringify(module)};`,
      'export default serviceProgram(service);',
      '',
    ].join('\n'),
  );
  const { heapLimit, cpuShare, turnLimit, restart } = choice;
  const options = JSON.stringify({
    ...optionsOf(service),
    ...(heapLimit === undefined ? {} : { heapLimit: parseMegabytes(String(heapLimit)) * 2 ** 20 }),
    cpuShare,
    turnLimit,
    restart,
  });
  const entry = `new URL(${JSON.stringify(`./${file}`)}, import.meta.url)`;
  return `placedService({ ...${options}, entry: ${entry} })`;
}

function optionsOf({ choice: { argument, endpoints }, name }: FoundService): object {
  return { name, argument, endpoints };
}

/** A service is called as its module, or its package, is. */
function defaultName(specifier: string): string {
  const parts = specifier.split('/');
  const isPath = specifier.startsWith('.') || path.isAbsolute(specifier);
  if (!isPath && parts.length > 1) return parts[specifier.startsWith('@') ? 1 : 0] as string;
  return path.basename(specifier, path.extname(specifier));
}

function checkNames(found: readonly FoundService[]): void {
  const names = new Set<string>();
  for (const { name, choice } of found) {
    const isTaken = names.has(name) || (systemEndpoints as readonly string[]).includes(name);
    if (isTaken) {
      const whose = names.has(name) ? 'another service' : 'an endpoint of the system';
      throw new ToolError(
        `The service ${choice.service} has the name "${name}", as ${whose} has. ` +
          'Give it another one: { service: …, name: … }.',
      );
    }
    if (!/^[\w.-]{1,60}$/.test(name)) {
      throw new ToolError(
        `The service ${choice.service} cannot have the name "${name}": letters, digits, ".", "_" and "-" make one.`,
      );
    }
    names.add(name);
  }
}

function checkEndpoints(
  who: string,
  endpoints: readonly string[],
  found: readonly FoundService[],
  own?: string,
): void {
  const names = found.map((each) => each.name).filter((name) => name !== own);
  for (const endpoint of endpoints) {
    if ((systemEndpoints as readonly string[]).includes(endpoint)) continue;
    const other = found.find((each) => each.name === endpoint);
    if (endpoint === own || other === undefined) {
      const known = [...systemEndpoints, ...names];
      const near = nearest(endpoint, known);
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
      throw new ToolError(
        `${who} is to call "${endpoint}", which is nothing that it could.${hint} ` +
          `There is: ${known.join(', ')}.`,
      );
    }
    if (other.source.hasServe === false) {
      throw new ToolError(
        `${who} is to call ${endpoint}, which serves nothing. Give the default export of ` +
          `${other.choice.service} a function serve() that returns what may be called.`,
      );
    }
  }
}

function checkPlacement({ choice, name, source }: FoundService): void {
  const { placement, heapLimit, cpuShare, turnLimit, restart } = choice;
  if (placement !== 'own') {
    const limits = Object.entries({ heapLimit, cpuShare, turnLimit, restart });
    const [limit] = limits.filter(([, value]) => value !== undefined).map(([key]) => key);
    if (limit === undefined) return;
    throw new ToolError(
      `The service ${name} has "${limit}", which is for isolates: add placement: 'own', or leave it out.`,
    );
  }
  const taken = source.taken.find((each) => Object.hasOwn(unplaceable, each));
  if (taken !== undefined) throw new ToolError(describeUnplaceable(`The service ${name}`, taken));
}
