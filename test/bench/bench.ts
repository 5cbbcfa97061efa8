// Measures our system beside its peers: `npm run bench` (as root: most parts need TAP devices in network namespaces).
// docs/benchmarks.md says what each measure means, and how to read the ratios.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildRuntime } from '../../lib/cli/src/build.ts';
import { runCommand } from '../../lib/cli/src/command.ts';
import { detectAccelerator } from '../../lib/cli/src/machine.ts';
import { nodeBinary, repository } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { benchCommand, type Settings } from './options.ts';
import type { Bench, Part } from './parts/part.ts';
import { fetchKernel } from './peer/kernel.ts';
import { fetchSlimKernel } from './peer/slim-kernel.ts';
import { renderPage } from './report/page.ts';
import { type Report, renderFacts, renderTables } from './report/report.ts';
import { describeHost, load } from './support/host.ts';
import { runProgram } from './support/program.ts';
import { Recorder } from './support/recorder.ts';
import { removeStages, type SystemName } from './support/subjects.ts';

/** Version and commit of this repository, for the record; a `+` says that files differ from it. */
async function describeVersion(): Promise<string> {
  const options = ['--always', '--dirty=+', '--abbrev=10', '--exclude=*'];
  const words = ['-C', repository, 'describe', ...options];
  const commit = await runCommand('git', words).catch(() => 'unknown');
  return `Runtime.JS ${packageJson.version}, repository at ${commit.trim()}`;
}

/** Makes a peer ready, and says what it is made of. */
async function prepareSystem(system: SystemName, settings: Settings): Promise<string> {
  switch (system) {
    case 'ours':
    case 'bare':
    case 'warm':
    case 'warm-bare':
    case 'shared':
    case 'warm-shared':
    case 'warm-bare-shared':
      return describeVersion();
    case 'other':
      return settings.bench.against ?? '';
    case 'slim': {
      const { source } = await step("The slim peer's kernel", fetchSlimKernel);
      return `${source}, tinyconfig and peer/slim.config; root on ext4 on virtio-blk, read only`;
    }
    case 'cloud': {
      const { package: name, version } = await step("Fetching Debian's kernel", fetchKernel);
      return `${name} ${version}; all files in an initramfs`;
    }
    case 'host':
      return 'Node without a virtual machine, on as many processors, over loopback';
  }
}

/** Runs a part; what goes wrong in it is told in the report, and the others go on. */
async function runPart(part: Part, settings: Settings, recorder: Recorder): Promise<string | null> {
  const systems = settings.systems.filter((system) => !part.without.includes(system));
  const bench: Bench = { options: settings.bench, systems, recorder };
  try {
    await part.run(bench);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

async function writeReport(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, content);
}

/** Does what is to be done when the run is ended early, and ends; the machines end with this process. */
function onSignal(work: (signal: string) => Promise<void>): void {
  // As shells have it: 128 + the signal's number.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void work(signal).finally(() => process.exit(code)));
  }
}

async function main(settings: Settings): Promise<void> {
  if (settings.build) await buildRuntime();
  const start = performance.now();
  const date = new Date().toISOString();
  const systems: Partial<Record<SystemName, string>> = {};
  for (const system of settings.systems) systems[system] = await prepareSystem(system, settings);
  const before = load();
  const recorder = new Recorder();
  const failures: { part: string; reason: string }[] = [];
  const finish = async (): Promise<Report> => ({
    date,
    seconds: (performance.now() - start) / 1000,
    host: await describeHost(),
    accelerator: await detectAccelerator(),
    node: (await runCommand(nodeBinary, ['--version'])).trim(),
    version: await describeVersion(),
    systems,
    options: settings.bench,
    load: { before, after: load() },
    rows: recorder.rows(),
    failures,
  });
  let running = '';
  /** Shows what a part has found, and writes all that was found so far. */
  const show = async () => {
    const report = await finish();
    const rows = report.rows.filter(({ measure }) => measure.part === running);
    console.log(`\n${renderTables(rows)}`);
    await writeReport(settings.json, `${JSON.stringify(report, null, 2)}\n`);
    await writeReport(settings.html, await renderPage(report));
  };
  onSignal(async (signal) => {
    failures.push({ part: running, reason: `The run was ended by ${signal}.` });
    await show();
    await removeStages();
  });
  for (const part of settings.parts) {
    running = part.name;
    console.error(`\n${part.name}: ${part.description}`);
    const reason = await runPart(part, settings, recorder);
    if (reason !== null) {
      failures.push({ part: part.name, reason });
      console.error(`${part.name} failed: ${reason}`);
    }
    await show();
  }
  console.log(`\n${renderFacts(await finish())}`);
  console.log(`\n${settings.json}\n${settings.html}`);
  if (failures.length > 0) process.exitCode = 1;
}

await runProgram(benchCommand(main));
