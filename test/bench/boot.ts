// How quickly an app starts on our kernel, and on Linux in the same machine: `npm run bench:boot`.
//
// The peer is Debian's cloud kernel with an initramfs that holds the same stripped Node, the same
// libraries and the same bundled app; its init runs nothing else (peer/init.c). Both boot in the same
// virtual machine, in turns, so that other load meets both alike.
import { copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { buildInitrd } from '../../lib/cli/src/bundle.ts';
import { runCommand, ToolError } from '../../lib/cli/src/command.ts';
import { detectAccelerator, machineArguments } from '../../lib/cli/src/machine.ts';
import {
  buildFolder,
  initrdImage,
  nodeBinary,
  repository,
  runtimeImage,
} from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { type Compression, type Initramfs, makeInitramfs } from './peer/initramfs.ts';
import { type DebianKernel, fetchKernel } from './peer/kernel.ts';
import { describeHost, load } from './support/host.ts';
import {
  type Bench,
  type Boot,
  measureBoot,
  measureGoodBoot,
  reportedSuccess,
  type System,
} from './support/measure.ts';
import { smallestMemory } from './support/memory.ts';
import { parseWhole, runProgram } from './support/program.ts';
import { type BootReport, renderReport, type SystemReport } from './support/report.ts';
import { summarise } from './support/statistics.ts';

const benchFolder = path.join(buildFolder, 'bench');
const memoryMegabytes = 512;

/**
 * The peer's command line. After `console=ttyS0 quiet`, each word makes this peer faster or smaller:
 * - panic=-1: a panic ends QEMU (-no-reboot) at once, which the search for the least memory needs.
 * - rootfstype=ramfs: the initramfs may fill all memory; a tmpfs would stop at half of it.
 * - cryptomgr.notests: no self-tests of cryptographic algorithms that Node does not use (0.2 s).
 * - mitigations=off, lsm=, audit=0: one program that trusts itself needs none of them.
 * - tsc=reliable no_timer_check: no tests of clocks that the virtual machine guarantees.
 * Address space randomisation stays on, as ours does. The kernel is the file as packaged; unpacking
 * it on the host beforehand and starting it through PVH would save about another 0.2 s under TCG.
 */
const peerCommandLine =
  'console=ttyS0 quiet panic=-1 rootfstype=ramfs cryptomgr.notests mitigations=off lsm= audit=0 ' +
  'tsc=reliable no_timer_check';

/** The peer's kernel, and how it is started. */
interface PeerKernel extends DebianKernel {
  readonly commandLine: string;
}

async function size(file: string): Promise<number> {
  return (await stat(file)).size;
}

/**
 * Prepares our side. The image is copied: a build meanwhile must not change what is measured.
 * @throws ToolError when the image is not built
 */
async function prepareOurs(): Promise<System> {
  const runtime = path.join(benchFolder, 'runtime');
  const initrd = path.join(benchFolder, 'initrd');
  await mkdir(benchFolder, { recursive: true });
  await copyFile(runtimeImage, runtime).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new ToolError(`${runtimeImage} is not there. Run \`npm run build\` first.`);
  });
  const system = path.join(benchFolder, 'system.js');
  await bundleSystem(system);
  const entry = path.join(import.meta.dirname, 'apps/hello.mjs');
  await buildInitrd({ entry, outFile: initrd, system });
  return {
    name: 'Runtime.JS',
    machine: { runtime, initrd, memoryMegabytes },
    endedWell: reportedSuccess,
  };
}

function peerSystem(kernel: PeerKernel, initramfs: Initramfs): System {
  const machine = { runtime: kernel.file, initrd: initramfs.file, append: kernel.commandLine };
  return {
    name: "Debian's cloud kernel",
    machine: { ...machine, memoryMegabytes },
    endedWell: (output) => output.includes('init: Node ended with code 0'),
  };
}

/**
 * Boots the peer with each form of its initramfs, in turns, after a warm-up.
 * @returns the least time to the first line, in ms, of two boots of each
 */
async function comparePeerForms(
  bench: Bench,
  kernel: PeerKernel,
  forms: readonly Initramfs[],
): Promise<Record<Compression, number>> {
  const times: Record<Compression, number> = { none: Infinity, gzip: Infinity };
  for (const form of forms) await measureGoodBoot(bench, peerSystem(kernel, form));
  for (const form of [...forms, ...forms]) {
    const { firstLine } = await measureGoodBoot(bench, peerSystem(kernel, form));
    times[form.compression] = Math.min(times[form.compression], firstLine);
  }
  return times;
}

/** A boot of each system, one right after the other. */
interface Round {
  readonly ours: Boot & { readonly firstLine: number };
  readonly peer: Boot & { readonly firstLine: number };
}

/** Boots both systems in turns, after a warm-up of each that does not count. */
async function runRounds(
  bench: Bench,
  ours: System,
  peer: System,
  count: number,
  onRound: (round: number) => void,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let index = 0; index <= count; index++) {
    onRound(index);
    rounds.push({
      ours: await measureGoodBoot(bench, ours),
      peer: await measureGoodBoot(bench, peer),
    });
  }
  return rounds.slice(1);
}

/** Kernel entry to Node's first instruction, in microseconds, as the kernel logs it. */
async function measureFirstInstruction(bench: Bench, ours: System, count: number) {
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const { output } = await measureGoodBoot(bench, ours, { append: 'log=info' });
    const match = /first instruction after (\d+) us/.exec(output);
    if (!match) {
      throw new ToolError(
        `The kernel's log lacks "first instruction after N us" (native/kernel/boot):\n${output}`,
      );
    }
    samples.push(Number(match[1]));
  }
  return summarise(samples);
}

