// How fast an app serves HTTP and moves bytes on our system, and on Linux in the same machine:
// `npm run bench:http` (as root: the guests are on a TAP device in a network namespace).
//
// The peer is that of bench:boot with virtio_net and a static address. Both systems run the same Node and
// the same app, in turns, so that other load meets both alike.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { ToolError } from '../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder, inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { Namespace, site, whyNoNamespace } from '../guest/support/namespace.ts';
import { systemMachine } from '../guest/support/network.ts';
import { describeHost, type Host, load } from './support/host.ts';
import {
  listOf,
  parseSystem,
  parseWhole,
  runProgram,
  type SystemName,
  systemNames,
  systems,
} from './support/program.ts';
import { type Summary, summarise } from './support/statistics.ts';
import { type Load, parseWrk } from './support/wrk.ts';

const benchFolder = path.join(buildFolder, 'bench');
const client = inRepository('test/bench/support/network-client.ts');
const machineLimit = 600_000;
const megabyte = 1_000_000;

interface Options {
  readonly rounds: number;
  readonly processors: readonly number[];
  readonly connections: readonly number[];
  readonly warmUp: number;
  readonly seconds: number;
  readonly megabytes: number;
  readonly memory: number;
  readonly system?: SystemName;
}

/** What one boot of a system gave, by the name of the figure. */
type Figures = Readonly<Record<string, number>>;

/** Figures of both systems with one number of processors. */
interface Series {
  readonly processors: number;
  readonly rounds: Record<SystemName, Figures[]>;
}

/** A figure's medians. */
interface Row {
  readonly figure: string;
  readonly ours?: Summary;
  readonly peer?: Summary;
  /** Ours divided by the peer's. */
  readonly ratio?: number;
}

/** build/bench/http.json. */
interface HttpReport {
  readonly date: string;
  readonly host: Host;
  readonly options: Options;
  readonly load: { readonly before: number; readonly after: number };
  readonly series: readonly { readonly processors: number; readonly rows: readonly Row[] }[];
}

async function prepare(name: SystemName, processors: number, options: Options, space: Namespace) {
  return systemMachine(
    {
      name: `bench-http-${name}`,
      entry: '../bench/apps/http.mjs',
      network: { tap: site.tap, mac: site.mac },
      linux: { address: site.guest, gateway: site.host, nameserver: site.host },
      launcher: space.launcher,
      memoryMegabytes: options.memory,
      processors,
    },
    name === 'peer',
  );
}

/** Boots a system and takes all its figures. */
async function measure(
  name: SystemName,
  processors: number,
  options: Options,
  space: Namespace,
): Promise<Figures> {
  const machine = await prepare(name, processors, options, space);
  const waiting = space.start([nodeBinary, client, 'first', site.guest]);
  await waiting.printed(/waiting/);
  const start = performance.timeOrigin + performance.now();
  const running = await startMachine({ ...machine, timeoutMilliseconds: machineLimit });
  try {
    await waiting.printed(/^\d+(\.\d+)?$/m);
    const firstAnswer = Number(/^\d+(\.\d+)?$/m.exec(waiting.output)?.[0]) - start;
    const figures: Record<string, number> = { 'QEMU start to first HTTP 200, ms': firstAnswer };
    for (const connections of options.connections) {
      await wrk(space, connections, options.warmUp); // Node compiles what is used often.
      const found = await wrk(space, connections, options.seconds);
      figures[`requests/s, ${connections} connections`] = found.requestsPerSecond;
      figures[`p50, ${connections} connections, ms`] = found.p50;
      figures[`p99, ${connections} connections, ms`] = found.p99;
      figures[`errors, ${connections} connections`] = found.errors;
    }
    for (const [direction, words] of [
      ['send', 'to the guest'],
      ['receive', 'from the guest'],
    ] as const) {
      const bytes = String(options.megabytes * megabyte);
      const rate = await space.run(nodeBinary, [client, direction, site.guest, bytes]);
      figures[`bulk TCP ${words}, MB/s`] = Number(rate);
    }
    return figures;
  } catch (error) {
    const console = running.output().slice(-3000);
    const reason = error instanceof Error ? error.message : String(error);
    throw new ToolError(`${systemNames[name]}: ${reason}\nIts console:\n${console}`);
  } finally {
    await end(running, space);
    await waiting.stop('SIGKILL');
  }
}

async function end(running: RunningMachine, space: Namespace): Promise<void> {
  await space
    .run('curl', ['--silent', '--max-time', '5', `http://${site.guest}:8080/exit`])
    .catch(() => '');
  const limit = setTimeout(() => running.kill(), 10_000);
  await running.end;
  clearTimeout(limit);
}

async function wrk(space: Namespace, connections: number, seconds: number): Promise<Load> {
  const parameters = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  return parseWrk(await space.run('wrk', [...parameters, `http://${site.guest}:8080/`]));
}

