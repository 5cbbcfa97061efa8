// `npm create runtime-app`: asks what is not said on the command line, and writes the app.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import * as prompts from '@clack/prompts';
import { Command, InvalidArgumentError, Option } from 'commander';
import colors from 'picocolors';
import packageJson from '../package.json' with { type: 'json' };
import { obstacles, type TemplateName, templates, writeTemplate } from './templates.ts';

const packageManagers = ['npm', 'pnpm', 'yarn', 'bun'] as const;
type PackageManager = (typeof packageManagers)[number];
const defaultFolder = 'my-app';
const run = promisify(execFile);

/** Ends with a message instead of a stack trace. */
class CreateError extends Error {}

interface CreateOptions {
  readonly template?: TemplateName;
  readonly packageManager?: PackageManager;
  readonly git?: boolean;
  readonly install?: boolean;
  readonly yes?: boolean;
}

interface Answers {
  readonly folder: string;
  readonly template: TemplateName;
  readonly packageManager: PackageManager;
  readonly git: boolean;
  readonly install: boolean;
}

/**
 * Makes the name of a package from that of a folder.
 * @throws CreateError when nothing of it can be in the name of a package
 */
export function packageName(folder: string): string {
  const name = path
    .basename(path.resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9._~-]+/g, '-')
    .replaceAll(/^[._-]+|-+$/g, '');
  if (name === '') {
    throw new CreateError(
      `"${folder}" holds nothing that can be in the name of a package. Name it otherwise.`,
    );
  }
  return name.slice(0, 214);
}

/** The package manager that runs this, as it says itself; npm when nothing does. */
function runningPackageManager(): PackageManager {
  const agent = process.env.npm_config_user_agent?.split('/')[0];
  return packageManagers.find((name) => name === agent) ?? 'npm';
}

/** Says what keeps a folder from becoming an app, undefined when nothing does. */
function obstacleOf(folder: string): string | undefined {
  let names: string[];
  try {
    packageName(folder);
    names = obstacles(path.resolve(folder));
  } catch (error) {
    if (error instanceof CreateError) return error.message;
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR'
      ? `${folder} is a file. Name a folder that is not there yet.`
      : `${folder} cannot be read (${code}). Name another folder.`;
  }
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ', ...' : '');
  return `${folder} is not empty: it holds ${shown}. Nothing was written. Name a folder that is not there yet, or empty this one.`;
}

function refuseObstacle(folder: string): void {
  const obstacle = obstacleOf(folder);
  if (obstacle !== undefined) throw new CreateError(obstacle);
}

/** Asks for what the command line leaves open. */
async function ask(folder: string | undefined, options: CreateOptions): Promise<Answers> {
  const isQuiet = options.yes === true || !process.stdin.isTTY || !process.stdout.isTTY;
  const defaults: Answers = {
    folder: folder ?? defaultFolder,
    template: options.template ?? 'http',
    packageManager: options.packageManager ?? runningPackageManager(),
    git: options.git ?? true,
    install: options.install ?? false,
  };
  if (isQuiet) return defaults;
  prompts.intro('A new app for Runtime.JS');
  const answers = {
    folder:
      folder ??
      (await answer(
        prompts.text({
          message: 'Its folder?',
          placeholder: defaultFolder,
          defaultValue: defaultFolder,
          validate: (text) => obstacleOf(text || defaultFolder),
        }),
      )),
    template:
      options.template ??
      (await answer(
        prompts.select({
          message: 'What does it start from?',
          options: templates.map(({ name, hint }) => ({
            value: name as TemplateName,
            label: name,
            hint,
          })),
        }),
      )),
    packageManager:
      options.packageManager ??
      (await answer(
        prompts.select({
          message: 'Which package manager?',
          initialValue: defaults.packageManager,
          options: packageManagers.map((name) => ({ value: name as PackageManager, label: name })),
        }),
      )),
    git: options.git ?? (await answer(prompts.confirm({ message: 'Make a git repository?' }))),
    install:
      options.install ?? (await answer(prompts.confirm({ message: 'Install its packages now?' }))),
  };
  return answers;
}

async function answer<Value>(question: Promise<Value>): Promise<Exclude<Value, symbol>> {
  const value = await question;
  if (prompts.isCancel(value)) throw new CreateError('Cancelled. Nothing was written.');
  return value as Exclude<Value, symbol>;
}

