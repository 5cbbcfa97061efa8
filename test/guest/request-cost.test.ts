// Guards what a request over HTTP costs, server and client in one machine: system calls and instructions,
// which a busy host does not change, beside the figures in test/bench/figures.json. After work that makes
// requests cheaper, store what this test logs.
import test from 'ava';
import { startMachine } from '../../lib/cli/src/machine.ts';
import figures from '../bench/figures.json' with { type: 'json' };
import { InstructionCounter } from '../bench/support/instructions.ts';
import { guestInitrd, tail } from './support/guest.ts';

const warmUp = 8000;
const measured = 4000;
/** The number of threads that wait for each other's locks differs from run to run. */
const systemCallAllowance = 1.15;
/** So does when V8's compilers are done. */
const instructionAllowance = 1.35;
const limit = 900_000;

test('a request costs no more than it did', async (t) => {
  t.timeout(limit + 10_000);
  const counter = await InstructionCounter.create('request-cost');
  const marks: Promise<number>[] = [];
  let console = '';
  const machine = await startMachine({
    initrd: await guestInitrd('request-cost', '../bench/apps/request-cost.mjs'),
    append: `-- ${warmUp} ${measured}`,
    extraArguments: counter.arguments,
    timeoutMilliseconds: limit,
    // The app pauses after each of its two words.
    onOutput: (text) => {
      console += text;
      const passed = [...console.matchAll(/^(begin\r?\n|end \{)/gm)].length;
      while (marks.length < passed) marks.push(counter.read());
    },
  });
  const result = await machine.end;
  t.is(result.code, 0, tail(result));
  const [before = Number.NaN, after = Number.NaN] = await Promise.all(marks);
  const calls = JSON.parse(/^end (\{.*\})/m.exec(result.output)?.[1] ?? '{}');
  const systemCalls = Object.values<number>(calls).reduce((sum, count) => sum + count, 0);
  const instructions = Math.round((after - before) / measured);
  t.log(JSON.stringify({ systemCalls, instructions, calls }));
  t.true(systemCalls > 0 && instructions > 0);
  t.true(systemCalls <= figures.systemCallsPerRequest * systemCallAllowance);
  t.true(instructions <= figures.instructionsPerRequest * instructionAllowance);
});
