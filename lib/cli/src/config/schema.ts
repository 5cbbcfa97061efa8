// Checks a config. Every message names the key, the value, and what is allowed.
import leven from 'leven';
import { z } from 'zod';
import { ToolError } from '../command.ts';
import { metadataServices } from '../metadata/metadata.ts';
import type { RuntimeConfig } from './config.ts';

/** A schema whose every complaint is what would be allowed. */
function allowed(text: string): { error: () => string } {
  return { error: () => text };
}

function text(what: string) {
  return z.string(allowed(what)).min(1, allowed(what)).refine(hasNoNul, allowed(what));
}

function list(what: string) {
  return z.array(text(what), allowed(`a list of ${what}`));
}

/** Drivers that can be placed. @param examples of names */
function drivers(examples: string) {
  const entry = `packages or modules such as ${examples}, or { driver: NAME, placement: "system" or "own" }`;
  return z.array(
    z.union(
      [
        text(entry),
        z.strictObject({
          driver: text(entry),
          placement: z.enum(['system', 'own']).optional(),
        }),
      ],
      allowed(entry),
    ),
    allowed(`a list of ${entry}`),
  );
}

function hasNoNul(value: string): boolean {
  return !value.includes('\0');
}

const memory = 'a whole number of MiB from 64 to 1048576, or text such as "512M" or "2G"';
const port =
  'a port from 1 to 65535, or text such as "8000:8080", "0.0.0.0:80:8080" or "5353:53/udp"';
const variable = 'text, a number, true or false';
const memoryText = /^[1-9]\d{0,6}[MG]$/;
const portText = /^(\d+(\.\d+){3}:)?\d{1,5}(:\d{1,5})?(\/(tcp|udp))?$/;
const processors = 'a whole number of processors from 1 to 255';
const seconds = 'a whole number of seconds from 0 to 86400';

/** A whole number. Each check has the text, because a union tells the complaint of the nearest of its parts. */
function whole(least: number, most: number, what: string) {
  return z.int(allowed(what)).min(least, allowed(what)).max(most, allowed(what));
}

const service =
  'modules such as "./src/service.ts", or { service: MODULE, placement: "system" or "own", endpoints: [NAMES], … }';
const natural = z
  .int(allowed('a whole number from 0 on'))
  .min(0, allowed('a whole number from 0 on'));
const heap = 'a whole number of MiB from 1 to 65536, or text such as "32M"';
const share = 'a number above 0 and at most 1';
const turn = 'a whole number of milliseconds from 1 on';

const serviceRestart = z.strictObject({
  restart: z
    .enum(['always', 'on-failure', 'never'], allowed('"always", "on-failure" or "never"'))
    .optional(),
  firstPause: natural.optional(),
  longestPause: natural.optional(),
  stableLife: natural.optional(),
  mostRestarts: natural.optional(),
  restartWindow: natural.optional(),
});

const placedService = z.strictObject({
  service: text('path of a module, or a package'),
  name: text('a name').optional(),
  placement: z.enum(['system', 'own'], allowed('"system" or "own"')).optional(),
  endpoints: list('names of services, "sockets" and "clock"').optional(),
  argument: z.json(allowed('what JSON can hold')).optional(),
  heapLimit: z
    .union(
      [whole(1, 65_536, heap), z.string(allowed(heap)).regex(memoryText, allowed(heap))],
      allowed(heap),
    )
    .optional(),
  cpuShare: z.number(allowed(share)).gt(0, allowed(share)).max(1, allowed(share)).optional(),
  turnLimit: z.int(allowed(turn)).min(1, allowed(turn)).optional(),
  restart: serviceRestart.optional(),
});

const services = z.array(
  z.union([text(service), placedService], allowed(service)),
  allowed(`a list of ${service}`),
);

const staticNetwork = z.strictObject({
  addresses: list('addresses with a prefix length, such as "192.168.1.5/24"').min(
    1,
    allowed('at least one address with its prefix length, such as "192.168.1.5/24"'),
  ),
  gateways: list('addresses of routers, such as "192.168.1.1"').optional(),
  nameServers: list('addresses of name servers, such as "192.168.1.1"').optional(),
  searchDomains: list('domains, such as "example.com"').optional(),
});

const screenText = 'true, false, or an object { displays, keyboards } with lists of drivers';
const screen = z.strictObject({
  displays: drivers('"@runtimejs/vga"').optional(),
  keyboards: drivers('"@runtimejs/ps2"').optional(),
});

const network =
  '"dhcp", "none", or an object { addresses, gateways, nameServers, searchDomains } for a static address';