async function searchMemory(
  bench: Bench,
  ours: System,
  kernel: PeerKernel,
  forms: readonly Initramfs[],
): Promise<NonNullable<BootReport['memory']>> {
  return step('Searching the smallest memory', async (report) => {
    const search = (system: System, label: string) =>
      smallestMemory(async (megabytes) => {
        report.detail(`${label}, ${megabytes} MiB`);
        return (await measureBoot(bench, system, { memoryMegabytes: megabytes })).complete;
      }, memoryMegabytes);
    const found = await search(ours, 'ours');
    const peer = [];
    for (const form of forms) {
      const result = await search(peerSystem(kernel, form), `peer, ${form.compression}`);
      peer.push({ compression: form.compression, ...result });
    }
    return { ours: found, peer };
  });
}

async function summariseSystem(
  system: System,
  version: string,
  boots: readonly (Boot & { firstLine: number })[],
): Promise<SystemReport> {
  const { runtime, initrd, append } = system.machine;
  return {
    name: system.name,
    version,
    commandLine: append ?? '',
    firstLine: summarise(boots.map(({ firstLine }) => firstLine)),
    processorTime: summarise(boots.map(({ processorTime }) => processorTime ?? Number.NaN)),
    end: summarise(boots.map(({ end }) => end)),
    kernelBytes: await size(runtime!),
    initrdBytes: await size(initrd!),
  };
}

/** Commit of this repository, for the record; a `+` says that files differ from it. */
async function commit(): Promise<string> {
  const options = ['--always', '--dirty=+', '--abbrev=10', '--exclude=*'];
  return runCommand('git', ['-C', repository, 'describe', ...options]).catch(() => 'unknown');
}

interface Options {
  readonly rounds: number;
  readonly memory: boolean;
  readonly peerAppend: string;
}

async function main(options: Options): Promise<void> {
  const date = new Date().toISOString();
  const accelerator = await detectAccelerator();
  const host = await describeHost();
  const debianKernel = await step("Fetching Debian's cloud kernel", fetchKernel);
  const kernel: PeerKernel = { ...debianKernel, commandLine: options.peerAppend };
  const { ours, forms } = await step('Preparing both systems', async () => {
    const ours = await prepareOurs();
    const { runtime, initrd } = ours.machine;
    return { ours, forms: await makeInitramfs(runtime!, initrd!, benchFolder) };
  });

  const temporary = await mkdtemp(path.join(tmpdir(), 'runtimejs-bench-'));
  try {
    const bench: Bench = { accelerator, statusFile: path.join(temporary, 'status') };
    const peerForms = await step("Choosing the peer's initramfs", () =>
      comparePeerForms(bench, kernel, forms),
    );
    const form = forms.reduce((best, next) =>
      peerForms[next.compression] < peerForms[best.compression] ? next : best,
    );
    const peer = peerSystem(kernel, form);

    const before = load();
    const rounds = await step(`Booting both, ${options.rounds} rounds`, (report) =>
      runRounds(bench, ours, peer, options.rounds, (round) =>
        report.detail(round === 0 ? 'warming up' : `round ${round}`),
      ),
    );
    const after = load();
    const firstInstruction = await step('Measuring the kernel alone', () =>
      measureFirstInstruction(bench, ours, options.rounds),
    );
    const memory = options.memory ? await searchMemory(bench, ours, kernel, forms) : undefined;

    const node = (await runCommand(nodeBinary, ['--version'])).trim();
    const ratio = (of: (boot: Boot) => number | undefined) =>
      summarise(rounds.map((round) => (of(round.ours) ?? NaN) / (of(round.peer) ?? NaN)));
    const report: BootReport = {
      date,
      host,
      accelerator,
      arguments: machineArguments(ours.machine, accelerator, 'STATUS'),
      node,
      rounds: options.rounds,
      load: { before, after },
      ours: await summariseSystem(
        ours,
        `Runtime.JS ${packageJson.version}, repository at ${(await commit()).trim()}`,
        rounds.map((round) => round.ours),
      ),
      peer: await summariseSystem(
        peer,
        `${kernel.package} ${kernel.version}, initramfs ${form.compression === 'none' ? 'not compressed' : form.compression}`,
        rounds.map((round) => round.peer),
      ),
      ratio: {
        firstLine: ratio(({ firstLine }) => firstLine),
        processorTime: ratio(({ processorTime }) => processorTime),
      },
      peerForms,
      firstInstruction,
      ...(memory ? { memory } : {}),
      distribution: {
        runtime: await size(ours.machine.runtime!),
        initrd: await size(initrdImage).catch(() => undefined),
      },
    };
    await writeFile(path.join(benchFolder, 'boot.json'), `${JSON.stringify(report, null, 2)}\n`);
    console.log(`\n${renderReport(report)}`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const program = new Command()
  .name('npm run bench:boot --')
  .description('measure how quickly and in how little memory an app starts, ours and Linux')
  .option('--rounds <number>', 'boots of each system', parseWhole, 9)
  .option('--no-memory', 'leave out the search for the smallest memory')
  .option('--peer-append <words>', "the peer's kernel command line", peerCommandLine)
  .action(main);

await runProgram(program);
