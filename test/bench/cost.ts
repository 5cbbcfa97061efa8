// What a request costs: `npm run bench:cost` (as root: the guests are on TAP devices in network namespaces)
// boots our system and Linux at the same time, warms both up, and loads them in alternating windows. It
// counts the guest's instructions and the time that the machines' processors ran, not the time that passed:
// on a busy host those hold where this says nothing.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { ToolError } from '../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder, inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { Namespace, site, whyNoNamespace } from '../guest/support/namespace.ts';
import { systemMachine } from '../guest/support/network.ts';
import { describeHost, load } from './support/host.ts';
import { InstructionCounter } from './support/instructions.ts';
import { listOf, parseWhole, runProgram, type SystemName, systemNames } from './support/program.ts';
import { type Summary, summarise } from './support/statistics.ts';
import { parseWrk } from './support/wrk.ts';

const benchFolder = path.join(buildFolder, 'bench');
const client = inRepository('test/bench/support/network-client.ts');
const machineLimit = 3_600_000;
/** Clock ticks of /proc/PID/stat in a second: USER_HZ of Linux on x86-64. */
const ticksPerSecond = 100;

interface Options {
  readonly windows: number;
  readonly processors: number;
  readonly connections: readonly number[];
  readonly warmUp: number;
  readonly seconds: number;
  readonly memory: number;
  readonly against?: string;
  readonly bare?: boolean;
}

/** A system that serves, and what it has cost. */
interface Subject {
  readonly name: SystemName;
  readonly space: Namespace;
  readonly machine: RunningMachine;
  readonly instructions: InstructionCounter;
}

/** Microseconds of processor time per request. */
interface Cost {
  /** Of the virtual processors. */
  readonly guest: number;
  /** Of the whole emulator: what its threads for devices do, too. */
  readonly all: number;
}

async function boot(name: SystemName, options: Options): Promise<Subject> {
  const { processors, memory, against, bare } = options;
  const isBare = bare === true && name === 'ours';
  const space = await Namespace.create();
  await space.startNameAndAddressServer();
  const machine = await systemMachine(
    {
      name: isBare ? 'bench-worker' : `bench-http-${name}`,
      entry: isBare ? '../bench/apps/worker/main.ts' : '../bench/apps/http.mjs',
      network: { tap: site.tap, mac: site.mac },
      linux: { address: site.guest, gateway: site.host, nameserver: site.host },
      launcher: space.launcher,
      memoryMegabytes: memory,
      processors,
    },
    name === 'peer' && against === undefined,
  );
  const instructions = await InstructionCounter.create(name);
  const waiting = space.start([nodeBinary, client, 'first', site.guest]);
  const running = await startMachine({
    ...machine,
    ...(name === 'peer' && against !== undefined ? { runtime: path.resolve(against) } : {}),
    extraArguments: [
      ...(machine.extraArguments ?? []),
      ...['-name', 'guest,debug-threads=on'],
      ...instructions.arguments,
    ],
    timeoutMilliseconds: machineLimit,
  });
  await waiting.printed(/^\d+(\.\d+)?$/m);
  return { name, space, machine: running, instructions };
}

/** Processor time of the emulator's threads, in microseconds. */
async function processorTime(pid: number): Promise<Cost> {
  let guest = 0;
  let all = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
    const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(stat) ?? [];
    const fields = rest.split(' ');
    const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0); // utime and stime, proc(5)
    all += ticks;
    if (/^CPU \d+\/(TCG|KVM)/.test(name)) guest += ticks;
  }
  const microseconds = 1e6 / ticksPerSecond;
  return { guest: guest * microseconds, all: all * microseconds };
}

async function loadWindow(
  { space, machine, instructions }: Subject,
  connections: number,
  seconds: number,
) {
  const { pid } = machine;
  if (pid === undefined) throw new ToolError('QEMU did not start.');
  const executed = await instructions.read();
  const before = await processorTime(pid);
  const parameters = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  const found = parseWrk(await space.run('wrk', [...parameters, `http://${site.guest}:8080/`]));
  const after = await processorTime(pid);
  return {
    ...found,
    instructions: ((await instructions.read()) - executed) / found.requests,
    guest: (after.guest - before.guest) / found.requests,
    all: (after.all - before.all) / found.requests,
  };
}

