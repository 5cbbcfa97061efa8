// Deploys an app: makes the artefact, writes the definition and a script, and runs it when asked to.
import { constants } from 'node:fs';
import { access, type FileHandle, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  type ImageSource,
  prepareDisk,
  writeAll,
  writeArtefact,
  writeDisk,
} from '@runtimejs/image/index.ts';
import { execa } from 'execa';
import { containerDisk } from './container-disk.ts';
import {
  type Artefact,
  checkRequest,
  DeployError,
  type DeployRequest,
  type Plan,
  type Target,
} from './plan.ts';
import { diskContent, tar } from './tar.ts';

export { DeployError, type DeployRequest, type Plan, type Target } from './plan.ts';
export { findTarget, targets } from './targets.ts';

/** Name of the script beside the definitions. */
export const scriptName = 'deploy.sh';

/** How to make the artefact. */
export interface ArtefactOptions {
  /** Folder for artefact, definitions and script. */
  readonly folder: string;
  readonly compress?: boolean;
  /** Folder in which what is compressed is kept between builds. */
  readonly cacheFolder?: string;
  readonly onProgress?: (done: number) => void;
}

/** What was made. */
export interface Deployment {
  readonly plan: Plan;
  /** Path of the artefact. */
  readonly artefact: string;
  /** Path of the script. */
  readonly script: string;
  /** Paths of the definitions. */
  readonly files: readonly string[];
}

const gibibyte = 2 ** 30;

async function writeStream(
  file: FileHandle,
  content: Iterable<Uint8Array>,
  compress: boolean,
): Promise<void> {
  let position = 0;
  const write = async (pieces: AsyncIterable<Uint8Array>) => {
    for await (const piece of pieces) {
      await writeAll(file, piece, position);
      position += piece.length;
    }
  };
  const input = Readable.from(content, { objectMode: false });
  // Level 6, and no time or name in the header: the same content gives the same bytes.
  if (compress) await pipeline(input, createGzip({ level: 6 }), write);
  else await pipeline(input, write);
}

async function makeArtefact(
  artefact: Artefact,
  source: ImageSource,
  options: ArtefactOptions,
): Promise<string> {
  const output = path.join(options.folder, artefact.file);
  const wholeGibibytes = artefact.kind === 'disk-tar';
  const prepared = await prepareDisk(source, {
    format: 'raw',
    ...(wholeGibibytes ? { sizeBoundary: gibibyte } : {}),
    ...(options.compress === undefined ? {} : { compress: options.compress }),
    ...(options.cacheFolder === undefined ? {} : { cacheFolder: options.cacheFolder }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  switch (artefact.kind) {
    case 'disk':
      await writeDisk(prepared, artefact.format, output);
      break;
    case 'gzip':
      await writeArtefact(output, (file) => writeStream(file, diskContent(prepared.disk), true));
      break;
    case 'disk-tar': {
      const { disk } = prepared;
      const entry = { name: 'disk.raw', size: disk.size, content: diskContent(disk) };
      await writeArtefact(output, (file) => writeStream(file, tar([entry]), true));
      break;
    }
    case 'container-disk': {
      const disk = path.join(options.folder, 'disk.qcow2');
      await writeDisk(prepared, 'qcow2', disk);
      const archive = containerDisk(await readFile(disk), 'disk.qcow2', artefact.reference);
      await writeArtefact(output, (file) => writeStream(file, archive, false));
      break;
    }
  }
  return output;
}

/**
 * @param target where to
 * @param plan its plan
 * @returns the script that runs it, in the folder of the artefact
 */
export function scriptText(target: Target, { script }: Plan): string {
  return [
    '#!/bin/sh',
    `# Brings this folder's image to ${target.title}. Made by \`runtime deploy ${target.name}\`.`,
    'set -eu',
    'cd "$(dirname "$0")"',
    ...script,
    '',
  ].join('\n');
}

/**
 * Makes everything that a deployment needs, and runs nothing.
 * @param target where to
 * @param request what
 * @param source what the image is made from
 * @param options where the files go
 * @throws DeployError, WriteError with what to do
 */
export async function prepareDeployment(
  target: Target,
  request: DeployRequest,
  source: ImageSource,
  options: ArtefactOptions,
): Promise<Deployment> {
  const plan = target.plan(checkRequest(target, request));
  const artefact = await makeArtefact(plan.artefact, source, options);
  const files: string[] = [];
  for (const [name, content] of Object.entries(plan.files)) {
    const file = path.join(options.folder, name);
    await writeArtefact(file, (handle) => handle.writeFile(content));
    files.push(file);
  }
  const script = path.join(options.folder, scriptName);
  await writeArtefact(script, async (handle) => {
    await handle.writeFile(scriptText(target, plan));
    await handle.chmod(0o755);
  });
  return { plan, artefact, script, files };
}

async function isOnPath(program: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const found = await access(path.join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

/**
 * Runs a deployment's script on this terminal.
 * @param deployment made by prepareDeployment()
 * @throws DeployError when a tool is missing, or the script fails
 */
export async function runDeployment({ plan, script }: Deployment): Promise<void> {
  for (const { program, remedy } of plan.tools) {
    if (!(await isOnPath(program))) {
      throw new DeployError(
        `${program} is not installed (${remedy}). The files are ready; run ${script} once it is.`,
      );
    }
  }
  const { exitCode, signal } = await execa('sh', [script], { stdio: 'inherit', reject: false });
  if (exitCode === 0) return;
  throw new DeployError(
    `${script} failed (${signal ?? `exit code ${exitCode}`}); what the provider's tool says is above. ` +
      'Steps before that one have been done: see the script.',
  );
}
