// What a deployment consists of. A target turns a request into a plan and does nothing itself.
import { UserError } from '@runtimejs/base/errors.ts';

/** Thrown when a request cannot be fulfilled; the message says what to change. */
export class DeployError extends UserError {}

/** A port of the app. */
export interface DeployPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** What to deploy. */
export interface DeployRequest {
  /** Name of the machine: lower-case letters, digits and hyphens. */
  readonly name: string;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly replicas: number;
  readonly ports: readonly DeployPort[];
  /** Variables for this deployment alone; the others are in the image. */
  readonly environment: Readonly<Record<string, string>>;
  /** The target's own settings, such as a bucket. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A setting of a target. */
export interface Setting {
  readonly name: string;
  /** What it is, for --help. */
  readonly description: string;
  /** Taken when it is not given; a setting without one has to be given. */
  readonly default?: string;
  /** What it may be. */
  readonly pattern?: RegExp;
}

/** The file that is brought to the provider. */
export type Artefact =
  | { readonly kind: 'disk'; readonly format: 'raw' | 'qcow2' | 'vhd'; readonly file: string }
  /** A raw disk, compressed with gzip. */
  | { readonly kind: 'gzip'; readonly file: string }
  /** A gzipped tar with disk.raw of whole GiB. */
  | { readonly kind: 'disk-tar'; readonly file: string }
  /** A container image with the disk in /disk, as an OCI archive. */
  | { readonly kind: 'container-disk'; readonly file: string; readonly reference: string };

/** A program that the script calls. */
export interface RequiredTool {
  readonly program: string;
  /** How to get it. */
  readonly remedy: string;
}

/** Everything that a deployment needs. Files are relative to its folder. */
export interface Plan {
  readonly artefact: Artefact;
  /** Definitions, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Lines of a POSIX shell script that runs in the folder. */
  readonly script: readonly string[];
  readonly tools: readonly RequiredTool[];
  /** What the user should know: limits, what to look at. */
  readonly notes: readonly string[];
}

/** A place to deploy to. */
export interface Target {
  readonly name: string;
  readonly title: string;
  readonly settings: readonly Setting[];
  /** Whether variables can be given to each deployment. */
  readonly takesEnvironment: boolean;
  /** The metadata service that its machines are to ask for the variables, when that is how they get them. */
  readonly metadata?: 'openstack' | 'gce' | 'digitalocean' | 'hetzner';
  /** Whether it starts several machines of one definition. */
  readonly takesReplicas: boolean;
  plan(request: DeployRequest): Plan;
}

/**
 * Checks a request against a target, and fills in its settings' defaults.
 * @throws DeployError that names the setting, the value and what is allowed
 */
export function checkRequest(target: Target, request: DeployRequest): DeployRequest {
  if (!/^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$/.test(request.name)) {
    throw new DeployError(
      `"${request.name}" cannot be the name of a machine: it needs lower-case letters, digits and hyphens, ` +
        'a letter first, at most 50. Give another with --name.',
    );
  }
  if (!target.takesEnvironment && Object.keys(request.environment).length > 0) {
    throw new DeployError(
      `${target.title} has no way to give variables to one machine that Runtime.JS can read. Put ` +
        `${Object.keys(request.environment).join(', ')} into the config or the .env file instead.`,
    );
  }
  if (!target.takesReplicas && request.replicas !== 1) {
    throw new DeployError(
      `${target.title} starts one machine for each definition. Deploy again with another --name.`,
    );
  }
  const known = target.settings.map(({ name }) => name);
  for (const name of Object.keys(request.settings)) {
    if (!known.includes(name)) {
      throw new DeployError(
        `${target.title} has no setting "${name}". It has: ${known.join(', ') || 'none'}.`,
      );
    }
  }
  const settings: Record<string, string> = {};
  for (const setting of target.settings) {
    const value = request.settings[setting.name] ?? setting.default;
    if (value === undefined) {
      throw new DeployError(
        `${target.title} needs --set ${setting.name}=... (${setting.description}).`,
      );
    }
    if (setting.pattern && !setting.pattern.test(value)) {
      throw new DeployError(
        `"${value}" cannot be the ${setting.name} of ${target.title} (${setting.description}).`,
      );
    }
    settings[setting.name] = value;
  }
  return { ...request, settings };
}

/** @returns a setting's value, after checkRequest() */
export function setting(request: DeployRequest, name: string): string {
  const value = request.settings[name];
  if (value === undefined) throw new RangeError(`The target does not declare "${name}".`);
  return value;
}
