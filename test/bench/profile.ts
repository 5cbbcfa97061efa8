// Where the time goes: `npm run profile -- http` (as root: the guest is on a TAP device in a network
// namespace) boots a server, loads it with wrk, and samples the whole machine: the kernel, the shim, Node,
// and the JavaScript of the app and of the system isolate. Build first: npm run build.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { runCommand, ToolError } from '../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import {
  buildFolder,
  inRepository,
  kernelElf,
  nodeBinary,
  shimLibrary,
} from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { Monitor } from '../guest/support/monitor.ts';
import { Namespace, site, whyNoNamespace } from '../guest/support/namespace.ts';
import { systemMachine } from '../guest/support/systems.ts';
import { type Load, runWrk } from './load/wrk.ts';
import { parseWhole, runProgram } from './support/program.ts';
import {
  CodeMap,
  foldSamples,
  parseMaps,
  parsePerfMap,
  parseSamples,
  parseSymbols,
  Resolver,
  type Sample,
  summariseSamples,
  type ThreadShare,
} from './support/samples.ts';

const folder = path.join(buildFolder, 'profile');
const client = inRepository('test/bench/load/client.ts');
const machineLimit = 900_000;
const url = `http://${site.guest}:8080`;

interface Options {
  readonly processors: number;
  readonly connections: number;
  readonly warmUp: number;
  readonly seconds: number;
  readonly frequency: number;
  readonly memory: number;
  readonly top: number;
}

/** Samples of the load alone, and what names them. */
interface Recording {
  readonly samples: readonly Sample[];
  readonly kernel: bigint;
  readonly maps: string;
  readonly compiled: string;
  readonly threads: ReadonlyMap<number, string>;
  readonly load: Load;
}

async function start(
  options: Options,
  space: Namespace,
  monitor: Monitor,
): Promise<RunningMachine> {
  const machine = await systemMachine(
    {
      name: 'profile-http',
      entry: '../bench/apps/profile.mjs',
      network: { tap: site.tap, mac: site.mac },
      launcher: space.launcher,
      memoryMegabytes: options.memory,
      processors: options.processors,
      bundling: {
        arguments: ['node', '--perf-basic-prof', '--enable-source-maps', '/app/main.mjs'],
      },
    },
    'ours',
  );
  return startMachine({
    ...machine,
    append: `profile=${options.frequency}`,
    extraArguments: [...monitor.arguments],
    timeoutMilliseconds: machineLimit,
  });
}

async function record(options: Options, space: Namespace): Promise<Recording> {
  const monitor = new Monitor(folder, 'monitor');
  const dump = path.join(folder, 'samples');
  const running = await start(options, space, monitor);
  try {
    const waiting = space.start([
      nodeBinary,
      client,
      'first',
      JSON.stringify({ host: site.guest }),
    ]);
    await waiting.printed(/^\d+(\.\d+)?$/m);
    const place = /profile: (\d+) bytes of samples at physical 0x([0-9a-f]+)/.exec(
      running.output(),
    );
    if (place === null) throw new ToolError('The kernel has no memory for samples: use --memory');
    const size = Number(place[1]);
    const address = Number.parseInt(place[2] as string, 16);
    const { connections } = options;
    const wrk = (seconds: number) => runWrk(space, { url: `${url}/`, connections, seconds });
    const read = async () => {
      await monitor.saveMemory(address, size, dump);
      return parseSamples(await readFile(dump));
    };
    const ask = (name: string) =>
      space.run('curl', ['--silent', '--max-time', '60', `${url}/${name}`]);
    await wrk(options.warmUp);
    const before = await read();
    const load = await wrk(options.seconds);
    const after = await read();
    if (after.taken > after.kept.length) {
      throw new ToolError(
        `${after.taken} samples do not fit: use a lower --frequency, or fewer --seconds`,
      );
    }
    const threads = JSON.parse(await ask('threads')) as [number, string][];
    return {
      samples: after.kept.slice(before.kept.length),
      kernel: after.kernel,
      maps: await ask('maps'),
      compiled: await ask('compiled'),
      threads: new Map(threads),
      load,
    };
  } finally {
    running.kill();
    await running.end;
    monitor.close();
  }
}

