// How TCP gets along on a wire that loses, repeats and swaps frames, ours and Linux's in the same machine:
// `npm run bench:tcp` (as root: the guests are on a TAP device in a network namespace, behind our relay).
//
// The other end is always this host's TCP. The seed decides what happens to which frame, so both systems
// meet the same fates; they are booted in turns, so that other load meets both alike.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ToolError } from '../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import type { NetworkOptions } from '../../lib/cli/src/network.ts';
import { buildFolder, inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { patternDigest } from '../guest/network/pattern.ts';
import { guestBase } from '../guest/network/ports.ts';
import { Namespace, site, whyNoNamespace } from '../guest/support/namespace.ts';
import { HostPeer, networkApp, TaskHost } from '../guest/support/network.ts';
import type { Program } from '../guest/support/program.ts';
import { bridgeArguments, relayPorts, type WireFaults } from '../guest/support/relay.ts';
import { type MachineSystem, systemMachine, systemTitles } from '../guest/support/systems.ts';
import { renderTable } from './report/table.ts';
import { describeHost, type Host, load } from './support/host.ts';
import { processorTime } from './support/processor-time.ts';
import { listOf, parseOneOf, runProgram } from './support/program.ts';
import { type Summary, summarise } from './support/statistics.ts';

/** The systems that are compared: `peer` is one of the Linux peers. */
const systems = ['ours', 'peer'] as const;
type SystemName = (typeof systems)[number];

const benchFolder = path.join(buildFolder, 'bench');
const directions = ['out of the guest', 'into the guest'] as const;
type Direction = (typeof directions)[number];
const machineLimit = 7_200_000;
/** The longest that one stream may take, in seconds. */
const streamLimit = 1800;
const congestionControlFile = '/proc/sys/net/ipv4/tcp_congestion_control';
const peerBase = 9000;
const mebibyte = 2 ** 20;

interface Options {
  readonly rounds: number;
  /** Percent of the frames that are lost. */
  readonly loss: readonly number[];
  /** Milliseconds from end to end, one way. */
  readonly latency: readonly number[];
  /** Percent of the frames that are swapped, and of those that are repeated. */
  readonly disorder: number;
  readonly mebibytes?: number;
  readonly seed: number;
  /** Streams over each wire and each way, with a seed each. */
  readonly streams: number;
  readonly memory: number;
  readonly processors: number;
  readonly system?: SystemName;
  readonly peer: Exclude<MachineSystem, 'ours'>;
  /** The TAP device itself, without a relay and with all offloads. */
  readonly direct: boolean;
  /** Keeps the frames of the last machine of each system, as the guest's device saw them. */
  readonly capture: boolean;
}

/** A kind of wire. */
interface Wire {
  readonly loss: number;
  readonly latency: number;
  readonly disorder: number;
}

/** How one stream went. */
interface Stream {
  readonly wire: Wire;
  readonly direction: Direction;
  readonly mebibytes: number;
  /** Megabytes (10^6) per second. */
  readonly rate: number;
  /** Processor time of QEMU per megabyte, ms. */
  readonly processorTime: number;
}

/** One line of the table. */
interface Row {
  readonly wire: Wire;
  readonly direction: Direction;
  readonly mebibytes: number;
  readonly rate: Partial<Record<SystemName, Summary>>;
  readonly processorTime: Partial<Record<SystemName, Summary>>;
  /** Our rate divided by the peer's. */
  readonly ratio?: number;
}

/** build/bench/tcp.json. */
interface TcpReport {
  readonly date: string;
  readonly host: Host;
  readonly options: Options;
  /** What this host sends with: BBR hardly minds losses. */
  readonly congestionControl: string;
  readonly load: { readonly before: number; readonly after: number };
  readonly rows: readonly Row[];
}

/** Size of a stream in MiB: recovery from losses takes round trips, not bandwidth. */
function streamSize({ loss, latency }: Wire, options: Options): number {
  if (options.mebibytes !== undefined) return options.mebibytes;
  const near = loss >= 10 ? 2 : loss >= 3 ? 8 : loss >= 1 ? 16 : 32;
  return latency > 0 ? Math.max(1, near / 8) : near;
}

function wires({ direct, loss, latency, disorder }: Options): Wire[] {
  if (direct) return [{ loss: 0, latency: 0, disorder: 0 }];
  return latency.flatMap((time) =>
    loss.map((percent) => ({ loss: percent, latency: time, disorder })),
  );
}

function faultsOf({ loss, latency, disorder }: Wire): WireFaults {
  return {
    loss: loss / 100,
    duplication: disorder / 100,
    reordering: disorder / 100,
    delay: 3 + latency / 4,
    latency,
  };
}

async function startRelay(space: Namespace, wire: Wire, seed: number): Promise<Program> {
  const program = inRepository('test/guest/support/relay.ts');
  const faults = JSON.stringify(faultsOf(wire));
  const relay = space.start([nodeBinary, program, faults, String(seed)]);
  await relay.printed(/relay at/);
  return relay;
}

/** One machine, and what talks with it. */
interface Bench {
  readonly space: Namespace;
  readonly options: Options;
  readonly machine: RunningMachine;
  readonly guest: TaskHost;
  readonly host: TaskHost;
}

async function stream(
  bench: Bench,
  wire: Wire,
  direction: Direction,
  seed: number,
): Promise<Stream> {
  const { guest, host, machine, options } = bench;
  const mebibytes = streamSize(wire, options);
  const task = { length: mebibytes * mebibyte, seed };
  const before = processorTime(machine.pid ?? 0) ?? Number.NaN;
  const found =
    direction === 'out of the guest'
      ? await guest.run('send', { ...host.endpoint('sink'), ...task })
      : await guest.run('receive', { ...host.endpoint('source'), ...task });
  const spent = (processorTime(machine.pid ?? 0) ?? Number.NaN) - before;
  const expected = patternDigest(task.length, seed);
  if (found.sha256 !== expected.sha256 || found.length !== expected.length) {
    throw new ToolError(
      `${direction}, ${describe(wire)}, seed ${seed}: ${found.length} bytes with SHA-256 ` +
        `${found.sha256} arrived instead of ${expected.length} with ${expected.sha256}.`,
    );
  }
  const processor = (spent * 1e6) / task.length;
  return { wire, direction, mebibytes, rate: found.rate, processorTime: processor };
}

/** Boots a system and sends all streams. */
async function measure(name: SystemName, options: Options, round: number): Promise<Stream[]> {
  const space = await Namespace.create();
  let running: RunningMachine | undefined;
  try {
    await space.startNameAndAddressServer();
    const quiet: Wire = { loss: 0, latency: 0, disorder: 0 };
    let relay = options.direct ? undefined : await startRelay(space, quiet, 1);
    if (relay) space.start(['qemu-system-x86_64', ...bridgeArguments(site.tap)]);
    const peer = await HostPeer.start(peerBase, space.launcher);
    const datagram = { local: relayPorts.ends[0], remote: relayPorts.relay[0] };
    const pcap = path.join(benchFolder, `tcp-${name}.pcap`);
    await mkdir(benchFolder, { recursive: true });
    const network: NetworkOptions = {
      mac: site.mac,
      ...(relay ? { datagram } : { tap: site.tap }),
      ...(options.capture ? { pcap } : {}),
    };
    const machine = await systemMachine(
      {
        name: `bench-tcp-${name}`,
        entry: networkApp,
        network,
        linux: { address: site.guest, gateway: site.host, nameserver: site.host },
        launcher: space.launcher,
        memoryMegabytes: options.memory,
        processors: options.processors,
      },
      name === 'peer' ? options.peer : 'ours',
    );
    running = await startMachine({ ...machine, timeoutMilliseconds: machineLimit });
    const guest = new TaskHost(site.guest, guestBase, space.launcher, streamLimit);
    const host = new TaskHost(site.host, peerBase, space.launcher, streamLimit);
    const retries = ['--retry', '90', '--retry-all-errors', '--retry-delay', '1'];
    await guest.curl(...retries, '--retry-connrefused', guest.url('http', 'http', '/ready'));
    const bench: Bench = { space, options, machine: running, guest, host };
    // Node compiles what is used often, and so does QEMU.
    await stream(bench, quiet, 'out of the guest', 1);
    await stream(bench, quiet, 'into the guest', 1);
    const streams: Stream[] = [];
    for (const wire of wires(options)) {
      for (const direction of directions) {
        const title = `${titleOf(name, options)}, ${describe(wire)}, ${direction}`;
        const found = await step(title, async () => {
          const some: Stream[] = [];
          for (let count = 0; count < options.streams; count++) {
            const seed = options.seed + (round - 1) * options.streams + count;
            await relay?.stop();
            relay = relay && (await startRelay(space, wire, seed));
            some.push(await stream(bench, wire, direction, seed));
          }
          return some;
        });
        console.error(`  ${found.map(({ rate }) => rate.toFixed(2)).join(', ')} MB/s`);
        streams.push(...found);
      }
    }
    await guest.exit().catch(() => {}); // It is ended below if it does not.
    await peer.stop();
    return streams;
  } catch (error) {
    const console = running?.output().slice(-3000) ?? '';
    const reason = error instanceof Error ? error.message : String(error);
    throw new ToolError(`${titleOf(name, options)}: ${reason}\nIts console:\n${console}`);
  } finally {
    running?.kill();
    await running?.end;
    await space.remove();
  }
}

function titleOf(name: SystemName, { peer }: Options): string {
  return systemTitles[name === 'ours' ? 'ours' : peer];
}

function describe({ loss, latency, disorder }: Wire): string {
  return `${loss} % lost, ${disorder} % swapped and repeated, ${latency} ms`;
}

function rowsOf(found: Readonly<Record<SystemName, readonly Stream[]>>): Row[] {
  const all = [...found.ours, ...found.peer];
  const keyOf = ({ wire, direction }: Stream) => `${describe(wire)}, ${direction}`;
  return [...new Set(all.map(keyOf))].map((key) => {
    const same = (name: SystemName) => found[name].filter((one) => keyOf(one) === key);
    const { wire, direction, mebibytes } = all.find((one) => keyOf(one) === key)!;
    const summarised = (figure: 'rate' | 'processorTime') =>
      Object.fromEntries(
        systems
          .filter((name) => same(name).length > 0)
          .map((name) => [name, summarise(same(name).map((one) => one[figure]))]),
      ) as Partial<Record<SystemName, Summary>>;
    const rate = summarised('rate');
    const row: Row = {
      wire,
      direction,
      mebibytes,
      rate,
      processorTime: summarised('processorTime'),
    };
    return rate.ours && rate.peer ? { ...row, ratio: rate.ours.median / rate.peer.median } : row;
  });
}

function render(report: TcpReport): string {
  const { host, options, rows } = report;
  const spread = (found: Summary | undefined) => {
    if (!found) return '';
    const format = (value: number) => value.toFixed(value >= 10 ? 1 : 2);
    return `${format(found.median)} (${format(found.min)} to ${format(found.max)})`;
  };
  const time = (found: Summary | undefined) => found?.median.toFixed(1) ?? '';
  const names = systems.map((name) => `${titleOf(name, options)}, MB/s`);
  const cells = [
    ['lost', 'one way', 'direction', 'MiB', ...names, 'ratio', 'QEMU ms/MB', 'peer'],
    ...rows.map(({ wire, direction, mebibytes, rate, ratio, processorTime }) => [
      `${wire.loss} %`,
      `${wire.latency} ms`,
      direction,
      String(mebibytes),
      spread(rate.ours),
      spread(rate.peer),
      ratio?.toFixed(2) ?? '',
      time(processorTime.ours),
      time(processorTime.peer),
    ]),
  ];
  const relay = options.direct
    ? 'TAP with offloads, no relay'
    : `${options.disorder} % of the frames swapped and as many repeated`;
  return [
    renderTable(cells),
    '',
    `${relay}; medians of ${options.rounds} interleaved rounds of ${options.streams} streams each ` +
      `(least to greatest), seeds from ${options.seed}; SHA-256 equal in all. This host sends with ${report.congestionControl}.`,
    `Load average ${report.load.before.toFixed(1)} before, ${report.load.after.toFixed(1)} after. ` +
      `${host.emulator}, ${host.processors} processors (${host.processor}), ` +
      `${host.memoryMegabytes} MiB, ${host.system}; ${options.memory} MiB for the guest.`,
  ].join('\n');
}

async function main(options: Options): Promise<void> {
  const obstacle = whyNoNamespace();
  if (obstacle !== undefined) throw new ToolError(`This benchmark cannot run: ${obstacle}.`);
  const chosen = options.system ? [options.system] : systems;
  const date = new Date().toISOString();
  const before = load();
  const found: Record<SystemName, Stream[]> = { ours: [], peer: [] };
  for (let round = 1; round <= options.rounds; round++) {
    for (const name of chosen) found[name].push(...(await measure(name, options, round)));
  }
  const report: TcpReport = {
    date,
    host: await describeHost(),
    options,
    congestionControl: (await readFile(congestionControlFile, 'utf8')).trim(),
    load: { before, after: load() },
    rows: rowsOf(found),
  };
  await mkdir(benchFolder, { recursive: true });
  await writeFile(path.join(benchFolder, 'tcp.json'), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\n${render(report)}`);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || text === '') {
    throw new InvalidArgumentError('It must be a number, such as 5.');
  }
  return value;
}

const parseNumbers = listOf(parseNumber);

const program = new Command()
  .name('npm run bench:tcp --')
  .description('measure TCP on a wire that loses, repeats and swaps frames, ours and Linux')
  .option('--rounds <number>', 'boots of each system', parseNumber, 3)
  .option('--loss <list>', 'percentages of frames lost', parseNumbers, [0, 0.1, 1, 3, 5, 10])
  .option('--latency <list>', 'milliseconds from end to end', parseNumbers, [0, 15])
  .option('--disorder <percent>', 'frames swapped, and frames repeated', parseNumber, 1)
  .option(
    '--mebibytes <MiB>',
    'size of each stream (by default less where more is lost)',
    parseNumber,
  )
  .option('--seed <number>', 'decides what happens to which frame', parseNumber, 1)
  .option(
    '--streams <number>',
    'streams over each wire and each way, with a seed each',
    parseNumber,
    3,
  )
  .option('--memory <MiB>', 'memory of the machine', parseNumber, 768)
  .option('--processors <number>', 'processors of the machine', parseNumber, 1)
  .option('--system <name>', 'measure only ours, or only the peer', parseOneOf(systems))
  .option('--peer <name>', 'slim or cloud', parseOneOf(['slim', 'cloud']), 'slim')
  .option('--direct', 'the TAP device itself: no relay, all offloads', false)
  .option('--capture', 'keep the frames in build/bench/tcp-*.pcap', false)
  .action(main);

await runProgram(program);
