// What this machine brings along to build and boot images, and the commands that bring what it lacks.
import { existsSync } from 'node:fs';
import { access, constants, readFile, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { findPackage } from './config/load.ts';
import { findProgram, installCommand, installQemu } from './host.ts';
import { emulator, whyNoKvm } from './machine.ts';
import { cacheFolder } from './paths.ts';

/** Oldest QEMU that the tests run on. */
const oldestQemu = 7.2;
/** Node 26 needs this glibc. */
const oldestGlibc = 2.28;
/** A runtime in the cache, an image, and room to write it. */
const neededBytes = 1 << 30;

/** What was looked at. */
export interface Check {
  readonly name: string;
  /** `warning`: it works, but not as well as it could. */
  readonly state: 'good' | 'warning' | 'bad';
  /** What was found, as a sentence without its full stop. */
  readonly finding: string;
  /** A command or a sentence that mends it. */
  readonly remedy?: string;
}

/**
 * Looks at this machine.
 * @param root folder of the app
 * @returns what was found, in the order in which it is needed
 */
export async function checkHost(root: string): Promise<Check[]> {
  return Promise.all([
    checkPlatform(),
    checkGlibc(),
    checkLibatomic(),
    checkParts(root),
    checkQemu(),
    checkKvm(),
    checkMemory(),
    checkDisk(),
    checkGdb(),
  ]);
}

function checkPlatform(): Check {
  const finding = `${process.platform} ${process.arch}, Node ${process.versions.node}`;
  return { name: 'platform', state: 'good', finding };
}

function checkGlibc(): Check {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const version = header.glibcVersionRuntime;
  if (version !== undefined && isAtLeast(version, oldestGlibc)) {
    return { name: 'glibc', state: 'good', finding: version };
  }
  return {
    name: 'glibc',
    state: 'bad',
    finding: version ?? 'none (musl?)',
    remedy: `Node 26 needs glibc ${oldestGlibc} or newer: use a newer distribution, or a container of one`,
  };
}

function isAtLeast(version: string, least: number): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = String(least).split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function checkLibatomic(): Check {
  const folders = [
    '/lib64',
    '/usr/lib64',
    '/lib/x86_64-linux-gnu',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib',
  ];
  const folder = folders.find((name) => existsSync(path.join(name, 'libatomic.so.1')));
  if (folder !== undefined) return { name: 'libatomic', state: 'good', finding: `in ${folder}` };
  const command = installCommand('libatomic');
  return {
    name: 'libatomic',
    state: 'warning',
    finding: 'not on this machine; `runtime` brings its own, but `node` in npm scripts needs it',
    ...(command === undefined ? {} : { remedy: command }),
  };
}

async function checkParts(root: string): Promise<Check> {
  const name = '@runtimejs/runtime-linux-x64';
  const folder = findPackage(name, root);
  if (folder !== undefined) return { name: 'runtime', state: 'good', finding: `in ${folder}` };
  return {
    name: 'runtime',
    state: 'bad',
    finding: `${name} is not installed`,
    remedy: 'npm install',
  };
}

/** @returns QEMU's version, such as `7.2.22`; undefined when it is not there */
export async function qemuVersion(): Promise<string | undefined> {
  if (findProgram(emulator) === undefined) return undefined;
  const { stdout } = await execa(emulator, ['--version'], { reject: false, timeout: 10_000 });
  return /version (\d+\.\d+[.\d]*)/.exec(stdout ?? '')?.[1] ?? 'unknown';
}

async function checkQemu(): Promise<Check> {
  const version = await qemuVersion();
  if (version === undefined) {
    const remedy = installCommand('qemu') ?? installQemu();
    return { name: 'QEMU', state: 'bad', finding: `${emulator} is not installed`, remedy };
  }
  if (isAtLeast(version, oldestQemu)) return { name: 'QEMU', state: 'good', finding: version };
  return {
    name: 'QEMU',
    state: 'warning',
    finding: `${version}; tested are ${oldestQemu} and newer`,
    remedy: installCommand('qemu') ?? 'Update QEMU',
  };
}

async function checkKvm(): Promise<Check> {
  const obstacle = await whyNoKvm();
  if (obstacle === undefined) return { name: 'KVM', state: 'good', finding: 'works' };
  const isForbidden = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'EACCES',
  );
  return {
    name: 'KVM',
    state: 'warning',
    finding: `not used, so machines are several times slower: ${obstacle}`,
    ...(isForbidden ? { remedy: 'sudo usermod -aG kvm $USER, then log in again' } : {}),
  };
}

async function checkMemory(): Promise<Check> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = Number(/^MemAvailable:\s+(\d+)/m.exec(text)?.[1] ?? totalmem() / 1024);
  const finding = `${Math.round(kibibytes / 1024)} MiB available`;
  if (kibibytes >= 768 * 1024) return { name: 'memory', state: 'good', finding };
  const remedy = 'Give machines less: memory in runtime.config.ts, or --memory 128';
  return { name: 'memory', state: 'warning', finding, remedy };
}

async function checkDisk(): Promise<Check> {
  let folder = cacheFolder;
  while (!existsSync(folder)) folder = path.dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const finding = `${Math.round((bavail * bsize) / (1 << 20))} MiB free at ${folder}`;
  if (bavail * bsize >= neededBytes) return { name: 'disk', state: 'good', finding };
  const remedy = 'Free some room, or set XDG_CACHE_HOME to a folder on another disk';
  return { name: 'disk', state: 'warning', finding, remedy };
}

function checkGdb(): Check {
  const file = findProgram('gdb');
  if (file !== undefined) return { name: 'gdb', state: 'good', finding: file };
  const remedy = installCommand('gdb');
  return {
    name: 'gdb',
    state: 'warning',
    finding: 'not installed; only `runtime debug` needs it',
    ...(remedy === undefined ? {} : { remedy }),
  };
}