/** Functions of a file; of one without symbols those that it exports. Empty for what is not on the host. */
async function readSymbols(file: string): Promise<CodeMap> {
  const nm = (...parameters: string[]) =>
    runCommand('nm', ['--demangle', '--defined-only', '--print-size', ...parameters, file], {
      remedy: 'Install binutils: apt-get install binutils',
    }).catch(() => '');
  const found = parseSymbols(await nm());
  return new CodeMap(found.length > 0 ? found : parseSymbols(await nm('--dynamic')));
}

async function makeResolver(recording: Recording): Promise<Resolver> {
  const mappings = parseMaps(recording.maps);
  const files = new Map<string, CodeMap>();
  for (const file of new Set(mappings.map((mapping) => mapping.file))) {
    if (!file.startsWith('/')) continue;
    // The base holds the host's libraries, and stripped copies of our own files.
    const onHost =
      file === '/bin/node' ? nodeBinary : file.endsWith('/shim.so') ? shimLibrary : file;
    files.set(file, await readSymbols(onHost));
  }
  const none = new CodeMap([]);
  return new Resolver(
    recording.kernel,
    await readSymbols(kernelElf),
    new CodeMap(parsePerfMap(recording.compiled)),
    mappings,
    (file) => files.get(file) ?? none,
  );
}

function render(threads: readonly ThreadShare[], { samples, load }: Recording, top: number) {
  const percent = (count: number) => `${((100 * count) / samples.length).toFixed(1).padStart(5)} %`;
  const lines = threads.flatMap((thread) => [
    `${percent(thread.samples)}  ${thread.name}: ${thread.parts
      .map(({ name, samples: count }) => `${name} ${percent(count).trim()}`)
      .join(', ')}`,
    ...(thread.name === 'idle' ? [] : thread.symbols.slice(0, top)).map(
      ({ name, samples: count }) => `    ${percent(count)}  ${name.slice(0, 110)}`,
    ),
  ]);
  return [
    `${samples.length} samples; ${load.requestsPerSecond} requests/s while they were taken`,
    ...lines,
  ].join('\n');
}

async function main(what: string, options: Options): Promise<void> {
  if (what !== 'http') throw new ToolError(`There is no profile of "${what}": choose http.`);
  const obstacle = whyNoNamespace();
  if (obstacle !== undefined) throw new ToolError(`This profile cannot be taken: ${obstacle}.`);
  await mkdir(folder, { recursive: true });
  const space = await Namespace.create();
  try {
    await space.startNameAndAddressServer();
    const recording = await step('Sampling a server under load', () => record(options, space));
    const resolver = await step('Finding the symbols', () => makeResolver(recording));
    const nameOf = (thread: number) =>
      thread === 0 ? 'idle' : `${recording.threads.get(thread) ?? 'ended'} (${thread})`;
    const threads = summariseSamples(recording.samples, resolver, nameOf);
    const text = render(threads, recording, options.top);
    const folded = path.join(folder, 'http.folded');
    await writeFile(folded, foldSamples(threads));
    await writeFile(path.join(folder, 'http.txt'), `${text}\n`);
    console.log(`${text}\n\nFor flame graphs: ${folded}`);
  } finally {
    await space.remove();
  }
}

const program = new Command()
  .name('npm run profile --')
  .description('show where the machine spends its time while it serves')
  .argument('<what>', 'http: a hello over HTTP, under wrk')
  .option('--processors <number>', 'processors of the machine', parseWhole, 1)
  .option('--connections <number>', 'connections of wrk', parseWhole, 16)
  .option('--warm-up <seconds>', 'how long wrk runs before', parseWhole, 20)
  .option('--seconds <number>', 'how long samples count', parseWhole, 8)
  .option('--frequency <hertz>', 'samples per second and processor', parseWhole, 2000)
  .option('--memory <MiB>', 'memory of the machine', parseWhole, 768)
  .option('--top <number>', 'symbols to print for each thread', parseWhole, 20)
  .action(main);

await runProgram(program);
