// `npm run entropy`: has rngtest (Debian: rng-tools5) judge what a machine reads from /dev/urandom.
import { connect } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import { execa } from 'execa';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { printed } from './support/console.ts';
import { guestInitrd } from './support/guest.ts';

/** Bytes of a block of FIPS 140-2's tests. rngtest takes four more at the start. */
const blockSize = 2500;
const bootstrap = 4;
/** A perfect source fails so many blocks of 10,000. */
const expectedOf10000 = 8;
const port = 20_009;

function megabytes(text: string): number {
  const number = Number(text);
  if (!(number >= 1 && number <= 10_000)) throw new InvalidArgumentError('From 1 to 10000.');
  return number;
}

const program = new Command('npm run entropy --')
  .description('Has rngtest judge random numbers of a machine.')
  .option('--megabytes <count>', 'how many', megabytes, 100)
  .option('--cpu <model>', "QEMU's CPU, such as max,-rdrand,-rdseed")
  .parse();
const options = program.opts<{ megabytes: number; cpu?: string }>();

const blocks = Math.floor((options.megabytes * 1e6) / blockSize);
const machine = await startMachine({
  initrd: await guestInitrd('entropy', 'apps/entropy.ts'),
  append: `-- serve ${blocks * blockSize + bootstrap}`,
  network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 9 }] },
  timeoutMilliseconds: 3_600_000,
  ...(options.cpu === undefined ? {} : { extraArguments: ['-cpu', options.cpu] }),
});
await printed(machine, /serving/);
const socket = connect(port, '127.0.0.1');
const test = execa('rngtest', ['-c', String(blocks)], {
  reject: false,
  stdin: 'pipe',
});
socket.pipe(test.stdin);
test.stdin.on('error', () => {}); // it has read enough, or is not installed
const result = await test;
socket.destroy();
machine.kill();
await machine.end;
if (result.code === 'ENOENT') {
  console.error('rngtest is not installed. On Debian: apt-get install rng-tools5');
  process.exit(1);
}
console.log(result.stderr);
const failures = Number(/FIPS 140-2 failures: (\d+)/.exec(result.stderr)?.[1] ?? Number.NaN);
const successes = Number(/FIPS 140-2 successes: (\d+)/.exec(result.stderr)?.[1] ?? Number.NaN);
const expected = (blocks * expectedOf10000) / 10_000;
const most = expected + 6 * Math.sqrt(expected) + 3;
const isGood = failures + successes === blocks && failures <= most;
console.log(
  `${failures} of ${blocks} blocks failed; a perfect source fails about ${expected.toFixed(0)}, ` +
    `more than ${most.toFixed(0)} are a fault: ${isGood ? 'good' : 'BAD'}`,
);
process.exitCode = isGood ? 0 : 1;
