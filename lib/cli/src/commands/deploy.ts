import { readFileSync } from 'node:fs';
import path from 'node:path';
import { prepareDeployment, runDeployment } from '@runtimejs/deploy/index.ts';
import { checkRequest, type DeployRequest } from '@runtimejs/deploy/plan.ts';
import { findTarget, targets } from '@runtimejs/deploy/targets.ts';
import { type Command, InvalidArgumentError } from 'commander';
import { buildApp } from '../app/build-app.ts';
import { frameCache, imageSource } from '../app/image-source.ts';
import { displayPath, isBareApp } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { loadApp } from '../config/load.ts';
import { parseMegabytes, parseProcessors } from '../options.ts';
import { step } from '../progress.ts';

interface DeployOptions {
  readonly app: string;
  readonly name?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly memory?: number;
  readonly cpus?: number;
  readonly replicas: number;
  readonly output?: string;
  readonly compress?: boolean;
  readonly run?: boolean;
  readonly json?: boolean;
}

/** Collects NAME=value pairs of an option that may be given several times. */
function collectPairs(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be of the form NAME=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function parseReplicas(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 1000.');
  }
  return value;
}

function targetHelp(): string {
  const lines = targets.flatMap(({ name, title, settings }) => [
    `  ${name.padEnd(14)}${title}`,
    ...settings.map(({ name: key, description, default: value }) => {
      const ending = value === undefined ? 'has to be given' : `default: ${value}`;
      return `      --set ${key}=...  ${description} (${ending})`;
    }),
  ]);
  return ['', 'Targets and their settings:', ...lines].join('\n');
}

/** `runtime deploy TARGET`. */
export function register(program: Command): void {
  program
    .command('deploy')
    .description('make the image, the definition and the script that bring the app to a target')
    .argument('<target>', targets.map(({ name }) => name).join(', '))
    .option('--run', "run the script, which calls the provider's own tool")
    .option('--set <name=value>', 'a setting of the target; repeatable', collectPairs)
    .option('--env <NAME=value>', 'a variable of this deployment; repeatable', collectPairs)
    .option('--name <name>', 'name of the machine (default: that of the app)')
    .option('-m, --memory <MiB>', 'memory of the machine (default: the config)', parseMegabytes)
    .option('-c, --cpus <number>', 'processors (default: the config)', parseProcessors)
    .option('--replicas <number>', 'how many machines', parseReplicas, 1)
    .option('--compress', 'compress as hard as possible: takes a minute the first time')
    .option(
      '-o, --output <folder>',
      'where the files go (default: deploy/TARGET beside the images)',
    )
    .option('--json', 'print what was made as JSON')
    .option('--app <folder>', 'the app, or its entry module', '.')
    .addHelpText('after', targetHelp)
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  runtime deploy libvirt --run --env GREETING=hello',
        '  runtime deploy kubevirt --set image=registry.example/team/app:1 --replicas 3',
      ].join('\n'),
    )
    .action(deploy);
}

async function deploy(name: string, options: DeployOptions): Promise<void> {
  const target = findTarget(name);
  const app = await loadApp(options.app, { command: 'deploy' });
  const request: DeployRequest = {
    name: options.name ?? machineName(app.name),
    memory: options.memory ?? app.memoryMegabytes,
    cpus: options.cpus ?? app.cpus,
    replicas: options.replicas,
    ports: app.ports.map(({ guest, protocol }) => ({ port: guest, protocol })),
    environment: options.env ?? {},
    settings: options.set ?? {},
  };
  checkRequest(target, request);
  const folder = path.resolve(options.output ?? path.join(app.output, 'deploy', target.name));
  const variables = Object.keys(request.environment);
  if (target.metadata !== undefined && variables.length > 0 && isBareApp(app.project)) {
    throw new ToolError(
      `An app without Node does not ask ${target.title} for variables. Put ${variables.join(', ')} into the config instead.`,
    );
  }
  const built = await buildApp(app, { metadata: target.metadata });
  const deployment = await step(`Making the image for ${target.title}`, (report) =>
    prepareDeployment(target, request, imageSource(built), {
      folder,
      cacheFolder: frameCache,
      ...(options.compress ? { compress: true } : {}),
      onProgress: (done) => report.detail(`compressing, ${Math.round(100 * done)} %`),
    }),
  );
  if (options.json) {
    const { artefact, script, files, plan } = deployment;
    console.log(JSON.stringify({ artefact, script, files, notes: plan.notes }, null, 2));
  } else if (!options.run) {
    console.log(readFileSync(deployment.script, 'utf8'));
  }
  if (options.run) await runDeployment(deployment);
  if (options.json) return;
  for (const note of deployment.plan.notes) console.log(note);
  if (!options.run)
    console.log(`Run it with --run, or by hand: sh ${displayPath(deployment.script)}`);
}

/** A name of a package as one of a machine. */
function machineName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^@[^/]*\//, '')
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 50);
}
