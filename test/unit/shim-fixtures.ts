/**
 * Runs the stock node on this host, bare, under the shim, or under the shim with a fake kernel
 * underneath.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addonFile, kernelAddon } from '../../lib/cli/src/native.ts';
import { nodeBinary, preloadModule, shimLibrary } from '../../lib/cli/src/paths.ts';

const fakeKernel = path.join(path.dirname(shimLibrary), 'fake_kernel.so');

/** The addon as built. */
export const addon: string = addonFile(kernelAddon);

/** How a process ended, and what it said. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process gets. */
export interface Settings {
  readonly input?: string;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Is told the process's id. */
  readonly started?: (id: number) => void;
}

/** Under what node runs. */
export type Under =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'shim' }
  /** The shim, with a kernel interface made in user space. */
  | {
      readonly kind: 'kernel';
      /** File with the system bundle; without one there is no system isolate. */
      readonly system?: string;
      /** Version of the interface that the kernel claims. */
      readonly version?: number;
      /** File that the kernel log goes to. */
      readonly log: string;
      /** The log also tells of calls that leave no other trace, such as the end of a service. */
      readonly events?: boolean;
    };

function preloadEnvironment(under: Under): Record<string, string> {
  switch (under.kind) {
    case 'nothing':
      return {};
    case 'shim':
      return { LD_PRELOAD: shimLibrary };
    case 'kernel':
      return {
        LD_PRELOAD: `${fakeKernel} ${shimLibrary}`,
        FAKE_KERNEL_PRELOAD: preloadModule,
        FAKE_KERNEL_LOG: under.log,
        ...(under.events ? { FAKE_KERNEL_EVENTS: '1' } : {}),
        ...(under.system === undefined ? {} : { FAKE_KERNEL_SYSTEM_BUNDLE: under.system }),
        ...(under.version === undefined ? {} : { FAKE_KERNEL_VERSION: String(under.version) }),
      };
  }
}

/** The environment of this process without what a test runner adds for its own children. */
function plainEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', LANG: 'C.UTF-8' };
}

/**
 * Runs node to its end.
 * @param under what runs it
 * @param args its command line
 */
export function runNode(
  under: Under,
  args: readonly string[],
  settings: Settings = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeBinary, args, {
      cwd: settings.cwd,
      env: { ...plainEnvironment(), ...settings.environment, ...preloadEnvironment(under) },
      stdio: 'pipe',
    });
    if (child.pid !== undefined) settings.started?.(child.pid);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ stdout, stderr, code, signal }));
    child.stdin.on('error', () => {}); // a process that does not read its input may end before it is written
    child.stdin.end(settings.input ?? '');
  });
}

/** Makes a folder for one test, filled with files, and removes it afterwards. */
export async function withFiles<T>(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shim-test-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(path.join(folder, name), text);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An app that runs on until the kernel log holds a line, so that no test depends on speed. */
export function appThatAwaits(pattern: RegExp, then = 'clearInterval(timer)'): readonly string[] {
  const script = `const { readFileSync } = require('fs');
    const timer = setInterval(() => {
      if (${pattern}.test(readFileSync('kernel.log', 'utf8'))) { ${then} }
    }, 5);
    process.on('exit', () => console.log('app ends'));`;
  return ['-e', script];
}

/**
 * Runs a bare app on the fake kernel, with the host's time, until the test ends it.
 * @param files its scripts; `worker.js` is the app
 * @param watch looks at the process; its end is the app's
 * @returns what the kernel's log holds
 */
export async function watchWorker(
  files: Readonly<Record<string, string>> & { readonly 'worker.js': string },
  watch: (id: number, log: () => Promise<string>) => Promise<void>,
): Promise<string> {
  return withFiles({ ...files, 'kernel.log': '' }, async (folder) => {
    const log = path.join(folder, 'kernel.log');
    let id = 0;
    let hasEnded = false;
    const run = runNode({ kind: 'kernel', log }, [], {
      cwd: folder,
      environment: {
        FAKE_KERNEL_CLOCK: 'real',
        FAKE_KERNEL_WORKER_BUNDLE: path.join(folder, 'worker.js'),
      },
      started: (started) => {
        id = started;
      },
    });
    const ended = run.then(({ stderr, signal }) => {
      hasEnded = true;
      throw new Error(`the app has ended: ${signal} ${stderr}`);
    });
    try {
      await Promise.race([watch(id, () => readFile(log, 'utf8')), ended]);
    } finally {
      // Also when an assertion failed: nothing else ends it.
      if (!hasEnded) process.kill(id, 'SIGKILL');
      await run;
    }
    return readFile(log, 'utf8');
  });
}

/** The texts of one level's messages. */
export function messages(log: readonly LogMessage[], level: number): string[] {
  return log.filter((each) => each.level === level).map(({ text }) => text);
}

/** One message of the kernel log. */
export interface LogMessage {
  readonly level: number;
  readonly text: string;
}

/** An outcome together with the kernel log. */
export interface KernelOutcome extends Outcome {
  readonly log: readonly LogMessage[];
}

/**
 * Runs node under the shim with a fake kernel.
 * @param system text of the system bundle, if there is to be a system isolate
 */
export function runOnFakeKernel(
  args: readonly string[],
  options: {
    system?: string;
    files?: Readonly<Record<string, string>>;
    version?: number;
    events?: boolean;
    environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<KernelOutcome> {
  const { system, files = {}, version, events = false, environment = {} } = options;
  return withFiles(
    { ...files, ...(system === undefined ? {} : { 'system.js': system }) },
    (folder) =>
      runOnFakeKernelIn(folder, args, {
        ...(system === undefined ? {} : { system: path.join(folder, 'system.js') }),
        ...(version === undefined ? {} : { version }),
        events,
        environment,
      }),
  );
}

async function runOnFakeKernelIn(
  folder: string,
  args: readonly string[],
  {
    environment,
    ...options
  }: {
    system?: string;
    version?: number;
    events: boolean;
    environment: Readonly<Record<string, string>>;
  },
): Promise<KernelOutcome> {
  const log = path.join(folder, 'kernel.log');
  await writeFile(log, '');
  const under = { kind: 'kernel', log, ...options } as const;
  const outcome = await runNode(under, args, { cwd: folder, environment });
  const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '');
  return {
    ...outcome,
    log: lines.map((line) => ({
      level: Number(line.slice(0, 1)),
      text: line.slice(2).replaceAll('\\n', '\n'),
    })),
  };
}