function rowsOf({ rounds }: Series): Row[] {
  const names = Object.keys(rounds.ours[0] ?? rounds.peer[0] ?? {});
  return names.map((figure) => {
    const summary = (name: SystemName) =>
      rounds[name].length > 0
        ? { [name]: summarise(rounds[name].map((figures) => figures[figure] ?? Number.NaN)) }
        : {};
    const row: Row = { figure, ...summary('ours'), ...summary('peer') };
    return row.ours && row.peer ? { ...row, ratio: row.ours.median / row.peer.median } : row;
  });
}

function spread(summary: Summary | undefined): string {
  if (!summary) return '';
  const digits = summary.median >= 100 ? 0 : summary.median >= 10 ? 1 : 2;
  const format = (value: number) => value.toFixed(digits);
  return `${format(summary.median)} (${format(summary.min)} to ${format(summary.max)})`;
}

function render(report: HttpReport): string {
  const tables = report.series.map(({ processors, rows }) => {
    const cells = [
      [
        `-smp ${processors === 1 ? '1,maxcpus=2' : processors}`,
        ...Object.values(systemNames),
        'ratio',
      ],
      ...rows.map(({ figure, ours, peer, ratio }) => [
        figure,
        spread(ours),
        spread(peer),
        ratio?.toFixed(2) ?? '',
      ]),
    ];
    const widths = cells[0]!.map((_, column) =>
      Math.max(...cells.map((row) => row[column]!.length)),
    );
    return cells
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd(),
      )
      .join('\n');
  });
  const { host, options } = report;
  return [
    ...tables,
    `Medians of ${options.rounds} interleaved rounds (least to greatest); wrk -t1 for ` +
      `${options.seconds} s after a warm-up of ${options.warmUp} s; ${options.megabytes} MB each way. Load average ` +
      `${report.load.before.toFixed(1)} before, ${report.load.after.toFixed(1)} after.`,
    `${host.emulator}, ${host.processors} processors (${host.processor}), ` +
      `${host.memoryMegabytes} MiB, ${host.system}; ${options.memory} MiB for the guest.`,
  ].join('\n\n');
}

async function main(options: Options): Promise<void> {
  const obstacle = whyNoNamespace();
  if (obstacle !== undefined) throw new ToolError(`This benchmark cannot run: ${obstacle}.`);
  const chosen = options.system ? [options.system] : systems;
  const date = new Date().toISOString();
  const before = load();
  const space = await Namespace.create();
  try {
    await space.run('wrk', ['-v']).catch((error: Error) => {
      // wrk prints its version and ends with 1.
      if (/No such file/.test(error.message)) {
        throw new ToolError('wrk is not installed: apt-get install wrk');
      }
    });
    await space.startNameAndAddressServer();
    // The first connection is measured: it must not wait for Linux's ARP, which asks once a second.
    const neighbour = `neighbour replace ${site.guest} lladdr ${site.mac} nud permanent dev ${site.tap}`;
    await space.run('ip', neighbour.split(' '));

    const series: Series[] = [];
    for (const processors of options.processors) {
      const rounds: Series['rounds'] = { ours: [], peer: [] };
      for (let round = 1; round <= options.rounds; round++) {
        for (const name of chosen) {
          const title = `${systemNames[name]}, -smp ${processors}, round ${round}`;
          rounds[name].push(await step(title, () => measure(name, processors, options, space)));
        }
      }
      series.push({ processors, rounds });
    }
    const report: HttpReport = {
      date,
      host: await describeHost(),
      options,
      load: { before, after: load() },
      series: series.map((one) => ({ processors: one.processors, rows: rowsOf(one) })),
    };
    await mkdir(benchFolder, { recursive: true });
    await writeFile(path.join(benchFolder, 'http.json'), `${JSON.stringify(report, null, 2)}\n`);
    console.log(`\n${render(report)}`);
  } finally {
    await space.remove();
  }
}

const parseNumbers = listOf(parseWhole);

const program = new Command()
  .name('npm run bench:http --')
  .description('measure how fast an app serves HTTP and moves bytes, ours and Linux')
  .option('--rounds <number>', 'boots of each system', parseWhole, 5)
  .option('--processors <list>', 'processors of the machine, such as 1,2', parseNumbers, [1])
  .option('--connections <list>', 'connections of wrk', parseNumbers, [16, 256])
  .option('--warm-up <seconds>', 'how long wrk runs before that', parseWhole, 6)
  .option('--seconds <number>', 'how long wrk runs', parseWhole, 8)
  .option('--megabytes <number>', 'size of the bulk streams, in MB', parseWhole, 100)
  .option('--memory <MiB>', 'memory of the machine', parseWhole, 768)
  .option('--system <name>', 'measure only ours, or only the peer', parseSystem)
  .action(main);

await runProgram(program);
