// Round trips between two threads of Node, by RPC and by messages on a bare MessagePort, and in a machine between two
// isolates: `npm run bench:rpc`.
// What is measured, and how, is in apps/rpc.ts.
import { Command } from 'commander';
import { execa } from 'execa';
import { ToolError } from '../../lib/cli/src/command.ts';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { systemMachine } from '../guest/support/systems.ts';
import { describeHost } from './support/host.ts';
import { InstructionCounter } from './support/instructions.ts';
import { parseWhole, runProgram } from './support/program.ts';

interface Options {
  readonly rounds: number;
  readonly calls: number;
  readonly concurrency: string;
  readonly guest?: boolean;
  readonly processors: number;
  readonly instructions?: boolean;
}

const machineLimit = 600_000;

/** Passes on what the app says of its measurements. @param counter of instructions, if they are counted */
function reporter(counter?: InstructionCounter): (piece: string) => void {
  let text = '';
  let begin = Promise.resolve(0);
  const count = async (from: Promise<number>, calls: number, what: string): Promise<void> => {
    const instructions = ((await counter?.read()) ?? 0) - (await from);
    console.log(
      `${what}: ${(instructions / calls).toFixed(0)} instructions of the machine for each`,
    );
  };
  return (piece) => {
    text += piece;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const found = /^bench: (.*?)\r?$/.exec(line)?.[1];
      if (found !== undefined) console.log(found);
      if (counter === undefined) continue;
      if (line.startsWith('count: begin')) begin = counter.read();
      const [, calls, what] = /^count: (\d+) (.*?)\r?$/.exec(line) ?? [];
      if (what !== undefined) void count(begin, Number(calls), what);
    }
  };
}

async function run(options: Options): Promise<void> {
  const { rounds, calls, concurrency, guest, processors } = options;
  console.log(await describeHost());
  const environment = {
    ROUNDS: String(rounds),
    CALLS: String(calls),
    CONCURRENCY: concurrency,
    COUNTED: options.instructions === true ? '1' : '0',
  };
  const counter =
    options.instructions === true ? await InstructionCounter.create('rpc') : undefined;
  const report = reporter(counter);
  if (guest !== true) {
    const app = execa('node', [inRepository('test/bench/apps/rpc.ts')], { env: environment });
    app.stdout.on('data', (piece: Buffer) => report(piece.toString()));
    await app;
    return;
  }
  const machine = await systemMachine(
    {
      name: 'bench-rpc',
      entry: '../bench/apps/rpc.ts',
      environment,
      memoryMegabytes: 512,
      processors,
    },
    'ours',
  );
  const running = await startMachine({
    ...machine,
    extraArguments: [...(machine.extraArguments ?? []), ...(counter?.arguments ?? [])],
    timeoutMilliseconds: machineLimit,
    onOutput: report,
  });
  const { code, output } = await running.end;
  if (code !== 0) throw new ToolError(`The machine ended with ${code}:\n${output.slice(-3000)}`);
}

await runProgram(
  new Command()
    .name('npm run bench:rpc --')
    .description('remote calls between two threads beside a bare MessagePort')
    .option('--rounds <number>', 'rounds of each, which alternate', parseWhole, 9)
    .option('--calls <number>', 'round trips of a round', parseWhole, 30_000)
    .option('--concurrency <list>', 'calls under way at a time', '1,16,64')
    .option('--guest', 'in a virtual machine instead of on this host')
    .option('--processors <number>', 'of that machine', parseWhole, 2)
    .option('--instructions', 'count instructions, too, in a machine: the same on a busy host')
    .action(run),
);
