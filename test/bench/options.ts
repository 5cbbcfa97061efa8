// The command line of `npm run bench`.
import path from 'node:path';
import { Argument, Command } from 'commander';
import { ToolError } from '../../lib/cli/src/command.ts';
import { parseMegabytes, parseProcessors } from '../../lib/cli/src/options.ts';
import { buildFolder } from '../../lib/cli/src/paths.ts';
import { parts as allParts } from './parts/index.ts';
import type { BenchOptions, Part } from './parts/part.ts';
import { listOf, parseOneOf, parseWhole } from './support/program.ts';
import { type SystemName, systemNames } from './support/subjects.ts';

/** What to measure, and how. */
export interface Settings {
  readonly parts: readonly Part[];
  /** Ours, and its peers. */
  readonly systems: readonly SystemName[];
  readonly bench: BenchOptions;
  /** Files for the result. */
  readonly json: string;
  readonly html: string;
  /** Builds our system first. */
  readonly build: boolean;
}

/** What the command line gives; undefined where it says nothing. */
interface Given extends Partial<BenchOptions> {
  readonly peers?: readonly SystemName[];
  readonly quick?: boolean;
  readonly json: string;
  readonly html: string;
  readonly build: boolean;
}

const usual: BenchOptions = {
  rounds: 5,
  warmUp: 10,
  seconds: 5,
  processors: [1, 2],
  connections: [16, 64, 256],
  memory: 512,
  megabytes: 50,
  machines: 100,
  isolates: 200,
  memoryStep: 4,
};

/** Shows that everything works; the figures are rough. */
const quick: BenchOptions = {
  ...usual,
  rounds: 2,
  warmUp: 4,
  seconds: 2,
  processors: [1],
  connections: [16],
  megabytes: 5,
  machines: 4,
  isolates: 20,
  memoryStep: 32,
};

const peers: readonly SystemName[] = systemNames.filter((system) => system !== 'ours');
const usualPeers: readonly SystemName[] = ['slim', 'cloud', 'host'];

/**
 * Decides what to measure.
 * @param names of parts; none: all of them
 * @throws ToolError when the options do not go together
 */
export function settingsOf(names: readonly string[], given: Given): Settings {
  const { peers: named, quick: isQuick, json, html, build, ...rest } = given;
  const chosen = named ?? (isQuick ? (['slim'] as const) : usualPeers);
  const { against } = rest;
  if (chosen.includes('other') && against === undefined) {
    throw new ToolError(
      'The peer `other` needs --against FILE: a dist/runtime of another build, put aside before.',
    );
  }
  const systems: SystemName[] = ['ours', ...chosen];
  if (against !== undefined && !systems.includes('other')) systems.push('other');
  const parts = allParts.filter(({ name }) => names.length === 0 || names.includes(name));
  return {
    parts,
    systems: systemNames.filter((system) => systems.includes(system)),
    bench: { ...(isQuick ? quick : usual), ...rest },
    json,
    html,
    build,
  };
}

const describeParts = () =>
  allParts.map(({ name, description }) => `  ${name.padEnd(9)} ${description}`).join('\n');

/**
 * Makes the command.
 * @param run measures
 */
export function benchCommand(run: (settings: Settings) => Promise<void>): Command {
  const folder = path.join(buildFolder, 'bench');
  const names = allParts.map(({ name }) => name);
  const usually = (text: string, value: unknown, quickly: unknown) =>
    `${text} (default: ${value}; with --quick ${quickly})`;
  const whole = (
    key: 'rounds' | 'warmUp' | 'seconds' | 'megabytes' | 'machines' | 'isolates',
    text: string,
  ) => [usually(text, usual[key], quick[key]), parseWhole] as const;
  return new Command()
    .name('npm run bench --')
    .description('measure Runtime.JS and its peers in turns, and compare them')
    .addArgument(
      new Argument('[parts...]', 'what to measure, by default everything').choices(names),
    )
    .option(
      '--peers <list>',
      `systems to compare with, of ${peers.join(', ')} (default: ${usualPeers}; with --quick slim)`,
      listOf(parseOneOf(peers)),
    )
    .option('--quick', 'rough figures in minutes, to see that everything works')
    .option('--rounds <number>', ...whole('rounds', 'how often each system has its turn'))
    .option('--seconds <number>', ...whole('seconds', 'length of a load that counts'))
    .option('--warm-up <seconds>', ...whole('warmUp', 'length of the load before'))
    .option(
      '--processors <list>',
      usually('processors of the machines', usual.processors, quick.processors),
      listOf(parseProcessors),
    )
    .option(
      '--connections <list>',
      usually('connections of the hello', usual.connections, quick.connections),
      listOf(parseWhole),
    )
    .option('--memory <MiB>', `memory of the machines (default: ${usual.memory})`, parseMegabytes)
    .option('--megabytes <number>', ...whole('megabytes', 'size of bulk streams, in MB'))
    .option('--machines <number>', ...whole('machines', 'the most machines at once'))
    .option('--isolates <number>', ...whole('isolates', 'isolates in a machine'))
    .option('--against <file>', 'another dist/runtime of ours: the peer `other`')
    .option('--json <file>', 'where the figures go', path.join(folder, 'report.json'))
    .option('--html <file>', 'where the page goes', path.join(folder, 'report.html'))
    .option('--no-build', 'take the dist/runtime that is there')
    .addHelpText(
      'after',
      `\nParts:\n${describeParts()}\n\nPeers:\n` +
        '  slim   Linux with what this machine needs and no modules; its kernel is built once\n' +
        "  cloud  Debian's kernel for clouds, everything in an initramfs\n" +
        '  host   Node on this Linux, without a virtual machine\n' +
        '  other  another build of ours, with --against\n' +
        '  bare   ours with a bare app instead of Node\n' +
        '  warm, warm-bare              ours and bare, from warm images\n' +
        '  shared, warm-shared, warm-bare-shared\n' +
        '         the same with --share-base: Node in a file that machines share\n',
    )
    .action((parts: string[], given: Given) => run(settingsOf(parts, given)));
}