const config = z.strictObject(
  {
    name: z
      .string(allowed('text of letters, digits, ".", "_" and "-"'))
      .regex(/^[A-Za-z0-9][\w.-]{0,62}$/, allowed('up to 63 letters, digits, ".", "_" and "-"'))
      .optional(),
    entry: text('path of a module of the project, such as "src/main.ts"').optional(),
    arguments: z
      .array(
        z.string(allowed('text')).refine(hasNoNul, allowed('text without NUL')),
        allowed('a list of text'),
      )
      .optional(),
    environment: z
      .record(
        z.string().regex(/^[^=\0]+$/, allowed('names of variables without "="')),
        z.union(
          [
            z.string(allowed(variable)).refine(hasNoNul, allowed(variable)),
            z.number(),
            z.boolean(),
          ],
          allowed(variable),
        ),
        allowed('an object of variables, such as { LOG_LEVEL: "info" }'),
      )
      .optional(),
    environmentFile: z
      .union(
        [z.string().min(1), z.literal(false)],
        allowed('path of a file such as ".env", or false'),
      )
      .optional(),
    nodeOptions: list('options of Node, such as "--max-old-space-size=128"').optional(),
    memory: z
      .union(
        [whole(64, 2 ** 20, memory), z.string(allowed(memory)).regex(memoryText, allowed(memory))],
        allowed(memory),
      )
      .optional(),
    cpus: whole(1, 255, processors).optional(),
    ports: z
      .array(
        z.union(
          [whole(1, 65_535, port), z.string(allowed(port)).regex(portText, allowed(port))],
          allowed(port),
        ),
        allowed(`a list; each entry is ${port}`),
      )
      .optional(),
    network: z
      .union([z.literal('dhcp'), z.literal('none'), z.looseObject({})], allowed(network))
      .optional(),
    networkDrivers: drivers('"@runtimejs/virtio-net"').optional(),
    terminalDrivers: drivers('"@runtimejs/uart"').optional(),
    screen: z.union([z.boolean(), screen], allowed(screenText)).optional(),
    drivers: drivers('"@runtimejs/virtio-rng" or "./src/driver.ts"').optional(),
    services: services.optional(),
    endpoints: list('names of services').optional(),
    system: text('path of a module of the project, such as "src/system.ts"').optional(),
    assets: list('paths and patterns below the project, such as "public/**"').optional(),
    files: z
      .record(
        z
          .string()
          .regex(/^\/[^\0]+$/, allowed('absolute paths in the image, such as "/etc/app.json"')),
        text('path of a file of this machine'),
        allowed('an object { "/path/in/image": "file of this machine" }'),
      )
      .optional(),
    volumes: z.array(z.string()).optional(),
    metadata: z
      .enum(
        ['none', ...metadataServices],
        allowed(`one of ${['none', ...metadataServices].map((name) => `"${name}"`).join(', ')}`),
      )
      .optional(),
    warm: z.boolean(allowed('true or false')).optional(),
    restart: z
      .enum(['never', 'on-failure', 'always'], allowed('"never", "on-failure" or "always"'))
      .optional(),
    shutdown: whole(0, 86_400, seconds).optional(),
    kernelOptions: list('options of the kernel, such as "log=debug"').optional(),
    qemu: list('arguments of QEMU, one word each, such as ["-device", "edu"]').optional(),
    tests: list('paths and patterns of test files, such as "test/**/*.test.ts"').optional(),
    output: text('path of a folder, such as "dist"').optional(),
  },
  allowed('an object, as defineConfig({ ... }) takes it'),
);

/**
 * Checks what a config file exports.
 * @param value what it exports
 * @param file its name, for messages
 * @returns the same, typed
 * @throws ToolError that names each wrong key and value, and what is allowed
 */
export function checkConfig(value: unknown, file: string): RuntimeConfig {
  const result = config.safeParse(value);
  const problems = result.success ? [] : result.error.issues.map((issue) => describe(issue, value));
  const staticPart = (value as { network?: unknown } | undefined)?.network;
  if (typeof staticPart === 'object' && staticPart !== null && !Array.isArray(staticPart)) {
    const checked = staticNetwork.safeParse(staticPart);
    for (const issue of checked.error?.issues ?? []) {
      problems.push(describe({ ...issue, path: ['network', ...issue.path] }, value));
    }
  }
  if (problems.length > 0) {
    throw new ToolError(`${file} is not right:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
  const checked = value as RuntimeConfig;
  if ((checked.volumes ?? []).length > 0) throw new ToolError(`${file}: ${noVolumes}`);
  return checked;
}

/** Why there are no volumes. */
export const noVolumes =
  'volumes are not possible yet, because there is no driver for disks. Bake files into the image with ' +
  '"assets" or "files", or keep data in a service that the app reaches over the network.';

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, whole: unknown): string {
  const place = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const keys = Object.keys(schemaAt(place).shape);
    return issue.keys
      .map((key) => {
        const near = nearest(key, keys);
        const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
        return `${[...place, key].join('.')}: there is no such key.${hint} Allowed: ${keys.join(', ')}.`;
      })
      .join('\n  ');
  }
  const name = place
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : `${index === 0 ? '' : '.'}${part}`))
    .join('');
  let value = whole;
  for (const part of issue.path) value = (value as Record<PropertyKey, unknown>)?.[part];
  const message = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message;
  const shown = issue.code === 'invalid_key' ? '' : ` ${show(value)} is not possible.`;
  return `${name === '' ? 'config' : name}:${shown} Allowed: ${message}.`;
}

/** The object that a key is of. */
function schemaAt(place: readonly string[]): z.ZodObject {
  if (place[0] === 'network') return staticNetwork;
  if (place[0] === 'screen') return screen;
  if (place[0] !== 'services') return config;
  return place.includes('restart') ? serviceRestart : placedService;
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}

/** The name that was probably meant, if any is near enough. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((candidate) => ({
      candidate,
      distance: leven(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, name.length / 3)
    ? best.candidate
    : undefined;
}