/** Makes a repository, unless there is one or no git. @returns what to tell about it */
async function makeRepository(target: string): Promise<string | undefined> {
  for (let at = target; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return undefined;
    if (path.dirname(at) === at) break;
  }
  try {
    await run('git', ['init', '--quiet'], { cwd: target });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'There is no git here, so no repository was made.'
      : `git made no repository: ${(error as Error).message.trim()}`;
  }
}

async function create(folder: string | undefined, options: CreateOptions): Promise<void> {
  if (folder !== undefined) refuseObstacle(folder);
  const answers = await ask(folder, options);
  refuseObstacle(answers.folder);
  const target = path.resolve(answers.folder);
  const name = packageName(target);
  await writeTemplate(answers.template, target, name);
  if (answers.git) {
    const note = await makeRepository(target);
    if (note !== undefined) console.error(note);
  }
  const { packageManager } = answers;
  if (answers.install) await install(packageManager, target);

  const shown = path.relative(process.cwd(), target);
  console.log(
    `\n${colors.green('✔')} ${name} is in ${shown === '' ? 'this folder' : shown}. Next:\n`,
  );
  const steps = [
    ...(shown === '' ? [] : [`cd ${/\s/.test(shown) ? JSON.stringify(shown) : shown}`]),
    ...(answers.install ? [] : [`${packageManager} install`]),
    packageManager === 'npm' ? 'npm run dev' : `${packageManager} dev`,
  ];
  for (const step of steps) console.log(`  ${colors.cyan(step)}`);
  console.log('\nIt needs QEMU on this machine: `npx runtime doctor` says what is missing.');
}

async function install(packageManager: PackageManager, target: string): Promise<void> {
  console.log(`Installing packages with ${packageManager} ...`);
  try {
    // Below `npm --silent` it would not say why it fails.
    const env = { ...process.env, npm_config_loglevel: 'error' };
    await run(packageManager, ['install'], { cwd: target, env, maxBuffer: 64 << 20 });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    const isAbsent = code === 'ENOENT';
    const isOffline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(stderr ?? '');
    const why = isAbsent
      ? `there is no ${packageManager} here`
      : isOffline
        ? 'the registry cannot be reached. Look at the network, and at `npm config get registry`'
        : stderr?.trim() || String(error);
    throw new CreateError(
      `The app is written, but its packages are not installed: ${why}.\nLater, in ${target}: ${packageManager} install`,
    );
  }
}

/** @throws InvalidArgumentError for a name that is none */
function parseFolder(text: string): string {
  if (text.trim() === '' || text.includes('\0')) throw new InvalidArgumentError('Name a folder.');
  return text;
}

/**
 * Runs the command.
 * @param words of the command line
 * @returns exit code
 */
export async function main(words: readonly string[]): Promise<number> {
  const program = new Command()
    .name('create-runtime-app')
    .description(packageJson.description)
    .version(packageJson.version)
    .argument('[folder]', 'where the app goes; its name is that of its package', parseFolder)
    .addOption(
      new Option('-t, --template <name>', 'what it starts from').choices(
        templates.map(({ name }) => name),
      ),
    )
    .addOption(
      new Option('--package-manager <name>', 'for the instructions, and --install').choices(
        packageManagers,
      ),
    )
    .option('--git', 'make a git repository (default)')
    .option('--no-git', 'make no git repository')
    .option('--install', 'install its packages')
    .option('--no-install', 'leave that for later')
    .option('-y, --yes', 'ask nothing, take the defaults')
    .showHelpAfterError('Run it with --help to see what there is.')
    .addHelpText(
      'after',
      [
        '',
        'Templates:',
        ...templates.map(({ name, hint }) => `  ${name.padEnd(10)} ${hint}`),
        '',
        'Examples:',
        '  npm create runtime-app',
        '  npm create runtime-app my-app -- --template fastify --yes',
      ].join('\n'),
    )
    .action(create);
  try {
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (error) {
    const { code, path: file } = error as NodeJS.ErrnoException;
    if (!(error instanceof CreateError) && code === undefined) throw error;
    const text =
      code === 'ENOSPC'
        ? `${file ?? 'The disk'}: the disk is full. Free some room, remove what was written, and try again.`
        : (error as Error).message;
    console.error(`${colors.red('error:')} ${text}`);
    return 1;
  }
}