const figures = ['instructions', 'guest', 'all', 'requestsPerSecond', 'p50', 'p99'] as const;
type Figure = (typeof figures)[number];
const titles: Readonly<Record<Figure, string>> = {
  instructions: 'instructions per request',
  guest: 'virtual processors, us per request',
  all: 'whole emulator, us per request',
  requestsPerSecond: 'requests/s',
  p50: 'p50, ms',
  p99: 'p99, ms',
};

type Row = Readonly<Record<SystemName, Summary>>;

async function compare(subjects: readonly Subject[], connections: number, options: Options) {
  const samples: Record<SystemName, Record<Figure, number[]>> = {
    ours: { instructions: [], guest: [], all: [], requestsPerSecond: [], p50: [], p99: [] },
    peer: { instructions: [], guest: [], all: [], requestsPerSecond: [], p50: [], p99: [] },
  };
  for (const subject of subjects) await loadWindow(subject, connections, options.warmUp);
  for (let window = 0; window < options.windows; window++) {
    for (const subject of subjects) {
      const found = await loadWindow(subject, connections, options.seconds);
      for (const figure of figures) samples[subject.name][figure].push(found[figure]);
    }
  }
  return figures.map((figure): [Figure, Row] => [
    figure,
    { ours: summarise(samples.ours[figure]), peer: summarise(samples.peer[figure]) },
  ]);
}

function render(connections: number, rows: readonly [Figure, Row][]): string {
  const show = ({ median, min }: Summary) =>
    `${median.toFixed(median < 10 ? 2 : 0)} (least ${min.toFixed(min < 10 ? 2 : 0)})`;
  return [
    `${connections} connections`,
    ...rows.map(
      ([figure, { ours, peer }]) =>
        `  ${titles[figure].padEnd(36)} ${show(ours).padEnd(22)} ${show(peer).padEnd(22)} ` +
        (ours.median / peer.median).toFixed(2),
    ),
  ].join('\n');
}

async function main(options: Options): Promise<void> {
  const obstacle = whyNoNamespace();
  if (obstacle !== undefined) throw new ToolError(`This benchmark cannot run: ${obstacle}.`);
  const before = load();
  const subjects: Subject[] = [];
  try {
    for (const name of ['ours', 'peer'] as const) {
      subjects.push(await step(`Booting ${systemNames[name]}`, () => boot(name, options)));
    }
    const series = [];
    for (const connections of options.connections) {
      const rows = await step(`${connections} connections`, () =>
        compare(subjects, connections, options),
      );
      series.push({ connections, rows: Object.fromEntries(rows) });
      console.log(render(connections, rows));
    }
    const report = { host: await describeHost(), options, load: { before, after: load() }, series };
    await mkdir(benchFolder, { recursive: true });
    await writeFile(path.join(benchFolder, 'cost.json'), `${JSON.stringify(report, null, 2)}\n`);
    console.log(
      `Medians of ${options.windows} alternating windows of ${options.seconds} s: ours, ` +
        `${options.against ?? systemNames.peer}, ratio. Load average ${before.toFixed(1)} before, ` +
        `${load().toFixed(1)} after.`,
    );
  } finally {
    for (const { machine, space } of subjects) {
      machine.kill();
      await machine.end;
      await space.remove();
    }
  }
}

const program = new Command()
  .name('npm run bench:cost --')
  .description('measure the processor time of a request, ours and Linux, in alternating windows')
  .option('--windows <number>', 'windows of each system', parseWhole, 12)
  .option('--processors <number>', 'processors of the machines', parseWhole, 1)
  .option('--connections <list>', 'connections of wrk', listOf(parseWhole), [16, 256])
  .option('--warm-up <seconds>', 'how long wrk runs before', parseWhole, 25)
  .option('--seconds <number>', 'length of a window', parseWhole, 3)
  .option('--memory <MiB>', 'memory of the machines', parseWhole, 768)
  .option('--against <file>', "compare with another build's dist/runtime instead of Linux")
  .option('--bare', 'ours is a bare app, which runs without Node')
  .action(main);

await runProgram(program);
